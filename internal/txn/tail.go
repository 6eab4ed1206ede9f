package txn

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Tail is what is left of a transaction that only absorbs repetitions, or answers them with what their own words tell: a sixth of a
// machine's size.
type Tail struct {
	Branch string
	Host   string // sent-by of the top Via of a request that we received
	Port   uint16
	End    time.Time
}

// Tail is the tail of a machine; false while it has more to do, or when its branch means nothing (RFC 2543).
func (m *machine) Tail() (Tail, bool) {
	absorbs := m.state == Accepted || m.state == Confirmed || m.state == Completed
	if !absorbs || !m.retry.IsZero() || m.kept.id.old != nil {
		return Tail{}, false
	}
	return Tail{Branch: m.kept.send.Branch, Host: m.kept.id.host, Port: m.kept.id.port, End: m.end}, true
}

// Repeats tells whether a request has the branch of the one that was received; its method is to be looked at besides.
func (t *Tail) Repeats(req *sip.Message) bool {
	v, _ := req.TopVia()
	return req.TopBranch() == t.Branch && v.Port == t.Port && (v.Host == t.Host || strings.EqualFold(v.Host, t.Host))
}

// Answers tells whether a response is to the INVITE that was sent.
func (t *Tail) Answers(r *sip.Message) bool {
	_, method, _ := r.CSeq()
	return sentAs(r.TopBranch(), t.Branch) && method == "INVITE"
}
