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

// lockDir makes the directory ours for writing until the files are closed: by a lock on the file in it, and by one on the directory itself, since
// the file may be removed. A file system of another host may have no locks for directories; then the file is all there is.
func lockDir(dir string) ([]*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f, dir); err != nil {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		f.Close()
		return nil, err
	}
	switch err := lock(d, dir); {
	case errors.Is(err, ErrLocked):
		f.Close()
		return nil, err
	case err != nil:
		return []*os.File{f}, nil
	}
	return []*os.File{f, d}, nil
}

// lock locks a file for the directory, or closes it.
func lock(f *os.File, dir string) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = ErrLocked
	}
	f.Close()
	return fmt.Errorf("locking %s: %w", dir, err)
}

// refuseOld fails for a directory with records that this version would not show.
func refuseOld(dir string) error {
	path := filepath.Join(dir, oldName)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s holds call records of an older form, which this version cannot read: move %s away or remove it", path, dir)
	}
	return nil
}
