package relay

import (
	"bytes"
	"encoding/binary"

	"github.com/pion/stun/v3"
)

// maxSTUN is more than any check has: RFC 8489 §6.1 keeps messages within 1280 octets where the path is not known.
const maxSTUN = 1280

// binder reads checks and writes what answers them, for one thread.
type binder struct {
	request, reply *stun.Message
}

// newBinder reads no attribute behind MESSAGE-INTEGRITY, which nothing protects (RFC 8489 §14.5).
func newBinder() binder {
	return binder{stun.NewWithOptions(stun.WithStrict(true)), stun.New()}
}

// parse reads a message with the FINGERPRINT that RFC 8445 §7.1 asks for.
func (x *binder) parse(b []byte) bool {
	m := x.request
	m.Raw = append(m.Raw[:0], b...)
	return len(b) <= maxSTUN && stun.IsMessage(b) && m.Decode() == nil && len(b) == 20+int(m.Length) && stun.Fingerprint.Check(m) == nil
}

// isSTUN tells a message of STUN by its first octet (RFC 7983 §7).
func isSTUN(b []byte) bool { return b[0] < 4 }

// check takes a message of STUN that came to a port with ICE. Everything of the peer's that has our password is a sign of its life, also a check of consent
// (RFC 7675), which is one like any other, and what it answers to ours; what a fork sends that has not answered is none.
func (w *worker) check(p *port, b []byte, now int64) {
	sd, c := &p.stream.side[p.side], p.ice
	if !w.binder.parse(b) {
		sd.count.dropped++
		w.batch.dropped++
		return
	}
	m := w.binder.request
	before := c.selected
	if a := c.agent; a != nil && (m.Type == stun.BindingSuccess || m.Type == stun.BindingError) {
		a.answered(c, m, &w.from, now)
		p.stream.review()
		w.found(p, before)
		return
	}
	if m.Type != stun.BindingRequest {
		return
	}
	ufrag, code := c.judge(m)
	if code == 0 {
		w.batch.checks++
		var priority uint32
		if v, err := m.Get(stun.AttrPriority); err == nil && len(v) == 4 {
			priority = binary.BigEndian.Uint32(v)
		}
		c.checked(&w.from, ufrag, priority, m.Contains(stun.AttrUseCandidate), now)
		if c.known(&w.from) != nil {
			sd.heard = now
		}
		p.stream.review()
		w.found(p, before)
	} else {
		sd.count.gate(&w.from)
		w.batch.gated++
	}
	p.stream.carrier.send(p, w.binder.answer(c.key, code, &w.from), &w.from)
}

// found begins a handshake of ours as soon as it is known where to.
func (w *worker) found(p *port, before sockaddr) {
	if a := p.dtls; a != nil && before.size == 0 && p.ice.selected.size != 0 && a.want.Active && a.run == nil && len(a.want.Peer) > 0 {
		w.relay.shake(p, nil, sockaddr{})
	}
}

// judge is 0 for a request that is to be answered with success, else the code of the error (RFC 8489 §6.3.1, §9.1.3; RFC 8445 §7.3), and the
// peer's part of the user name. Of the peer's part nothing is asked: the answer that has it may be on its way.
func (c *component) judge(m *stun.Message) (ufrag []byte, code stun.ErrorCode) {
	name, err := m.Get(stun.AttrUsername)
	if err != nil || !m.Contains(stun.AttrMessageIntegrity) {
		return nil, stun.CodeBadRequest
	}
	ours, ufrag, ok := bytes.Cut(name, []byte{':'})
	if !ok || string(ours) != c.want.Ufrag || c.key.Check(m) != nil {
		return nil, stun.CodeUnauthorized
	}
	for _, a := range m.Attributes {
		if unknown(a.Type) {
			return nil, stun.CodeUnknownAttribute
		}
	}
	switch {
	case c.agent != nil:
		if c.agent.conflict(m) {
			return nil, stun.CodeRoleConflict
		}
	case m.Contains(stun.AttrICEControlled) && !c.want.PeerLite: // a lite agent is controlled by a full one (RFC 8445 §6.1.1)
		return nil, stun.CodeRoleConflict
	}
	return ufrag, 0
}

// unknown tells whether an attribute must be understood and is not.
func unknown(t stun.AttrType) bool {
	switch t {
	case stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256, stun.AttrPriority, stun.AttrUseCandidate,
		stun.AttrXORMappedAddress, stun.AttrMappedAddress, stun.AttrErrorCode, stun.AttrUnknownAttributes, stun.AttrRealm, stun.AttrNonce:
		return false
	}
	return t < 0x8000
}

// answer writes the response to the request that was read. Errors of who has not shown the password have no MESSAGE-INTEGRITY.
func (x *binder) answer(key stun.MessageIntegrity, code stun.ErrorCode, src *sockaddr) []byte {
	r := x.reply
	r.Reset()
	r.TransactionID = x.request.TransactionID
	r.Type = stun.BindingSuccess
	if code != 0 {
		r.Type = stun.BindingError
	}
	r.WriteHeader()
	if code == 0 {
		a := src.addrPort()
		_ = (stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}).AddTo(r)
	} else {
		_ = code.AddTo(r)
	}
	if code == stun.CodeUnknownAttribute {
		var list stun.UnknownAttributes
		for _, a := range x.request.Attributes {
			if unknown(a.Type) && len(list) < 8 {
				list = append(list, a.Type)
			}
		}
		_ = list.AddTo(r)
	}
	if code != stun.CodeBadRequest && code != stun.CodeUnauthorized {
		_ = key.AddTo(r)
	}
	_ = stun.Fingerprint.AddTo(r)
	return r.Raw
}
