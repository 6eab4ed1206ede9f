// Package lack is for tests that need what a host may not have: rights, programs, a kernel that can.
package lack

import (
	"os"
	"testing"
)

// TB is what a test or benchmark is to this package.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Of skips a test for want of something. Where CI is set nothing may be left out but by -short, and the test fails.
func Of(t TB, why ...any) {
	t.Helper()
	if os.Getenv("CI") != "" && !testing.Short() {
		t.Fatal(append([]any{"nothing may be left out where CI is set: "}, why...)...)
	}
	t.Skip(why...)
}
