package txn

import (
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// magic begins the branch of everyone who follows RFC 3261 (§8.1.1.7).
const magic = "z9hG4bK"

// identity is what of a request, besides Call-ID and branch, names its server transaction
// (RFC 3261 §17.2.3).
type identity struct {
	sentBy string // of the top Via
	// The rest is for RFC 2543 peers only, whose branch means nothing.
	old     bool
	via     string // top Via as written
	uri     string
	fromTag string
	toTag   string // of the request
	ackTag  string // To tag of our final response, which its ACK carries
	seq     uint32
}

// ours remembers a request that we send.
func (k *kept) ours(req *sip.Message) {
	v := topVia(req)
	k.send.CallID, k.send.Branch = strings.Clone(get(req, sip.IDCallID)), strings.Clone(v.branch)
}

// answers tells whether a response belongs to the request that we sent: same branch, same
// method in CSeq (RFC 3261 §17.1.3).
func (k *kept) answers(r *sip.Message, method string) bool {
	if r.IsRequest() || topVia(r).branch != k.send.Branch {
		return false
	}
	_, m := cseq(r)
	return m == method
}

// theirs remembers a request that we received. Nothing of the datagram stays referenced.
func (k *kept) theirs(req *sip.Message) {
	v := topVia(req)
	old := !strings.HasPrefix(v.branch, magic)
	var via, uri, from, to string
	var seq uint32
	if old {
		via, uri = v.raw, req.URI
		from, to = tag(req, sip.IDFrom), tag(req, sip.IDTo)
		seq, _ = cseq(req)
	}
	callID := get(req, sip.IDCallID)
	all := callID + v.branch + v.sentBy + via + uri + from + to
	take := func(s string) string {
		head := all[:len(s)]
		all = all[len(s):]
		return head
	}
	k.send.CallID, k.send.Branch = take(callID), take(v.branch)
	k.id = identity{sentBy: take(v.sentBy), old: old, seq: seq}
	k.id.via, k.id.uri, k.id.fromTag, k.id.toTag = take(via), take(uri), take(from), take(to)
}

// repeats tells whether a request is the remembered one again, or the ACK of an INVITE.
func (k *kept) repeats(req *sip.Message, method string) bool {
	ack := method == "INVITE" && req.Method == "ACK"
	if req.Method != method && !ack {
		return false
	}
	return k.same(req, ack)
}

// cancelledBy tells whether a CANCEL is for the remembered request.
func (k *kept) cancelledBy(req *sip.Message) bool {
	return req.Method == "CANCEL" && k.same(req, false)
}

// same compares what names a transaction, the method apart.
func (k *kept) same(req *sip.Message, ack bool) bool {
	v := topVia(req)
	if v.branch != k.send.Branch || !strings.EqualFold(v.sentBy, k.id.sentBy) {
		return false
	}
	if !k.id.old {
		return true
	}
	toTag := k.id.toTag
	if ack && k.id.ackTag != "" {
		toTag = k.id.ackTag
	}
	seq, _ := cseq(req)
	return seq == k.id.seq && v.raw == k.id.via && req.URI == k.id.uri &&
		get(req, sip.IDCallID) == k.send.CallID &&
		tag(req, sip.IDFrom) == k.id.fromTag && tag(req, sip.IDTo) == toTag
}

// answered remembers the To tag of a response, for the ACK of an RFC 2543 peer.
func (k *kept) answered(resp *sip.Message) {
	if k.id.old {
		k.id.ackTag = strings.Clone(tag(resp, sip.IDTo))
	}
}

// ack builds the ACK for a final response other than 2xx (RFC 3261 §17.1.1.3).
func (k *kept) ack(r *sip.Message) *sip.Message {
	a := k.request("ACK")
	set(a, sip.IDTo, get(r, sip.IDTo))
	return a
}

// request builds an ACK or CANCEL from the bytes of the INVITE: same Request-URI, Call-ID,
// From, To, Route, sequence number, and the top Via alone (RFC 3261 §9.1, §17.1.1.3).
func (k *kept) request(method string) *sip.Message {
	inv, err := parse(k.send.Data)
	if err != nil {
		inv = &sip.Message{}
	}
	seq, _ := cseq(inv)
	a := &sip.Message{Method: method, URI: inv.URI}
	add(a, sip.IDVia, topVia(inv).raw)
	for _, h := range inv.Headers {
		if h.ID == sip.IDRoute {
			add(a, sip.IDRoute, h.Value)
		}
	}
	add(a, sip.IDMaxForwards, "70")
	add(a, sip.IDFrom, get(inv, sip.IDFrom))
	add(a, sip.IDTo, get(inv, sip.IDTo))
	add(a, sip.IDCallID, get(inv, sip.IDCallID))
	add(a, sip.IDCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	return a
}

// method names the transaction: tokens of the datagram are not kept.
func method(m string) string { return strings.Clone(m) }
