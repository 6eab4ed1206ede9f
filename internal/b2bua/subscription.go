package b2bua

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// subscription tells the peer that sent a REFER what becomes of it (RFC 3515 §2.4.4). NOTIFYs go one at a time, so that none overtakes
// another; of what happens meanwhile the last is told.
type subscription struct {
	leg  *Leg
	id   string // CSeq of the REFER; "" for the first one of the dialog, which needs none (RFC 3515 §2.4.6)
	next string // status line to be told when the NOTIFY under way is answered
	last bool   // … and it is the final one
	busy bool
	over bool // the final one was sent
}

// referTime is how long a transfer may take, as the subscription says.
const referTime = 3 * time.Minute

// tell reports progress, or the result when last.
func (c *Call) tell(now time.Time, s *subscription, status int, last bool, out *Out) {
	if s == nil || s.last || s.over {
		return
	}
	s.next, s.last = "SIP/2.0 "+strconv.Itoa(status)+" "+sip.Phrase(status), last
	c.notify(now, s, out)
}

// notify sends what is to be told, unless a NOTIFY is under way or the dialog is over.
func (c *Call) notify(now time.Time, s *subscription, out *Out) {
	if s.busy || s.next == "" || s.over {
		return
	}
	if !s.leg.up || s.leg.pending {
		s.next, s.over = "", s.last
		return
	}
	m := s.leg.dlg.Request("NOTIFY")
	m.Add(sip.IDContact, c.contact(s.leg.hop))
	event := "refer"
	if s.id != "" {
		event += ";id=" + s.id
	}
	m.Add(sip.IDEvent, event)
	state := "active;expires=" + strconv.Itoa(int(referTime/time.Second))
	if s.last {
		state = "terminated;reason=noresource"
	}
	m.Add(sip.IDSubscriptionState, state)
	m.SetBody("message/sipfrag;version=2.0", s.next+"\r\n")
	s.next, s.busy, s.over = "", true, s.last
	c.begin(now, s.leg, m, out)
}

// notified takes the result of a NOTIFY of ours; 0 stands for none. A peer that does not want them gets no more (RFC 6665 §4.2.2).
func (c *Call) notified(now time.Time, l *Leg, status int, out *Out) {
	x := c.xfer
	if x == nil || x.sub == nil || x.sub.leg != l || !x.sub.busy {
		return
	}
	x.sub.busy = false
	if status < 200 || status >= 300 {
		x.sub.next, x.sub.over = "", true
	}
	c.notify(now, x.sub, out)
	c.settleTransfer(now, out)
}

// told tells whether nothing is left to be told.
func (s *subscription) told() bool { return s == nil || s.over && !s.busy || !s.leg.up }

// fragment is the status that a message/sipfrag begins with (RFC 3420); 0 when it is none.
func fragment(m *sip.Message) int {
	t, _ := m.ContentType()
	if !strings.EqualFold(t, "message/sipfrag") {
		return 0
	}
	rest, ok := strings.CutPrefix(m.Body, "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return 0
	}
	n, err := strconv.Atoi(rest[:3])
	if err != nil || n < 100 || n > 699 {
		return 0
	}
	return n
}
