package relay

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// exhaust leaves this process no descriptor to open until the test ends.
func exhaust(t *testing.T) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	free, err := unix.Dup(0) // the lowest that is free
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(free)
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) })
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
}

func TestDescriptorsRunOut(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	first, second := call(1, a, b), call(2, a, b)
	r.open(first)
	r.open(second)
	r.Close(1)
	r.Close(2)
	r.cool() // both have ports that are free
	if err := r.Open(first); err != nil {
		t.Fatal(err)
	}
	t.Run("the error names the limit and the way out", func(t *testing.T) {
		aboutSockets(t)
		exhaust(t)
		err := r.Open(second)
		var port *PortError
		if !errors.As(err, &port) || !errors.Is(err, unix.EMFILE) {
			t.Fatalf("%v", err)
		}
		for _, word := range []string{"RLIMIT_NOFILE", "LimitNOFILE=", "ulimit -n", "descriptors"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q says nothing of %s", err, word)
			}
		}
	})
	t.Run("warm sockets give way", func(t *testing.T) {
		aboutSockets(t)
		r.Close(1)
		exhaust(t)
		if err := r.Open(second); err != nil {
			t.Fatal(err)
		}
		if n := r.Totals(); n.Sockets != 4 || n.Warm != 0 {
			t.Errorf("%+v", n)
		}
	})
}

func TestRaiseDescriptors(t *testing.T) {
	var was, now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) }()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: was.Max / 2, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	got := raiseDescriptors()
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || got != was.Max || now.Cur != was.Max {
		t.Errorf("raised to %d, the limit is %d of %d", got, now.Cur, was.Max)
	}
}
