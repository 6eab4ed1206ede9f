package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/directsip/directsip/internal/cdr"
)

// arrowWidth is the width of an arrow; directsip's line stands between the two.
const arrowWidth = 40

// WriteLadder draws the messages of a call: the caller's leg on the left, the targets' legs on the right, directsip between them.
func WriteLadder(w io.Writer, r *cdr.Record) {
	if len(r.Ladder) == 0 {
		fmt.Fprintln(w, "  no messages are kept of this call")
		return
	}
	names := targets(r)
	right := strings.Join(slices.Compact(slices.Clone(names)), ", ")
	if utf8.RuneCountInString(right) > arrowWidth-4 {
		right = plural(len(names), "attempt")
	}
	const middle = "directsip"
	left := clipTo(r.In.Trunk, arrowWidth-4)
	head := left + blanks(arrowWidth+1-len(middle)/2-utf8.RuneCountInString(left)) + middle
	if right != "" {
		head += blanks(arrowWidth+1-len(middle)/2-utf8.RuneCountInString(right)) + right
	}
	fmt.Fprintf(w, "  %9s  %s\n", "", head)
	seen := make(map[string]bool)
	for i := range r.Ladder {
		m := &r.Ladder[i]
		at := fmt.Sprintf("%8.3fs", m.At.Sub(r.Start).Seconds())
		if m.Leg == "" {
			fmt.Fprintf(w, "  %9s  %s :  %s\n", "", blanks(arrowWidth), m.Line)
			continue
		}
		if m.Leg == "a" {
			fmt.Fprintf(w, "  %s  %s |\n", at, arrow(m, !m.Out))
			continue
		}
		label := m.Leg
		if n := legNumber(m.Leg); !seen[m.Leg] && n <= len(names) && n > 0 {
			label += " " + names[n-1]
		}
		seen[m.Leg] = true
		fmt.Fprintf(w, "  %s  %s | %s %s\n", at, blanks(arrowWidth), arrow(m, m.Out), label)
	}
}

// targets are the trunks of the attempts; that of leg b1 is the first.
func targets(r *cdr.Record) []string {
	var list []string
	for i := range r.Attempts {
		list = append(list, r.Attempts[i].Trunk)
	}
	if len(list) == 0 && r.Out != nil {
		list = []string{r.Out.Trunk}
	}
	return list
}

// legNumber is the number of leg "b12".
func legNumber(leg string) (n int) {
	fmt.Sscanf(leg, "b%d", &n)
	return n
}

// arrow is a message drawn to arrowWidth, to the right or to the left.
func arrow(m *cdr.Message, right bool) string {
	text, room := m.Line, arrowWidth-6
	if m.SDP {
		room -= 6
	}
	text = clipTo(text, room)
	if m.SDP {
		text += " [SDP]"
	}
	pad := strings.Repeat("-", arrowWidth-5-utf8.RuneCountInString(text))
	if right {
		return "-- " + text + " " + pad + ">"
	}
	return "<- " + text + " " + pad + "-"
}

// clipTo shortens a text to n characters.
func clipTo(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "~"
}

func blanks(n int) string { return strings.Repeat(" ", max(n, 1)) }
