// Package dialog holds the dialog of RFC 3261 §12, its offers and answers (RFC 3264,
// RFC 6337), and the repetition of a 2xx until its ACK.
//
// The package is pure: no clock, no lock, no socket.
package dialog

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Dialog is one peer-to-peer relationship of RFC 3261 §12: plain data that belongs to one
// leg. Its strings are own copies; no datagram stays referenced.
type Dialog struct {
	CallID       string
	LocalTag     string
	RemoteTag    string   // "" for a peer of RFC 2543
	LocalURI     string   // name-addr of ours as in From or To, without parameters
	RemoteURI    string   // name-addr of the peer, likewise
	RemoteTarget string   // URI of the peer's Contact; "" when it sent none
	RouteSet     []string // route values with their angle brackets, first hop first
	LocalSeq     uint32   // CSeq of our last request; 0: none yet
	RemoteSeq    uint32   // CSeq of the peer's last request; 0: none yet
	UAC          bool     // we sent the request that made the dialog
	Confirmed    bool     // a 2xx made it; otherwise it is early
}

// NewUAS makes the dialog of a received INVITE (RFC 3261 §12.1.1). It is early; its user
// sets Confirmed when it sends the 2xx.
func NewUAS(req *sip.Message, localTag string) Dialog {
	d := Dialog{LocalTag: localTag, RemoteTag: req.FromTag(), CallID: req.CallID()}
	d.RemoteURI = nameAddr(req.Get(sip.IDFrom), req.From())
	d.LocalURI = nameAddr(req.Get(sip.IDTo), req.To())
	d.RemoteSeq, _, _ = req.CSeq()
	d.RemoteTarget = target(req)
	sip.Own(&d.CallID, &d.LocalTag, &d.RemoteTag, &d.LocalURI, &d.RemoteURI, &d.RemoteTarget)
	d.RouteSet = routes(req, false)
	return d
}

// NewUAC makes the dialog of a response, 101 to 299 with a To tag, to an INVITE that we sent
// (RFC 3261 §12.1.2). A 2xx makes it confirmed.
func NewUAC(req, resp *sip.Message) Dialog {
	from := req.From()
	d := Dialog{LocalTag: from.Tag(), RemoteTag: resp.ToTag(), CallID: req.CallID(), UAC: true, Confirmed: resp.Status >= 200}
	d.LocalURI = nameAddr(req.Get(sip.IDFrom), from)
	d.RemoteURI = nameAddr(req.Get(sip.IDTo), req.To())
	d.LocalSeq, _, _ = req.CSeq()
	d.RemoteTarget = target(resp)
	sip.Own(&d.CallID, &d.LocalTag, &d.RemoteTag, &d.LocalURI, &d.RemoteURI, &d.RemoteTarget)
	d.RouteSet = routes(resp, true)
	return d
}

// Refresh takes over the Contact of an INVITE or UPDATE, or of a provisional or 2xx response
// to one (RFC 3261 §12.2, RFC 6141 §4.3). The first 2xx to our INVITE confirms the dialog and
// settles its route set (§13.2.2.4). True when NextHopURI has changed, so that the next hop
// must be looked up again.
func (d *Dialog) Refresh(m *sip.Message) (moved bool) {
	_, method, _ := m.CSeq()
	if method != "INVITE" && method != "UPDATE" || m.Status >= 300 || m.Status == 100 {
		return false
	}
	before := d.NextHopURI()
	if d.UAC && !d.Confirmed && method == "INVITE" && m.Status >= 200 {
		d.Confirmed, d.RouteSet = true, routes(m, true)
	}
	if t := target(m); t != "" && t != d.RemoteTarget {
		d.RemoteTarget = strings.Clone(t)
	}
	return d.NextHopURI() != before
}

// Accept judges a request of the peer (RFC 3261 §12.2.2) and moves RemoteSeq. ACK and CANCEL
// carry the number of the INVITE and move nothing. A repeated number is let through: the
// RFC forbids lower ones only, and repetitions are absorbed by the transaction.
func (d *Dialog) Accept(req *sip.Message) Verdict {
	if req.CallID() != d.CallID {
		return Stray
	}
	if req.ToTag() != d.LocalTag || req.FromTag() != d.RemoteTag {
		return Stray
	}
	if req.Method == "ACK" || req.Method == "CANCEL" {
		return OK
	}
	seq, _, _ := req.CSeq()
	if seq < d.RemoteSeq {
		return Late
	}
	d.RemoteSeq = seq
	return OK
}

// Matches tells whether a response, or a request of the peer, is of this dialog.
func (d *Dialog) Matches(m *sip.Message) bool {
	ours, theirs := m.ToTag(), m.FromTag()
	if !m.IsRequest() {
		ours, theirs = theirs, ours
	}
	return ours == d.LocalTag && theirs == d.RemoteTag && m.CallID() == d.CallID
}

// NextHopURI is where requests go: the first route, loose or strict, or the remote target
// (RFC 3261 §8.1.2 and §12.2.1.1).
func (d *Dialog) NextHopURI() string {
	if len(d.RouteSet) > 0 {
		return inner(d.RouteSet[0])
	}
	return d.target()
}

// target is the remote target, or the peer's URI when it never sent a Contact.
func (d *Dialog) target() string {
	if d.RemoteTarget != "" {
		return d.RemoteTarget
	}
	return inner(d.RemoteURI)
}
