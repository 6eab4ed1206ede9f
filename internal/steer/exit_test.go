package steer

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
)

// TestExitHears: each program hears the questions for it, and of another's that takes what comes it is told.
func TestExitHears(t *testing.T) {
	exits := [2]*Exit{}
	sockets := [2]int{}
	for i := range exits {
		x, err := OpenExit()
		if err != nil {
			lack.Of(t, err)
		}
		defer x.Close()
		exits[i] = x
		if sockets[i], err = x.OpenSocket(6); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(sockets[i])
	}
	for range 3 {
		for i, x := range exits {
			if !x.Hears(sockets[i]) {
				t.Errorf("program %d does not hear", i)
			}
		}
	}
	_ = exits[0].link.Close()
	if exits[0].Hears(sockets[0]) || !exits[1].Hears(sockets[1]) {
		t.Error("a program hears that is not there, or the other does not")
	}
}
