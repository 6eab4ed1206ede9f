package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// RFC 5589, RFC 3891: as TestWalk, and parties are transferred between the changes: blindly, to numbers that answer, refuse or do not exist, into another call of theirs, and by
// an INVITE with Replaces of another telephone at their side; from either side, on hold and off, and while the other side changes something. Who has come is heard and
// hears as who was there, each call has one record, and what has failed changes nothing.
func TestWalkTransfers(t *testing.T) { walks(t, max(*walkCount/2, 1), true) }

// pairOf is the pair of a lane. Where parties are transferred all codecs are common.
func pairOf(lane int, moves bool) int {
	if moves {
		return lane % slices.IndexFunc(pairs, func(p peering) bool { return p.talks[0] != nil })
	}
	return lane % len(pairs)
}

// moving are the settings of a trunk whose parties may transfer.
func moving(moves bool) string {
	if moves {
		return ", acceptRefer: true"
	}
	return ""
}

// whose is the telephone that a message has come to: the one that has its call, or that waits for one; nil: it is no message.
func (w *walk) whose(a *arrival) (p *walker) {
	for _, q := range w.all {
		if q.sig != a.at {
			continue
		}
		if q.callID != "" && strings.Contains(string(a.data), q.callID) {
			return q
		}
		if p == nil || q.callID == "" {
			p = q
		}
	}
	return p
}

// telephone is one more, with another socket for its signalling, or with that of one that has been there.
func (w *walk) telephone(name string, ips []netip.Addr, secure bool, port uint16) *walker {
	at := netip.AddrPortFrom(ips[0], port)
	i := slices.IndexFunc(w.all, func(p *walker) bool { return p.sig != nil && p.sig.at == at })
	p := w.walker(fmt.Sprintf("%s%d", name, len(w.all)), ips, secure)
	if i >= 0 {
		p.sig = w.all[i].sig
	} else {
		p.sig = w.open(at)
	}
	p.plain, p.talks = true, []string{"PCMU/8000", "PCMA/8000", "G722/8000", "G729/8000"}
	w.rnd.Shuffle(len(p.talks), func(i, k int) { p.talks[i], p.talks[k] = p.talks[k], p.talks[i] })
	return p
}

// third is who can be reached at a number of its own.
func (w *walk) third() *walker {
	return w.telephone("third", []netip.Addr{thirdAt(w.lane, 0), thirdAt(w.lane, 1)}, pairs[w.pair].secure[1], 5060)
}

func thirdAt(lane, k int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 99, 0, byte(23 + 10*lane + k)})
}

func (p *walker) isThird() bool { return p.ips[0] == thirdAt(p.w.lane, 0) }

func (w *walk) thirdNumber() string { return fmt.Sprintf("+2%02d%06d", w.lane, w.number) }

// move is a transfer by one side.
func (w *walk) move() {
	p, q := w.a, w.b
	if w.rnd.IntN(2) == 0 {
		p, q = q, p
	}
	choice := w.rnd.IntN(6)
	if p.isThird() {
		p, q = q, p
	}
	if p.isThird() { // who may call nobody
		choice = 3 + 2*w.rnd.IntN(2)
	}
	w.what = " " + p.name
	if w.rnd.IntN(2) == 0 { // most hold before
		p.change("INVITE", p.propose(live(p.more(), func(s *stream) { s.want, s.nowhere = []string{"sendonly", "inactive"}[w.rnd.IntN(2)], false }), nil))
		w.what += " holds and"
		if !w.settle(w.what) {
			return
		}
	}
	switch choice {
	case 0, 1:
		c := w.third()
		w.what += " refers"
		w.refer(p, q, c, w.thirdNumber(), "")
	case 2:
		c := w.third()
		c.busy = []int{486, 503, 603, 404}[w.rnd.IntN(4)]
		w.what += fmt.Sprintf(" refers to who answers %d", c.busy)
		w.refer(p, q, c, w.thirdNumber(), "")
	case 3:
		w.what += " refers to nobody"
		w.refer(p, q, nil, "+9999", "")
	case 4:
		w.attended(p, q)
	case 5:
		w.pickup(p, q)
	}
	w.log = append(w.log, fmt.Sprintf("%7.3f step %d: %s", time.Since(w.began).Seconds(), w.steps, w.what))
	clear(w.warm)
}

// meanwhile has the other side of a transfer change something, at times.
func (w *walk) meanwhile(q *walker) (over func()) {
	waits := true
	if w.rnd.IntN(3) == 0 {
		w.later(time.Duration(w.rnd.IntN(6))*time.Millisecond, func() {
			if waits && q.idle() && !q.over {
				w.act(q)
				w.what += " meanwhile"
			}
		})
	}
	return func() { waits = false }
}

// refer has p transfer q to a number, or to who is in another call of p's, by its Replaces.
func (w *walk) refer(p, q, c *walker, number, replaces string) {
	p.told = 0
	p.seq++
	m := p.request("REFER", p.seq)
	p.own(m)
	m.Add(sip.IDReferTo, "<sip:"+number+"@example.com"+replaces+">")
	m.Add(sip.IDReferredBy, "<"+p.local+">")
	refused := false
	p.send(m, nil, func(m *sip.Message) { refused = m.Status >= 300 })
	over := w.meanwhile(q)
	defer over()
	w.await(w.what, func() bool { return refused || p.told >= 300 || p.over && (c == nil || c.up && c.idle()) }, func() string {
		return fmt.Sprintf(": refused %v, told %d, over %v", refused, p.told, p.over)
	})
	switch {
	case refused || p.told >= 300:
		w.what += " in vain"
		if p.over {
			w.fault("%s was told %d, and hung up", p.name, p.told)
		}
	case c == nil || c.busy > 0:
		w.fault("%s was transferred to who is not there", q.name)
	default:
		w.seat(p, c)
	}
}

// seat puts c in the place of p.
func (w *walk) seat(p, c *walker) {
	if w.a == p {
		w.a = c
	} else {
		w.b = c
	}
}

// attended has p call a third and transfer q to it (RFC 5589 §7).
func (w *walk) attended(p, q *walker) {
	c := w.third()
	o := w.telephone("second", p.ips, p.secure, 5070)
	w.calls++
	o.callID = token() + "@" + o.ips[0].String()
	o.local = p.local
	o.remote = fmt.Sprintf("sip:%s@%s", w.thirdNumber(), w.net.server)
	o.target = o.remote
	w.what += " calls a third"
	o.change("INVITE", o.propose([]stream{o.begin("audio")}, nil))
	up := func() bool { return o.up && c.up && o.idle() && c.idle() }
	if !w.await(w.what, up, func() string { return "" }) {
		return
	}
	if w.rnd.IntN(2) == 0 {
		o.change("INVITE", o.propose(live(o.more(), func(s *stream) { s.want = "sendonly" }), nil))
		if !w.await(w.what, up, func() string { return "" }) {
			return
		}
	}
	w.what += " and transfers"
	w.refer(p, q, c, w.thirdNumber(), fmt.Sprintf("?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", o.callID, o.peerTag, o.tag))
	if w.a == c || w.b == c {
		w.await(w.what, func() bool { return o.over }, func() string { return ": the call that p had with the third goes on" })
		return
	}
	if !o.over {
		o.bye()
	}
	w.await(w.what, func() bool { return o.over && c.over && o.idle() && c.idle() }, func() string { return ": the second call goes on" })
}

// pickup has another telephone at p's side take its place (RFC 3891).
func (w *walk) pickup(p, q *walker) {
	c := w.telephone("other", p.ips, p.secure, 5080)
	c.callID = token() + "@" + c.ips[0].String()
	c.local = "sip:other@" + c.sig.at.String()
	c.remote = "sip:pickup@" + w.net.server.String()
	c.target = c.remote
	list := []stream{c.begin("audio")}
	list[0].formats = c.formatsOf(append(slices.Clone(c.talks), events))
	offer := c.propose(list, nil)
	c.seq++
	m := c.request("INVITE", c.seq)
	m.Add(sip.IDReplaces, p.callID+";to-tag="+p.peerTag+";from-tag="+p.tag)
	m.Add(sip.IDRequire, "replaces")
	m.SetBody("application/sdp", offer.text)
	status := 0
	k := c.send(m, offer, nil)
	c.out = k
	k.done = func(m *sip.Message) {
		status = m.Status
		c.changedBy(k, m)
	}
	w.what += " is replaced"
	over := w.meanwhile(q)
	defer over()
	w.await(w.what, func() bool { return status >= 300 || status > 0 && p.over && c.idle() }, func() string { return fmt.Sprintf(": status %d, over %v", status, p.over) })
	if status >= 300 {
		w.what += " in vain"
		c.over = true
		return
	}
	w.seat(p, c)
}

// resumeBare has both sides hold, or one, and one of them resume by a re-INVITE without an offer (RFC 3261 §14.2).
func (w *walk) resumeBare() {
	p, q := w.a, w.b
	if w.rnd.IntN(2) == 0 {
		p, q = q, p
	}
	w.what = ""
	for _, x := range [][]*walker{{p}, {q}, {p, q}, {q, p}}[w.rnd.IntN(4)] {
		w.what += " " + x.name + " holds"
		x.change("INVITE", x.propose(live(x.more(), func(s *stream) { s.want, s.nowhere = []string{"sendonly", "inactive"}[w.rnd.IntN(2)], false }), nil))
		if !w.settle(w.what) {
			return
		}
	}
	p.echoes, q.echoes = w.rnd.IntN(3) > 0, w.rnd.IntN(3) > 0
	if w.rnd.IntN(5) == 0 {
		q.denials = []int{[]int{488, 500, 415, 603}[w.rnd.IntN(4)]}
	}
	w.what += " " + p.name + " resumes without an offer"
	w.log = append(w.log, fmt.Sprintf("%7.3f step %d: %s", time.Since(w.began).Seconds(), w.steps, w.what))
	p.steady, q.steady = true, true // who then takes nothing at all cannot be told of
	was := slices.Clone(p.streams)
	resume(p, p.streams)
	c := p.change("INVITE", nil)
	c.done = func(m *sip.Message) {
		if m.Status >= 300 { // as when it crosses the ACK of the other side: 491
			copy(p.streams, was)
		}
		p.changedBy(c, m)
	}
}

// opened checks that what both sides want to flow does.
func (w *walk) opened() {
	for _, y := range w.flows() {
		if y.from.s.want == "sendrecv" && y.to.s.want == "sendrecv" && !y.from.s.nowhere && !y.to.s.nowhere && !(y.from.sends() && y.to.hears()) {
			w.fault("%s of %s is still on hold", y.from.mine.kind, y.p.name)
		}
	}
}

// echo are the directions of an offer that says what stands; nil: what the telephone wants.
func (p *walker) echo() (dirs []string) {
	if !p.echoes || len(p.view) != len(p.streams) {
		return nil
	}
	for i := range p.view {
		dirs = append(dirs, directed(p.view[i].mine.send, p.view[i].mine.recv))
	}
	return dirs
}
