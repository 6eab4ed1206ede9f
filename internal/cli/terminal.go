package cli

import (
	"cmp"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// signs are those of ours that a terminal without UTF-8 shows as something else, with what it can show.
var signs = strings.NewReplacer("→", "->", "…", "...")

// readable is a text for whoever reads w: harmless, and of signs that the terminal has. What goes into a file or a pipe is the same everywhere.
func readable(w io.Writer, s string) string {
	s = harmless(s)
	if f, ok := w.(*os.File); ok && !hasUTF8(os.Getenv) && isTerminal(f) {
		s = signs.Replace(s)
	}
	return s
}

// hasUTF8 tells whether the locale has UTF-8. Who has named none is taken to have it.
func hasUTF8(getenv func(string) string) bool {
	locale := strings.ToUpper(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	return locale == "" || strings.Contains(locale, "UTF-8") || strings.Contains(locale, "UTF8")
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
