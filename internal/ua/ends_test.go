package ua_test

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// end is one peer's end of an answered call: what it sends within the dialog.
type end struct {
	r        *rig
	src      sip.Source
	callID   string
	from, to string // its own name-addr with tag, and ours
	seq, n   int
}

// ends places a call up to the ACK and returns its two ends.
func (r *rig) ends() (caller, callee *end) { r.b.Helper(); return r.endsOf(bodies[0], bodies[1]) }

// endsOf is ends with an offer and its answer.
func (r *rig) endsOf(offer, answer string) (caller, callee *end) {
	r.b.Helper()
	r.n++
	n := strconv.Itoa(r.n)
	r.out.Reset()
	invite := request("INVITE", "1", "i"+n, "call-"+n, "from"+n, "", offer)
	r.in(r.uc, invite)
	r.sent("INVITE")
	ours := r.out.Sends[0].Data
	r.out.Reset()
	r.in(r.pstn, response("200 OK", ours, "to"+n, answer))
	r.sent("ACK", "SIP/2.0 200")
	ack, ok := r.out.Sends[0].Data, r.out.Sends[1].Data
	caller = &end{r: r, src: r.uc, callID: "call-" + n, from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	callee = &end{r: r, src: r.pstn, callID: header(ack, "Call-ID"), from: header(ack, "To"), to: header(ack, "From"), seq: 100}
	r.out.Reset()
	return caller, callee
}

// acknowledged is ends of which the caller's has sent its ACK.
func (r *rig) acknowledged() (caller, callee *end) {
	r.b.Helper()
	caller, callee = r.ends()
	caller.ack(1)
	r.sent()
	return caller, callee
}

// holding is a call whose caller holds it, which the callee has taken.
func (r *rig) holding() (caller, callee *end) {
	caller, callee = r.acknowledged()
	caller.says("INVITE", held)
	callee.answers("200 OK", r.first("INVITE"), heldAnswer)
	caller.ack(caller.seq)
	return caller, callee
}

// write is a request of the end; lines are further headers.
func (e *end) write(method string, seq int, body string, lines ...string) []byte {
	e.n++
	host := e.src.Remote.String()
	_, dialog, _ := strings.Cut(e.to, ";tag=") // each early one counts for itself
	b := []byte(method + " sip:192.0.2.10:5060 SIP/2.0\r\nVia: SIP/2.0/" + e.src.Transport.String() + " " + host + ";branch=z9hG4bK-" + e.callID[:4] + dialog + strconv.Itoa(e.n) + ";rport\r\n" +
		"Max-Forwards: 70\r\nFrom: " + e.from + "\r\nTo: " + e.to + "\r\nCall-ID: " + e.callID + "\r\nCSeq: " + strconv.Itoa(seq) + " " + method + "\r\n" +
		"Contact: <sip:" + host + ">\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER\r\n")
	for _, l := range lines {
		b = append(b, l+"\r\n"...)
	}
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return append(b, "Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body...)
}

// says sends the end's next request and returns what came of it, ours first.
func (e *end) says(method, body string, lines ...string) []byte {
	e.r.b.Helper()
	e.seq++
	m := e.write(method, e.seq, body, lines...)
	e.r.out.Reset()
	e.r.in(e.src, m)
	return m
}

// ack acknowledges the 2xx to the INVITE with that CSeq.
func (e *end) ack(seq int) {
	e.r.out.Reset()
	e.r.in(e.src, e.write("ACK", seq, ""))
}

// cancel sends the CANCEL of an INVITE of the end.
func (e *end) cancel(invite []byte) {
	head, _, _ := bytes.Cut(invite, []byte("Content-Type"))
	m := strings.NewReplacer("INVITE sip", "CANCEL sip", " INVITE\r\n", " CANCEL\r\n").Replace(string(head))
	e.r.out.Reset()
	e.r.in(e.src, []byte(m+"Content-Length: 0\r\n\r\n"))
}

// answers sends a response of the end to a request of ours.
func (e *end) answers(status string, req []byte, body string, lines ...string) {
	e.r.b.Helper()
	m := response(status, req, "", body)
	for _, l := range lines {
		m = bytes.Replace(m, []byte("\r\nContent-Length"), []byte("\r\n"+l+"\r\nContent-Length"), 1)
	}
	e.r.out.Reset()
	e.r.in(e.src, m)
}

// pass lets time go by in steps of what the core waits for.
func (r *rig) pass(d time.Duration) {
	until := r.now.Add(d)
	if d > 0 {
		r.out.Reset()
	}
	for {
		at := r.core.Deadline()
		if at.IsZero() || at.After(until) {
			break
		}
		r.now = at
		r.core.Advance(r.now, &r.out)
	}
	r.now = until
}

// lines are the start lines of what the core has sent, with whom they are for.
func (r *rig) lines() string {
	var b strings.Builder
	for _, s := range r.out.Sends {
		line, _, _ := strings.Cut(string(s.Data), "\r\n")
		who := "pstn"
		if s.Hop.Remote.Addr() == r.uc.Remote.Addr() {
			who = "uc"
		}
		b.WriteString(who + ": " + line + " [" + header(s.Data, "CSeq") + "]\n")
	}
	for _, c := range r.out.Records {
		b.WriteString("record: " + c.Reason + " " + c.Detail + "\n")
	}
	return b.String()
}

// What either end says when it holds the other one, and what the callee answers to that.
var held, heldB, heldAnswer = directed(0, "sendonly"), directed(1, "sendonly"), directed(1, "recvonly")

// directed is another description of an end.
func directed(end int, direction string) string {
	return strings.NewReplacer("sendrecv", direction, "20518 0", "20518 1").Replace(bodies[end])
}

// joins has an end at a host transfer who is at its other side to the one at the other side of another end of its own (RFC 5589 §7); the leg arrives at that call.
func (e *end) joins(other *end, host string) {
	r := e.r
	r.b.Helper()
	e.says("REFER", "", "Refer-To: <sip:x@"+host+"?Replaces="+other.callID+"%3Bto-tag%3D"+tagOf(other.to)+"%3Bfrom-tag%3D"+tagOf(other.from)+">", "Refer-Sub: false")
	if len(r.out.Passages) != 1 {
		r.b.Fatalf("not joined:\n%s", r.lines())
	}
	p := r.out.Passages[0]
	r.out.Reset()
	r.core.Seat(r.now, p, &r.out)
}

// last is the last message that the core has sent.
func (r *rig) last() []byte { return r.out.Sends[len(r.out.Sends)-1].Data }

// first is the first request of a method that the core has sent; nil: none.
func (r *rig) first(method string) []byte {
	for _, s := range r.out.Sends {
		if bytes.HasPrefix(s.Data, []byte(method+" ")) {
			return s.Data
		}
	}
	return nil
}
