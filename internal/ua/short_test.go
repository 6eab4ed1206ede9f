package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// TestVideoLeftOut: who takes video away by an offer without its m-line has taken it away (RFC 3264 §8 wants port 0), and is answered as it asks; the other side sees all m-lines. What
// could be either of two streams is refused.
func TestVideoLeftOut(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		for _, from := range []int{0, 1} {
			r := newRig(t)
			caller, callee := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+video))
			caller.ack(1)
			before, ends := r.streams(), []*end{caller, callee}
			for version, c := range []struct{ offer, answer, offered, answered string }{
				{speech, speech + refuse(video, 0), "audio -video", "audio"},
				{speech + video, speech + video, "audio video", "audio video"},
				{speech, speech, "audio -video", "audio"},
				{speech, speech, "audio -video", "audio"},
			} {
				offer := c.offer
				if version == 3 {
					offer += "a=sendonly\r\n"
				}
				offered, answered := change(ends[from], ends[1-from], method, version+1, offer, "200 OK", c.answer)
				if offered != c.offered || answered != c.answered || (r.streams() == before) != (c.offered == "audio video") {
					t.Errorf("%s of %d, %d: offered %q, answered %q, the relay has %q", method, from, version, offered, answered, r.streams())
				}
				r.pass(1e9)
			}
		}
	}
	for _, c := range []string{video, speech} {
		r := newRig(t)
		caller, _ := r.endsOf(described(0, 0, speech+video+c), described(1, 0, speech+video+c))
		caller.ack(1)
		caller.says("INVITE", described(0, 1, speech+video))
		if answer := string(r.last()); !strings.HasPrefix(answer, "SIP/2.0 488") || !strings.Contains(answer, "media-line-missing") {
			t.Errorf("one of two: %s", r.lines())
		}
	}
	r := newRig(t)
	caller, _ := r.endsOf(described(0, 0, speech+video), described(1, 0, speech+video))
	caller.ack(1)
	caller.says("INVITE", described(0, 1, video))
	r.told("SIP/2.0 488")
}

// ringing is a call whose target has answered the offer in an early dialog. inv is what has called it.
func (r *rig) ringing(offer, answer string) (caller, callee *end, inv []byte) {
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 0, offer)))
	inv, _ = r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, with(response("183 Session Progress", inv, "to", described(1, 0, answer)), "Require: 100rel", "RSeq: 1"))
	ring, prack := r.last(), r.first("PRACK")
	for _, s := range r.out.Sends {
		if bytes.HasPrefix(s.Data, []byte("SIP/2.0 183")) {
			ring = s.Data
		}
	}
	caller = &end{r: r, src: r.uc, callID: "call", from: header(ring, "From"), to: header(ring, "To"), seq: 1}
	callee = &end{r: r, src: r.pstn, callID: header(inv, "Call-ID"), from: header(prack, "To"), to: header(prack, "From"), seq: 100}
	callee.answers("200 OK", prack, "")
	caller.says("PRACK", "", "RAck: "+header(ring, "RSeq")+" 1 INVITE")
	r.told("SIP/2.0 200")
	return caller, callee, inv
}

// TestVideoLeftOutBeforeTheAnswer is the same in an early dialog (RFC 3311 §5): from the caller, and from the target.
func TestVideoLeftOutBeforeTheAnswer(t *testing.T) {
	for _, from := range []int{0, 1} {
		for _, answer := range []string{speech + video, speech + refuse(video, 0)} {
			r := newRig(t)
			caller, callee, inv := r.ringing(speech+video, answer)
			ends := []*end{caller, callee}
			offered, answered := change(ends[from], ends[1-from], "UPDATE", 1, speech, "200 OK", speech+refuse(video, 0))
			if offered != "audio -video" || answered != "audio" || r.streams() != spoken {
				t.Errorf("of %d: offered %q, answered %q, the relay has %q", from, offered, answered, r.streams())
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", ""))
			ok, _ := r.told("SIP/2.0 200")
			if strings.Contains(string(ok), "m=video 5") {
				t.Errorf("answered with\n%s", ok)
			}
		}
	}
}

// TestLeftOutInOneEarlyDialog: what the caller leaves out in one early dialog it has not left out in its INVITE, which another target answers whole (RFC 3264 §6).
func TestLeftOutInOneEarlyDialog(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", described(0, 0, speech+video)))
	inv, _ := r.told("INVITE")
	for _, tag := range []string{"one", "two"} {
		r.out.Reset()
		r.in(r.pstn, with(response("183 Session Progress", inv, tag, described(1, 0, speech+video)), "Require: 100rel", "RSeq: 1"))
		ring, said := r.told("SIP/2.0 183")
		if kinds(said) != "audio video" {
			t.Fatalf("%s: told\n%s", tag, ring)
		}
		if tag == "two" {
			break
		}
		prack := r.first("PRACK")
		caller := &end{r: r, src: r.uc, callID: "call", from: header(ring, "From"), to: header(ring, "To"), seq: 1}
		callee := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID"), from: header(prack, "To"), to: header(prack, "From"), seq: 100}
		callee.answers("200 OK", prack, "")
		caller.says("PRACK", "", "RAck: "+header(ring, "RSeq")+" 1 INVITE")
		if _, answered := change(caller, callee, "UPDATE", 1, speech, "200 OK", speech+refuse(video, 0)); answered != "audio" {
			t.Errorf("answered %q", answered)
		}
	}
}

// TestVideoLeftOutIsNoNews: what is said again after the answer as it was before, without the m-line that the target leaves out, has the version that it had (RFC 3264 §8), also where
// codecs are added on its way.
func TestVideoLeftOutIsNoNews(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {codecs: [PCMA]}`+"\n  "+`"trunk:uc": {`, 1))
	caller, callee, inv := r.ringing(speech+video, speech+refuse(video, 0))
	callee.says("UPDATE", described(1, 1, speech))
	caller.answers("200 OK", r.first("UPDATE"), described(0, 1, speech+refuse(video, 0)))
	before, _ := r.told("SIP/2.0 200")
	r.in(r.pstn, response("200 OK", inv, "to", ""))
	caller.ack(1)
	callee.says("INVITE", described(1, 1, speech))
	after, _ := r.told("SIP/2.0 200")
	origin := func(m []byte) string {
		_, o, _ := strings.Cut(string(m), "\r\no=")
		o, _, _ = strings.Cut(o, "\r\n")
		return o
	}
	if origin(before) != origin(after) {
		t.Errorf("answered before the call was up with\n%s\nand behind that with\n%s", before, after)
	}
}
