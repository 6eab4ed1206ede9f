package siptest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

const maxLadder = 2000

// Entry is one message of a ladder.
type Entry struct {
	At    time.Time
	Out   bool   // sent by the agent
	Peer  string // address:port
	Text  string // "INVITE sip:+1… [PCMU 10.0.0.1:4000 sendrecv]"
	Again bool   // a retransmission
	Msg   *sip.Message
}

// record writes down a message; the agent is locked.
func (a *Agent) record(c *Call, out bool, p peer, m *sip.Message, again bool) {
	list := &a.stray
	if c != nil {
		list = &c.ladder
	}
	if len(*list) >= maxLadder {
		return
	}
	*list = append(*list, Entry{At: time.Now(), Out: out, Peer: p.addr.String(), Text: describe(m), Again: again, Msg: m})
}

func describe(m *sip.Message) string {
	s := m.Method + " " + m.URI
	if !m.IsRequest() {
		_, method, _ := m.CSeq()
		s = fmt.Sprintf("%d %s (%s)", m.Status, m.Reason, method)
	}
	if body, ok := m.SDP(); ok {
		if d, err := parseSDP(body); err == nil {
			s += " [" + d.summary() + "]"
		} else {
			s += " [" + err.Error() + "]"
		}
	}
	return s
}

// Ladder has the messages of the call, as the agent saw them, one a line: seconds since the first, direction,
// what. Retransmissions have a star.
func (c *Call) Ladder() string {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	return render(c.a.cfg.Name, c.ladder, time.Time{})
}

// Entries is Ladder as values.
func (c *Call) Entries() []Entry {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	return slices.Clone(c.ladder)
}

// Ladder has the messages of all calls and of none, in the order of time.
func (a *Agent) Ladder() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Clone(a.stray)
	for _, c := range a.calls {
		all = append(all, c.ladder...)
	}
	slices.SortStableFunc(all, func(x, y Entry) int { return x.At.Compare(y.At) })
	return render(a.cfg.Name, all, a.start)
}

func render(name string, list []Entry, zero time.Time) string {
	var b strings.Builder
	for _, e := range list {
		if zero.IsZero() {
			zero = e.At
		}
		arrow, star := "←", " "
		if e.Out {
			arrow = "→"
		}
		if e.Again {
			star = "*"
		}
		fmt.Fprintf(&b, "%8.3f%s %s %s %-21s  %s\n", e.At.Sub(zero).Seconds(), star, name, arrow, e.Peer, e.Text)
	}
	return b.String()
}
