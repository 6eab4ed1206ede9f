package txn

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// identity is what of a received request, besides Call-ID and branch, names its transaction
// (RFC 3261 §17.2.3).
type identity struct {
	host string // sent-by of the top Via
	port uint16
	old  *identity2543 // for a branch without the magic cookie; nil otherwise
}

// identity2543 names the transaction of an RFC 2543 peer, whose branch means nothing.
type identity2543 struct {
	via     string // the top Via as it arrived
	uri     string
	fromTag string
	toTag   string // of the request
	ackTag  string // of our final response, which the ACK carries
	seq     uint32
}

// ours remembers a request that we send.
func (k *kept) ours(req *sip.Message) {
	k.send.CallID, k.send.Branch = req.CallID(), req.TopBranch()
}

// answers tells whether a response belongs to the request that we sent: same branch, at whichever address, same
// method in CSeq (RFC 3261 §17.1.3).
func (k *kept) answers(r *sip.Message, method string) bool {
	if r.IsRequest() {
		return false
	}
	if !sentAs(r.TopBranch(), k.send.Branch) {
		return false
	}
	_, m, _ := r.CSeq()
	return m == method
}

// theirs remembers a request that we received. Nothing of the datagram stays referenced.
func (k *kept) theirs(req *sip.Message) {
	v, _ := req.TopVia()
	k.send.CallID, k.send.Branch, k.id.host, k.id.port = req.CallID(), req.TopBranch(), v.Host, v.Port
	sip.Own(&k.send.CallID, &k.send.Branch, &k.id.host)
	if strings.HasPrefix(k.send.Branch, sip.MagicCookie) {
		return
	}
	seq, _, _ := req.CSeq()
	k.id.old = &identity2543{
		via:     strings.Clone(rawVia(req)),
		uri:     strings.Clone(req.URI),
		fromTag: strings.Clone(req.FromTag()),
		toTag:   strings.Clone(req.ToTag()),
		seq:     seq,
	}
}

// repeats tells whether a request is the remembered one again, or the ACK of an INVITE.
func (k *kept) repeats(req *sip.Message, method string) bool {
	ack := method == "INVITE" && req.Method == "ACK"
	if req.Method != method && !ack {
		return false
	}
	return k.same(req, ack)
}

// cancelledBy tells whether a CANCEL is for the remembered request (RFC 3261 §9.2).
func (k *kept) cancelledBy(req *sip.Message) bool {
	return req.Method == "CANCEL" && k.same(req, false)
}

// same compares what names a transaction, the method apart.
func (k *kept) same(req *sip.Message, ack bool) bool {
	v, _ := req.TopVia()
	if req.TopBranch() != k.send.Branch || v.Port != k.id.port || v.Host != k.id.host && !strings.EqualFold(v.Host, k.id.host) {
		return false
	}
	old := k.id.old
	if old == nil {
		return true
	}
	toTag := old.toTag
	if ack && old.ackTag != "" {
		toTag = old.ackTag
	}
	seq, _, _ := req.CSeq()
	return seq == old.seq && rawVia(req) == old.via && req.URI == old.uri &&
		req.CallID() == k.send.CallID && req.FromTag() == old.fromTag && req.ToTag() == toTag
}

// answered remembers the To tag of a final response, for the ACK of an RFC 2543 peer.
func (k *kept) answered(resp *sip.Message) {
	if k.id.old != nil {
		k.id.old.ackTag = strings.Clone(resp.ToTag())
	}
}

// ack builds the ACK for a final response other than 2xx (RFC 3261 §17.1.1.3), with the branch that was answered. It has the credentials of the INVITE (§22.1).
func (k *kept) ack(r *sip.Message) *sip.Message {
	inv := k.sent()
	a := answering(inv, "ACK")
	if branch := r.TopBranch(); branch != k.send.Branch {
		a.Set(sip.IDVia, strings.Replace(a.Get(sip.IDVia), k.send.Branch, branch, 1))
	}
	a.Set(sip.IDTo, r.Get(sip.IDTo))
	for i := range inv.Headers {
		if h := &inv.Headers[i]; h.ID == sip.IDAuthorization || h.ID == sip.IDProxyAuthorization {
			a.Add(h.ID, h.Value)
		}
	}
	return a
}

// sent reads the request again from its bytes. That is rare, and cheaper than carrying the parts in every call. What we have
// written ourselves is read whatever its size.
func (k *kept) sent() *sip.Message {
	lim := sip.Limits{MaxSize: 1 << 24, MaxHeaders: 1 << 16, MaxHeaderLine: 1 << 24}
	if m, _ := sip.Parse(k.send.Data, &lim); m != nil {
		return m
	}
	return &sip.Message{}
}

// answering builds an ACK or CANCEL for an INVITE: same Request-URI, Call-ID,
// From, To, Route and sequence number, and its top Via alone (RFC 3261 §9.1, §17.1.1.3).
func answering(inv *sip.Message, method string) *sip.Message {
	seq, _, _ := inv.CSeq()
	a := sip.NewRequest(method, inv.URI)
	a.Add(sip.IDVia, rawVia(inv))
	for r := range inv.Values(sip.IDRoute) {
		a.Add(sip.IDRoute, r)
	}
	a.Add(sip.IDMaxForwards, "70")
	for _, id := range [...]sip.ID{sip.IDFrom, sip.IDTo, sip.IDCallID} {
		a.Add(id, inv.Get(id))
	}
	a.Add(sip.IDCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	return a
}

// rawVia is the top Via as written.
func rawVia(m *sip.Message) string {
	for v := range m.Values(sip.IDVia) {
		return v
	}
	return ""
}

// ownMethod is the method without a reference to the datagram that it may come from.
func ownMethod(m string) string {
	for _, known := range [...]string{"BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "REGISTER"} {
		if m == known {
			return known
		}
	}
	return strings.Clone(m)
}
