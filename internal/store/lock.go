package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	lockName = "lock"
	oldName  = "calls.db" // of a form that was never released
)

// lockDir makes the directory ours for writing until the file is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return f, nil
}

// refuseOld fails for a directory with records that this version would not show.
func refuseOld(dir string) error {
	path := filepath.Join(dir, oldName)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s holds call records of an older form, which this version cannot read: move %s away or remove it", path, dir)
	}
	return nil
}
