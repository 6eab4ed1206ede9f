package relay

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// raiseDescriptors lifts this process's limit of descriptors as far as the administrator allows (soft to hard,
// getrlimit(2)) and returns it.
func raiseDescriptors() uint64 {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	if raised := (unix.Rlimit{Cur: l.Max, Max: l.Max}); l.Cur < l.Max && unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
		return raised.Cur
	}
	return l.Cur
}

// explain adds to an error of socket what an administrator can do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EMFILE):
		var l unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
		return fmt.Errorf("socket: %w: the limit of this process is %d descriptors (RLIMIT_NOFILE) and a call needs four for its media; raise LimitNOFILE= of the service or ulimit -n", err, l.Cur)
	case errors.Is(err, unix.ENFILE):
		return fmt.Errorf("socket: %w: the limit of this system is reached; raise sysctl fs.file-max", err)
	}
	return fmt.Errorf("socket: %w", err)
}
