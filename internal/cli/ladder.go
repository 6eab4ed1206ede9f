package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
)

// columns of the drawing: an arrow, with directsip's line between the two.
const arrowWidth = 40

// WriteLadder draws the messages of a call: the caller's leg on the left, the targets' legs on the right, directsip between them.
func WriteLadder(w io.Writer, r *cdr.Record) {
	right := "targets"
	if r.Out != nil {
		right = r.Out.Trunk
	}
	fmt.Fprintf(w, "  %9s  %-*s directsip %*s\n", "", arrowWidth-4, r.In.Trunk, arrowWidth-4, right)
	blank := strings.Repeat(" ", arrowWidth)
	for i := range r.Ladder {
		m := &r.Ladder[i]
		at := fmt.Sprintf("%8.3fs", m.At.Sub(r.Start).Seconds())
		if m.Leg == "a" {
			fmt.Fprintf(w, "  %s  %s |\n", at, arrow(m, !m.Out))
		} else {
			fmt.Fprintf(w, "  %s  %s | %s %s\n", at, blank, arrow(m, m.Out), m.Leg)
		}
	}
}

// arrow is a message drawn to arrowWidth, to the right or to the left.
func arrow(m *cdr.Message, right bool) string {
	text, room := m.Line, arrowWidth-6
	if m.SDP {
		room -= 6
	}
	if len(text) > room {
		text = text[:room-1] + "~"
	}
	if m.SDP {
		text += " [SDP]"
	}
	pad := strings.Repeat("-", arrowWidth-5-len(text))
	if right {
		return "-- " + text + " " + pad + ">"
	}
	return "<- " + text + " " + pad + "-"
}

// Sentence says in one sentence how a call ended.
func Sentence(r *cdr.Record) string {
	from, to := dash(r.Calling.Received), dash(r.Called.Received)
	b := fmt.Sprintf("%s called %s over trunk %s", from, to, r.In.Trunk)
	switch {
	case r.End.IsZero() && r.Answered.IsZero():
		return b + "; the call is being set up."
	case r.End.IsZero():
		return b + fmt.Sprintf("; the call has run for %s.", time.Since(r.Answered).Round(time.Second))
	case r.Answered.IsZero():
		b += fmt.Sprintf("; it was not answered and ended after %s with %d", r.End.Sub(r.Start).Round(time.Millisecond), r.Status)
	default:
		out := ""
		if r.Out != nil {
			out = " over trunk " + r.Out.Trunk
		}
		b += fmt.Sprintf("; it was answered%s after %s, lasted %s", out, r.Answered.Sub(r.Start).Round(time.Millisecond),
			r.End.Sub(r.Answered).Round(time.Millisecond))
	}
	b += fmt.Sprintf(" and was ended by %s: ", r.EndedBy)
	text := r.Reason
	if d := diag.ByID(r.Reason); d != nil {
		text = d.Text
	}
	b += text
	if r.Detail != "" {
		b += " (" + r.Detail + ")"
	}
	return b
}
