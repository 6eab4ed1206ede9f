package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/directsip/directsip/internal/topology"
)

// MaxSocketPath is how many octets the path of a Unix socket may have (unix(7)).
const MaxSocketPath = 107

// socketKind is what a Unix socket is for.
type socketKind struct {
	name, key string
	mode      os.FileMode
	group     int // that has the file; -1: that which the directory gives it
}

// openControl opens the control socket for its owner only.
func openControl(path string) (*web, error) {
	return openSocket(path, socketKind{"control socket", "controlSocket", 0o600, -1})
}

// openView opens the view socket, if there is one, for its owner and a group. Where the group alone is another, back takes that back.
func (s *Server) openView(before, me *topology.Server) (w *web, back func(), err error) {
	path := me.ViewSocket
	if path == "" {
		if me.ViewGroup != "" {
			return nil, nil, fmt.Errorf("viewGroup %s: there is no socket that the group could open; set `viewSocket`, or leave `viewGroup` out", me.ViewGroup)
		}
		return &web{}, nil, nil
	}
	if path == s.socketPath(me) {
		return nil, nil, fmt.Errorf("view socket %s: the control socket is there; choose another `viewSocket`", path)
	}
	kind := socketKind{"view socket", "viewSocket", 0o660, os.Getegid()}
	if me.ViewGroup != "" {
		g, err := user.LookupGroup(me.ViewGroup)
		if err == nil {
			kind.group, err = strconv.Atoi(g.Gid)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("viewGroup %s: %w; name a group of this host", me.ViewGroup, err)
		}
	}
	if before != nil && path == before.ViewSocket { // the group alone is another
		fi, err := os.Stat(path)
		if err == nil {
			err = os.Chown(path, -1, kind.group)
		}
		if err != nil {
			return nil, nil, kind.fault(path, err)
		}
		had := int(fi.Sys().(*syscall.Stat_t).Gid)
		return nil, func() { _ = os.Chown(path, -1, had) }, nil
	}
	w, err = openSocket(path, kind)
	return w, nil, err
}

func (k socketKind) fault(path string, err error) error {
	if errors.Is(err, os.ErrPermission) && k.group >= 0 {
		return fmt.Errorf("%s %s: %w; the user of the server has to be in the group, which a running server is only after a restart, and its directory writable", k.name, path, err)
	}
	return fmt.Errorf("%s %s: %w; its directory must exist and be writable", k.name, path, err)
}

// openSocket replaces a socket that a killed server left behind, but not one that a living server answers on, and no file of another kind.
func openSocket(path string, k socketKind) (*web, error) {
	if len(path) > MaxSocketPath {
		return nil, fmt.Errorf("%s %s: the path has %d bytes, and that of a socket may have %d; choose a shorter `%s` or --data", k.name, path, len(path),
			MaxSocketPath, k.key)
	}
	if fi, err := os.Lstat(path); err == nil {
		if fi.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s %s: a file that is no socket has this name; choose another `%s`", k.name, path, k.key)
		}
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("%s %s: another directsip answers on it; stop that one, or give this one another --data or `%s`", k.name, path, k.key)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("%s %s: the one that is left of an ended server cannot be removed: %w", k.name, path, err)
		}
	}
	// The mode is set before the file exists: it is never open to others.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if fail := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); fail != nil {
			return fail
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		var sys *os.SyscallError
		if errors.As(err, &sys) {
			err = sys.Err
		}
		return nil, k.fault(path, err)
	}
	if err = os.Chown(path, -1, k.group); err == nil {
		err = os.Chmod(path, k.mode)
	}
	if err != nil {
		l.Close()
		return nil, k.fault(path, err)
	}
	return &web{at: path, l: netutil.LimitListener(l, maxViewers), idle: patience}, nil
}
