package cli

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
)

// pseudoTerminal opens a terminal of its own.
func pseudoTerminal(t *testing.T) *os.File {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		lack.Of(t, "the system has no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		lack.Of(t, "the system has no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal
}

// TestTerminalWithoutUTF8 reads on a terminal of its own what a locale without UTF-8 is shown, and in a file what it always is.
func TestTerminalWithoutUTF8(t *testing.T) {
	terminal := pseudoTerminal(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("LC_CTYPE", "")
	for _, c := range []struct {
		lcAll, lang    string
		to             *os.File
		arrow, nothing string
	}{
		{"C", "en_US.UTF-8", terminal, "'^1' 7 -> 7\n", "→"},
		{"", "de_DE.ISO-8859-1", terminal, "7 -> 7\n", "→"},
		{"", "de_DE.utf8", terminal, "7 → 7\n", "->"},
		{"", "", terminal, "7 → 7\n", "->"},
		{"POSIX", "", file, "7 → 7\n", "->"},
	} {
		t.Setenv("LC_ALL", c.lcAll)
		t.Setenv("LANG", c.lang)
		got := readable(c.to, "'^1' 7 → 7\n")
		if !strings.Contains(got, c.arrow) || strings.Contains(got, c.nothing) {
			t.Errorf("LC_ALL=%q LANG=%q: %q", c.lcAll, c.lang, got)
		}
	}
	if got := readable(io.Discard, "a\x1b…"); got != "a?…" {
		t.Errorf("%q", got)
	}
}
