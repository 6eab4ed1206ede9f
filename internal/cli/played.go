package cli

import (
	"fmt"
	"io"

	"github.com/directsip/directsip/internal/cdr"
)

// writePlayed writes what the server itself let the parties hear.
func writePlayed(w io.Writer, r *cdr.Record) {
	if len(r.Played) == 0 {
		return
	}
	fmt.Fprintf(w, "\nplayed\n")
	t := columns(w)
	for i := range r.Played {
		p := &r.Played[i]
		heard := p.Codec + " for " + span(p.Took)
		switch {
		case p.Why != "":
			heard = "not heard: " + p.Why
		case p.Took == 0:
			heard = p.Codec + ", under way"
		}
		fmt.Fprintf(t, "  %s\tto the %s\t%s\t%s\n", span(p.At.Sub(r.Start)), p.To, p.What, heard)
	}
	t.Flush()
}
