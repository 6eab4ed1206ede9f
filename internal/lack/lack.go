// Package lack is for tests that need what a host may not have: rights, programs, a kernel that can.
package lack

import (
	"flag"
	"os"
	"strconv"
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

// Processors lets n tests that say Parallel run at once, however few processors there are, unless -parallel says otherwise: it is for the TestMain of tests that wait for
// timers much more than they compute.
func Processors(n int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(n))
	}
}
