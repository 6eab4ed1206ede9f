package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Trace is everything that was sent, for the reader of a failure.
type Trace struct {
	Lines []Line
	Off   bool
}

// Line is one message.
type Line struct {
	At       time.Duration
	From, To string
	Text     string
	CallID   string
	Key      string // calling number, when From has it
	Copies   int    // 0: lost
	Tag      string // To, of a response to an INVITE that makes a dialog
	Data     []byte

	transport sip.Transport
}

func (t *Trace) add(w *World, from, to station, data []byte, tr sip.Transport, copies int) {
	if t.Off {
		return
	}
	t.Lines = append(t.Lines, Line{At: w.Since(), From: from.name(), To: to.name(), Copies: copies, Data: data, transport: tr})
}

// parse fills in what the printer shows.
func (l *Line) parse() {
	if l.Text != "" {
		return
	}
	m, err := sip.Parse(l.Data, nil)
	if err != nil {
		l.Text = "(not SIP: " + err.Error() + ")"
		return
	}
	l.CallID, l.Key = m.CallID(), keyOf(m)
	l.Text = summary(m)
	if _, method, _ := m.CSeq(); m.Status > 100 && m.Status < 300 && method == "INVITE" {
		l.Tag = m.ToTag()
	}
}

// summary is the start line as a ladder shows it.
func summary(m *sip.Message) string {
	var b strings.Builder
	seq, method, _ := m.CSeq()
	if m.IsRequest() {
		b.WriteString(m.Method)
		if m.Method == "INVITE" && m.ToTag() == "" {
			u, _ := sip.ParseURI(m.URI)
			b.WriteString(" " + u.User)
		} else if m.Method == "INVITE" {
			b.WriteString(" (in dialog)")
		}
	} else {
		fmt.Fprintf(&b, "%d (%s)", m.Status, method)
	}
	fmt.Fprintf(&b, " #%d", seq)
	if d := readSDP(m.Body); d != nil {
		fmt.Fprintf(&b, "  sdp v%s", d.version)
		for i := range d.media {
			fmt.Fprintf(&b, " %s", d.media[i].kind)
			if d.media[i].port == 0 {
				b.WriteString(":off")
			} else {
				b.WriteString(":" + d.media[i].dir)
			}
			if m := &d.media[i]; m.print != "" {
				b.WriteString(" dtls:" + m.setup)
			}
			if d.media[i].ufrag != "" {
				b.WriteString(" ice")
			}
		}
	} else if line, found := strings.CutPrefix(m.Body, "SIP/2.0 "); found {
		line, _, _ = strings.Cut(line, "\r\n")
		state, _, _ := strings.Cut(m.Get(sip.IDSubscriptionState), ";")
		b.WriteString("  \"" + line + "\" " + state)
	} else if m.Body != "" {
		b.WriteString("  " + m.Get(sip.IDContentType))
	}
	if v := m.Get(sip.IDReason); v != "" {
		b.WriteString("  Reason: " + v)
	}
	return b.String()
}

// String prints the ladder; probes are left out.
func (t *Trace) String() string { return t.print(func(*Line) bool { return true }) }

func (t *Trace) print(keep func(*Line) bool) string {
	var b strings.Builder
	forks := t.forks()
	for i := range t.Lines {
		l := &t.Lines[i]
		l.parse()
		if strings.Contains(l.Text, "OPTIONS") && l.Key == "" || !keep(l) {
			continue
		}
		note := ""
		if list := forks[l.CallID]; l.Tag != "" && len(list) > 1 {
			note = "   dialog " + string(rune('a'+slices.Index(list, l.Tag)))
		}
		if l.transport != sip.UDP {
			note += "   by " + l.transport.String()
		}
		switch l.Copies {
		case 0:
			note += "   ✗ lost"
		case 2:
			note += "   ×2"
		}
		fmt.Fprintf(&b, "%8.3f  %-5s ─▶ %-5s  %s%s\n", l.At.Seconds(), l.From, l.To, l.Text, note)
	}
	return b.String()
}

// forks are the To tags of each Call-ID in the order in which they appeared.
func (t *Trace) forks() map[string][]string {
	forks := make(map[string][]string)
	for i := range t.Lines {
		l := &t.Lines[i]
		l.parse()
		if l.Tag != "" && !slices.Contains(forks[l.CallID], l.Tag) {
			forks[l.CallID] = append(forks[l.CallID], l.Tag)
		}
	}
	return forks
}

// Of prints the messages of one scenario.
func (t *Trace) Of(key string) string {
	ids := make(map[string]bool)
	for i := range t.Lines {
		l := &t.Lines[i]
		l.parse()
		if l.Key == key {
			ids[l.CallID] = true
		}
	}
	return t.print(func(l *Line) bool { return l.Key == key || ids[l.CallID] })
}

// keyOf is the calling number, which names the scenario: of From in requests of the caller's direction, else of To; when
// the caller is hidden, the called number has it.
func keyOf(m *sip.Message) string {
	for _, a := range [...]sip.Address{m.From(), m.To()} {
		u, err := sip.ParseURI(a.URI)
		if err == nil && strings.HasPrefix(u.User, "+4930") {
			return u.User
		}
		if key := keyOfCalled(u.User); key != "" {
			return key
		}
	}
	return ""
}
