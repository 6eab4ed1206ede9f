package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// print writes v as JSON, or has text write it for a person.
func (a *app) print(v any, text func(w io.Writer)) error {
	if a.json {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	var b bytes.Buffer
	text(&b)
	_, err := io.WriteString(a.out, readable(a.out, b.String()))
	return err
}

// columns aligns what is written with tabs between the columns, when it is flushed.
func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, gap, ' ', 0) }

// harmless is a text without what a terminal would obey: numbers, names and reasons come from peers.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r), r == unicode.ReplacementChar, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '?'
		}
		return r
	}, s)
}

// errorJSON is what --json writes to standard error.
type errorJSON struct {
	Error    string               `json:"error"`
	Problems []server.ProblemView `json:"problems,omitempty"`
}

// notice tells on standard error what is to be known of an answer.
func (a *app) notice(text string) {
	if !a.json {
		fmt.Fprintf(a.err, "directsip: %s\n", readable(a.err, text))
		return
	}
	e := json.NewEncoder(a.err)
	e.SetEscapeHTML(false)
	e.Encode(struct {
		Notice string `json:"notice"`
	}{text})
}

// fail tells what went wrong.
func (a *app) fail(err error) {
	if !a.json {
		fmt.Fprintf(a.err, "directsip: %s\n", readable(a.err, err.Error()))
		return
	}
	out := errorJSON{Error: err.Error()}
	var list topology.Problems
	if errors.As(err, &list) {
		out.Error, out.Problems = "the document has errors", server.ProblemViews(list)
	}
	var refused *refusedError
	if errors.As(err, &refused) && len(refused.details) > 0 {
		out.Error, out.Problems = refusedText, refused.details
	}
	e := json.NewEncoder(a.err)
	e.SetEscapeHTML(false)
	e.Encode(out)
}

// span is a duration for a person.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// lasting is how long something has lasted, in the two largest units: 12d3h, 5h3m, 1m28s.
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0).Round(time.Second); {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.String()
}

// shortClock is a time in the form that a narrow list has, and --since takes.
func shortClock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch y, m, d := t.Date(); {
	case now.Sub(t) < 0 || now.Sub(t) > 300*24*time.Hour:
		return t.Format("2006-01-02 15:04")
	case y == now.Year() && m == now.Month() && d == now.Day():
		return t.Format(time.TimeOnly)
	}
	return t.Format("01-02 15:04:05")
}

// clock is a time for a person, in the time zone of this host and in the form that --since and --until take.
func clock(t time.Time) string { return t.Local().Format(time.RFC3339) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// plural is "1 call", "2 calls".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
