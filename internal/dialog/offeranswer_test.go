package dialog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// do runs one word of a script: who and what, as in "we INVITE+" or "they UPDATE".
func do(o *OfferAnswer, words string) string {
	yes := func(ok bool) string {
		if ok {
			return "yes"
		}
		return "no"
	}
	who, what, _ := strings.Cut(words, " ")
	us := who == "we"
	switch what {
	case "INVITE+", "INVITE-": // with and without an offer
		if us {
			return yes(o.LocalInvite(what == "INVITE+"))
		}
		return o.RemoteInvite(what == "INVITE+").String()
	case "answer":
		if us {
			return yes(o.LocalAnswer())
		}
		return yes(o.RemoteAnswer())
	case "2xx":
		o.InviteDone()
		return ""
	}
	if name, ok := strings.CutPrefix(what, "fail "); ok {
		return yes(o.Failed(name))
	}
	name := strings.TrimPrefix(what, "offer in ")
	if us {
		return yes(o.LocalOffer(name))
	}
	return o.RemoteOffer(name).String()
}

func TestRFC6337_OfferAnswer(t *testing.T) {
	for _, row := range []struct {
		name   string
		script string // "action = result; …"
		agreed bool
		stable bool
	}{
		// The six patterns of RFC 6337 table 1.
		{"pattern 1, as UAC: offer in INVITE, answer in 2xx", "we INVITE+ = yes; they answer = yes; they 2xx", true, true},
		{"pattern 1, as UAS", "they INVITE+ = OK; we answer = yes; we 2xx", true, true},
		{"pattern 2, as UAC: offer in 2xx, answer in ACK", "we INVITE- = yes; they offer in INVITE = OK; they 2xx; we answer = yes", true, true},
		{"pattern 2, as UAS", "they INVITE- = OK; we offer in INVITE = yes; we 2xx; they answer = yes", true, true},
		{"pattern 3, as UAC: answer in reliable 1xx", "we INVITE+ = yes; they answer = yes; they answer = no; they 2xx", true, true},
		{"pattern 3, as UAS: no second description", "they INVITE+ = OK; we answer = yes; we answer = no; we 2xx", true, true},
		{"pattern 4, as UAC: offer in reliable 1xx, answer in PRACK", "we INVITE- = yes; they offer in INVITE = OK; we answer = yes; they 2xx", true, true},
		{"pattern 4, as UAS", "they INVITE- = OK; we offer in INVITE = yes; they answer = yes; we 2xx", true, true},
		{"pattern 5: offer in PRACK, answer in its 2xx", "we INVITE+ = yes; they answer = yes; we offer in PRACK = yes; they answer = yes; they 2xx", true, true},
		{"pattern 5, as UAS", "they INVITE+ = OK; we answer = yes; they offer in PRACK = OK; we answer = yes; we 2xx", true, true},
		{"pattern 6: early UPDATE after the first exchange", "we INVITE+ = yes; they answer = yes; they offer in UPDATE = OK; we answer = yes; they 2xx", true, true},
		{"pattern 6 in a confirmed dialog", "they offer in UPDATE = OK; we answer = yes; we offer in UPDATE = yes; they answer = yes", true, true},

		// RFC 3261 §14: re-INVITEs that cross.
		{"§14.1: no INVITE while ours is under way", "we INVITE+ = yes; we INVITE+ = no; we INVITE- = no", false, false},
		{"§14.1: nor while theirs is", "they INVITE+ = OK; we answer = yes; we INVITE+ = no", true, false},
		{"§14.2: 491 while ours is under way", "we INVITE+ = yes; they INVITE+ = Glare; they INVITE- = Glare; they answer = yes; they 2xx", true, true},
		{"§14.2: 491 also after the answer in a 1xx", "we INVITE+ = yes; they answer = yes; they INVITE+ = Glare", true, false},
		{"§14.2: 500 while theirs is under way", "they INVITE+ = OK; they INVITE+ = TooSoon; we answer = yes; they INVITE+ = TooSoon", true, false},
		{"RFC 5407: INVITE before the ACK that brings our answer", "they INVITE- = OK; we offer in INVITE = yes; we 2xx; they INVITE+ = Glare; they answer = yes; they INVITE+ = OK", true, false},

		// RFC 3311 §5: UPDATEs that cross.
		{"§5.2: 491 while our offer is open", "we offer in UPDATE = yes; they offer in UPDATE = Glare; they answer = yes", true, true},
		{"§5.2: 500 while their offer is open", "they offer in UPDATE = OK; they offer in UPDATE = TooSoon; we answer = yes", true, true},
		{"§5.2: UPDATE before we have answered the INVITE", "they INVITE+ = OK; they offer in UPDATE = TooSoon", false, false},
		{"§5.1: no UPDATE before our INVITE is answered", "we INVITE+ = yes; we offer in UPDATE = no; they answer = yes; we offer in UPDATE = yes", true, false},
		{"§5.1: no UPDATE while an INVITE waits for its offer", "we INVITE- = yes; we offer in UPDATE = no; they offer in UPDATE = TooSoon; we offer in PRACK = no", false, false},
		{"§5.1: the same for theirs", "they INVITE- = OK; we offer in UPDATE = no; they offer in UPDATE = TooSoon", false, false},
		{"INVITE against an open UPDATE", "we offer in UPDATE = yes; they INVITE+ = Glare; we INVITE+ = no", false, false},
		{"INVITE of the side whose UPDATE is open", "they offer in UPDATE = OK; they INVITE+ = TooSoon; we INVITE+ = no", false, false},

		// Refusal leaves the session as it was.
		{"re-INVITE refused", "we INVITE+ = yes; they fail INVITE = yes; we INVITE+ = yes", false, false},
		{"their re-INVITE refused by us", "they INVITE+ = OK; we fail INVITE = yes; they INVITE+ = OK", false, false},
		{"offerless INVITE refused", "they INVITE- = OK; we fail INVITE = no; they offer in UPDATE = OK; we answer = yes", true, true},
		{"UPDATE refused", "we offer in UPDATE = yes; they fail UPDATE = yes; they answer = no", false, true},
		{"RFC 6141 §3.1: what was agreed in a 1xx stands", "we INVITE+ = yes; they answer = yes; they fail INVITE = no", true, true},
		{"a failed INVITE leaves an open UPDATE alone", "we INVITE+ = yes; they answer = yes; we offer in UPDATE = yes; they fail INVITE = no; they answer = yes", true, true},
		{"no ACK with the answer", "they INVITE- = OK; we offer in INVITE = yes; we 2xx; they fail INVITE = yes", false, true},

		// Descriptions where none belong.
		{"an answer to nothing", "they answer = no; we answer = no", false, true},
		{"a second offer in the responses", "we INVITE- = yes; they offer in INVITE = OK; we answer = yes; they offer in INVITE = Refused", true, false},
		{"an offer in a response to an INVITE with one", "we INVITE+ = yes; they offer in INVITE = Refused", false, false},
		{"our offer in a response to an INVITE with one", "they INVITE+ = OK; we offer in INVITE = no", false, false},
		{"offers in other methods", "they offer in INFO = Refused; we offer in INFO = no", false, true},
		{"our own answer to our own offer", "we INVITE+ = yes; we answer = no", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var o OfferAnswer
			for _, step := range strings.Split(row.script, "; ") {
				action, want, _ := strings.Cut(step, " = ")
				before := o
				got := do(&o, action)
				if got != want {
					t.Fatalf("%s: got %s, want %s, in %+v", action, got, want, before)
				}
				if strings.HasPrefix(action, "they ") && want != "OK" && want != "yes" && want != "" &&
					!strings.Contains(action, "fail") && o != before {
					t.Fatalf("%s was refused and changed %+v to %+v", action, before, o)
				}
			}
			same(t, "agreed", o.Agreed(), row.agreed)
			same(t, "stable", o.Stable(), row.stable)
		})
	}
}

func TestOwesOffer(t *testing.T) {
	var o OfferAnswer
	o.RemoteInvite(false)
	same(t, "offerless INVITE", o.OwesOffer(), true)
	o.LocalOffer("INVITE")
	same(t, "after the offer", o.OwesOffer(), false)
	same(t, "pending", o.LocalPending() && !o.RemotePending(), true)
	o = OfferAnswer{}
	o.LocalInvite(false)
	same(t, "our own", o.OwesOffer(), false)
}

// Two ends with messages that overtake each other: whatever they try, both must agree in the end.

type message struct {
	kind  string // INVITE, 183, 200, refuse, ACK, UPDATE, 200U, refuseU
	offer bool
	sdp   bool
}

type end struct {
	oa       OfferAnswer
	inbox    []message
	serving  bool // an INVITE waits for our response
	early    bool // its answer went in a reliable 1xx …
	prack    bool // … which has arrived
	made     int  // offers of ours that were answered
	answered int  // offers of the peer that we answered
}

type pair struct {
	t    *rapid.T
	rnd  *rand.Rand
	ends [2]*end
}

func (p *pair) must(ok bool, format string, args ...any) {
	if !ok {
		p.t.Fatalf(format+"; A %+v; B %+v", append(args, *p.ends[0], *p.ends[1])...)
	}
}

func (p *pair) send(to *end, m message) { to.inbox = append(to.inbox, m) }

func (p *pair) answer(e *end) {
	p.must(e.oa.LocalAnswer(), "an offer taken cannot be answered")
	e.answered++
}

func (p *pair) takeAnswer(e *end) {
	p.must(e.oa.RemoteAnswer(), "an answer is not taken")
	e.made++
}

// try starts something of the end's own will.
func (p *pair) try(e, peer *end) {
	switch p.rnd.IntN(3) {
	case 0:
		if e.oa.LocalOffer("UPDATE") {
			p.send(peer, message{kind: "UPDATE", offer: true})
		}
	default:
		offer := p.rnd.IntN(2) == 0
		if e.oa.LocalInvite(offer) {
			p.send(peer, message{kind: "INVITE", offer: offer})
		}
	}
}

// respond goes on with an INVITE that is being served.
func (p *pair) respond(e, peer *end) {
	switch {
	case !e.serving || e.early && !e.prack:
		return
	case p.rnd.IntN(4) == 0:
		e.oa.Failed("INVITE")
		p.send(peer, message{kind: "refuse"})
	case e.oa.RemotePending() && !e.early && p.rnd.IntN(2) == 0:
		p.answer(e)
		e.early = true
		p.send(peer, message{kind: "183", sdp: true})
		return
	case e.early:
		e.oa.InviteDone()
		p.send(peer, message{kind: "200"})
	case e.oa.OwesOffer():
		p.must(e.oa.LocalOffer("INVITE"), "the offer that is owed is refused")
		e.oa.InviteDone()
		p.send(peer, message{kind: "200", offer: true})
	default:
		p.answer(e)
		e.oa.InviteDone()
		p.send(peer, message{kind: "200", sdp: true})
	}
	e.serving, e.early, e.prack = false, false, false
}

// deliver gives the end any one of its messages.
func (p *pair) deliver(e, peer *end) {
	if len(e.inbox) == 0 {
		return
	}
	i := p.rnd.IntN(len(e.inbox))
	m := e.inbox[i]
	e.inbox = append(e.inbox[:i:i], e.inbox[i+1:]...)
	switch m.kind {
	case "INVITE":
		if e.serving || e.oa.RemoteInvite(m.offer) != OK {
			p.send(peer, message{kind: "refuse"})
			return
		}
		e.serving = true
	case "183":
		p.takeAnswer(e)
		peer.prack = true
	case "200":
		if m.offer {
			v := e.oa.RemoteOffer("INVITE")
			p.must(v == OK, "the offer in a 200 gives %v", v)
			e.oa.InviteDone()
			p.answer(e)
		} else {
			if m.sdp {
				p.takeAnswer(e)
			}
			e.oa.InviteDone()
		}
		p.send(peer, message{kind: "ACK", sdp: m.offer})
	case "refuse":
		e.oa.Failed("INVITE")
	case "ACK":
		if m.sdp {
			p.takeAnswer(e)
		}
	case "UPDATE":
		if e.oa.RemoteOffer("UPDATE") != OK {
			p.send(peer, message{kind: "refuseU"})
			return
		}
		if p.rnd.IntN(4) == 0 {
			p.must(e.oa.Failed("UPDATE"), "nothing to roll back")
			p.send(peer, message{kind: "refuseU"})
			return
		}
		p.answer(e)
		p.send(peer, message{kind: "200U"})
	case "200U":
		p.takeAnswer(e)
	case "refuseU":
		p.must(e.oa.Failed("UPDATE"), "our offer is gone before its refusal")
	default:
		panic(fmt.Sprint("kind ", m.kind))
	}
}

func TestOfferAnswerPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &pair{t: t, rnd: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2)), ends: [2]*end{{}, {}}}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			e := p.rnd.IntN(2)
			one, peer := p.ends[e], p.ends[1-e]
			switch p.rnd.IntN(4) {
			case 0:
				p.try(one, peer)
			case 1:
				p.respond(one, peer)
			default:
				p.deliver(one, peer)
			}
		}
		for range 1000 {
			for e := range 2 {
				p.deliver(p.ends[e], p.ends[1-e])
				p.respond(p.ends[e], p.ends[1-e])
			}
		}
		a, b := p.ends[0], p.ends[1]
		p.must(len(a.inbox) == 0 && len(b.inbox) == 0 && !a.serving && !b.serving, "not settled")
		p.must(a.oa.Stable() && b.oa.Stable(), "stuck")
		p.must(a.made == b.answered && b.made == a.answered, "they count different exchanges")
		p.must(a.oa.Agreed() == (a.made+a.answered > 0), "Agreed is wrong")
	})
}
