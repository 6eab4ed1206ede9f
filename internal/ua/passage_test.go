package ua_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/ua"
)

// shards are cores that exchange legs as those of an engine do. A Call-ID belongs to the shard whose number it begins with.
type shards struct {
	t        *testing.T
	now      time.Time
	cores    [3]*ua.Core
	uc, pstn sip.Source
	sent     [][]byte
	forwards int
	records  []string // why calls have ended
	n        int
	sessions [3]*media.Session // as the relay was last told of a call of each
}

func newShards(t *testing.T) *shards { return newShardsOf(t, "") }

// newShardsOf is newShards with further settings of the callees' trunk.
func newShardsOf(t *testing.T, settings string) *shards {
	return shardsOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {acceptRefer: true`+settings+"}\n  "+`"trunk:uc": {acceptRefer: true, `, 1))
}

func shardsOf(t *testing.T, doc string) *shards {
	snap := compile(t, doc)
	s := &shards{t: t, now: begin, uc: ucSource, pstn: pstnSource}
	for i := range s.cores {
		env := newEnv(snap, uint64(i))
		env.Fingerprint = ourPrint
		token := env.CallID
		env.CallID = func() string { return string(rune('0'+i)) + token() }
		s.cores[i] = ua.New(ua.Config{Env: env, Snapshot: snap, Shard: i, Shards: len(s.cores),
			Mine: func(id string) bool { return s.of(id) == i }}, s.now)
	}
	return s
}

// of is the shard of a Call-ID.
func (s *shards) of(callID string) int { return int(callID[0] - '0') }

// do performs what a core does and what follows from it in others.
func (s *shards) do(i int, f func(c *ua.Core, out *ua.Out)) {
	var o ua.Out
	c := s.cores[i]
	f(c, &o)
	for k := 0; k < len(o.Media); k++ {
		switch op := o.Media[k]; op.Verb {
		case b2bua.MediaOpen, b2bua.MediaUpdate, b2bua.MediaGrow:
			named := ""
			c.Names([]media.SessionID{op.Session.ID}, func(_ media.SessionID, names [5]string) { named = names[0] })
			if named == "" || named != op.Session.Call {
				s.t.Errorf("logs would name the call %q, not %q", op.Session.Call, named)
			}
			s.sessions[i] = op.Session
			c.MediaOpened(s.now, op.Session.ID, nil, &o)
		case b2bua.MediaClose:
			c.MediaClosed(s.now, media.Stats{ID: op.Session.ID}, &o)
		}
	}
	for _, m := range o.Sends {
		s.sent = append(s.sent, m.Data)
	}
	for _, r := range o.Records {
		s.records = append(s.records, r.Reason)
	}
	for _, p := range o.Passages {
		s.do(s.of(p.Key), func(c *ua.Core, out *ua.Out) { c.Seat(s.now, p, out) })
	}
	s.forwards += len(o.Forwards)
	for _, f := range o.Forwards {
		to := 0
		if f.Home != 0 {
			to = int(f.Home) % len(s.cores)
		} else {
			to = s.of(f.Key)
		}
		s.do(to, func(c *ua.Core, out *ua.Out) { c.Forwarded(s.now, f, out) })
	}
	for _, p := range o.Returns {
		s.do(int(p.From)%len(s.cores), func(c *ua.Core, out *ua.Out) { c.Returned(s.now, p, out) })
	}
	for _, id := range o.Left {
		for _, c := range s.cores {
			c.Left(id)
		}
	}
}

// in is a datagram of a peer. It returns what is sent because of it.
func (s *shards) in(src sip.Source, data []byte) [][]byte {
	s.t.Helper()
	m, err := sip.Parse(data, nil)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, data)
	}
	s.sent, s.forwards = nil, 0
	s.do(s.of(m.CallID()), func(c *ua.Core, out *ua.Out) { c.Receive(s.now, src, m, out) })
	return s.sent
}

// pick is the message that begins so.
func (s *shards) pick(list [][]byte, line string) []byte {
	s.t.Helper()
	for _, data := range list {
		if bytes.HasPrefix(data, []byte(line)) {
			return data
		}
	}
	s.t.Fatalf("no %q in\n%s", line, bytes.Join(list, []byte("----\n")))
	return nil
}

// talk is a call that has been answered, by the dialogs of both of its peers.
type talk struct {
	a, tagA, ourA string // Call-ID, tag of the caller and ours
	b, tagB, ourB string
	from, to      string // From and To of a request of the callee
}

func (s *shards) call(shard int) talk { return s.callOf(shard, bodies[0], bodies[1]) }

// callOf is call with an offer and its answer.
func (s *shards) callOf(shard int, offer, answer string) (c talk) {
	c.a, c.tagA, c.tagB = string(rune('0'+shard))+"-call", "from"+string(rune('0'+shard)), "to"+string(rune('0'+shard))
	inv := s.pick(s.in(s.uc, request("INVITE", "1", "i"+c.a, c.a, c.tagA, "", offer)), "INVITE")
	c.b, c.ourB = header(inv, "Call-ID"), tagOf(header(inv, "From"))
	c.from, c.to = header(inv, "To")+";tag="+c.tagB, header(inv, "From")
	ok := s.pick(s.in(s.pstn, response("200 OK", inv, c.tagB, answer)), "SIP/2.0 200")
	c.ourA = tagOf(header(ok, "To"))
	s.in(s.uc, request("ACK", "1", "a"+c.a, c.a, c.tagA, c.ourA, ""))
	return c
}

// fromCallee is a request of the callee.
func (s *shards) fromCallee(c *talk, method string, more ...string) []byte {
	s.n++
	n := string(rune('0' + s.n))
	lines := append([]string{method + " sip:192.0.2.10:5060 SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.2:5060;branch=z9hG4bKcallee" + n, "Max-Forwards: 70",
		"From: " + c.from, "To: " + c.to, "Call-ID: " + c.b, "CSeq: " + n + " " + method, "Contact: <sip:198.51.100.2:5060>"}, more...)
	return []byte(strings.Join(lines, "\r\n") + "\r\nContent-Length: 0\r\n\r\n")
}

// offers is a re-INVITE of the callee.
func (s *shards) offers(c *talk, body string) []byte {
	m := with(s.fromCallee(c, "INVITE"), "Content-Type: application/sdp")
	return append(bytes.Replace(m, []byte("Content-Length: 0"), []byte("Content-Length: "+strconv.Itoa(len(body))), 1), body...)
}

// acks is its ACK to the answer to its last request.
func (s *shards) acks(c *talk) []byte {
	s.n--
	return s.fromCallee(c, "ACK")
}

// later lets time go by and returns what is sent meanwhile.
func (s *shards) later(d time.Duration) [][]byte {
	s.now, s.sent = s.now.Add(d), nil
	for i := range s.cores {
		s.do(i, func(c *ua.Core, out *ua.Out) { c.Advance(s.now, out) })
	}
	return s.sent
}

// joins is the REFER by which a caller wants the one at its other end to talk to the one at the other end of another call of its own.
func (c *talk) joins(o *talk) []byte {
	refer := request("REFER", "2", "refer1", c.a, c.tagA, c.ourA, "")
	return bytes.Replace(refer, []byte("Max-Forwards"), []byte("Refer-To: <sip:+14255550100@198.51.100.1?Replaces="+o.a+"%3Bto-tag%3D"+o.ourA+"%3Bfrom-tag%3D"+o.tagA+">\r\nMax-Forwards"), 1)
}

// agree answers every re-INVITE that is sent, until none is.
func (s *shards) agree(list [][]byte) (all [][]byte) {
	for len(list) > 0 {
		data := list[0]
		list, all = list[1:], append(all, data)
		src, body := s.pstn, bodies[1]
		if bytes.Contains(data, []byte(" sip:198.51.100.1")) {
			src, body = s.uc, bodies[0]
		}
		switch {
		case bytes.HasPrefix(data, []byte("INVITE ")):
			list = append(list, s.in(src, response("200 OK", data, "", body))...)
		case bytes.HasPrefix(data, []byte("BYE ")), bytes.HasPrefix(data, []byte("NOTIFY ")):
			list = append(list, s.in(src, response("200 OK", data, "", ""))...)
		}
	}
	return all
}

// lent has the callee of a call with SRTP asked for another one, which it or who is there takes or does not; and checks which key it is sent with after it has said again what stands.
func lent(t *testing.T, takes bool) {
	s := newShardsOf(t, ", srtpMode: required")
	said := keyed(bodies[1], strings.Replace(uc80, "crypto:3", "crypto:1", 1))
	one, two := s.callOf(0, bodies[0], said), s.callOf(1, bodies[0], said)
	told := ""
	for list := s.in(s.uc, one.joins(&two)); len(list) > 0; list = list[1:] {
		m := list[0]
		switch {
		case bytes.HasPrefix(m, []byte("NOTIFY ")):
			list = append(list, s.in(s.uc, response("200 OK", m, "", ""))...)
		case !bytes.HasPrefix(m, []byte("INVITE ")):
		case header(m, "Call-ID") == two.b || told == "" && !takes:
			list = append(list, s.in(s.pstn, response("488 Not Acceptable Here", m, "", ""))...)
			if told == "" {
				told = "nothing"
			}
		default:
			told = string(m)
			list = append(list, s.in(s.pstn, response("200 OK", m, "", said))...)
		}
	}
	told = string(s.pick(s.in(s.pstn, s.offers(&one, said)), "SIP/2.0 200"))
	if c := s.sessions[0].Streams[0].Side[1].Crypt; c == nil || !strings.Contains(told, base64.StdEncoding.EncodeToString([]byte(c.Send))) {
		t.Errorf("%v: the relay sends with another key than is in\n%s", takes, told)
	}
}

// A leg that has been offered other keys in another call, and comes back from there, is sent those that it is told.
func TestKeysOfALegThatComesBack(t *testing.T) {
	lent(t, false)
	lent(t, true)
}

// The same of credentials of ICE and of the name of an association (RFC 8842): until the leg has been told otherwise, the relay has those by which it knows us since it has answered in the other call.
func TestCredentialsOfALegThatComesBack(t *testing.T) {
	s := newShardsOf(t, ", srtpMode: required, srtpKeying: dtls, ice: lite")
	peers := map[string]*voice{}
	call := func(shard, port int) talk {
		v := &voice{kind: "dtls", host: 2, port: port, direction: "sendrecv"}
		var c talk
		c.a, c.tagA, c.tagB = string(rune('0'+shard))+"-call", "from"+string(rune('0'+shard)), "to"+string(rune('0'+shard))
		inv := s.pick(s.in(s.uc, request("INVITE", "1", "i"+c.a, c.a, c.tagA, "", bodies[0])), "INVITE")
		c.b = header(inv, "Call-ID")
		ok := s.pick(s.in(s.pstn, response("200 OK", inv, c.tagB, v.agrees(sdpOf(t, inv)))), "SIP/2.0 200")
		c.ourA = tagOf(header(ok, "To"))
		s.in(s.uc, request("ACK", "1", "a"+c.a, c.a, c.tagA, c.ourA, ""))
		peers[c.b] = v
		return c
	}
	one, two := call(0, 40020), call(1, 40040)
	asked := 0
	for list := s.in(s.uc, one.joins(&two)); len(list) > 0; list = list[1:] {
		m := list[0]
		switch id := ""; {
		case bytes.HasPrefix(m, []byte("NOTIFY ")):
			list = append(list, s.in(s.uc, response("200 OK", m, "", ""))...)
		case !bytes.HasPrefix(m, []byte("INVITE ")):
		default:
			if id = header(m, "Call-ID"); id == two.b {
				list = append(list, s.in(s.pstn, response("488 Not Acceptable Here", m, "", ""))...)
				continue
			}
			v := peers[id]
			if asked++; asked == 2 {
				side := s.sessions[0].Streams[0].Side[1]
				knows := linesOf(v.told, "ice-ufrag", "tls-id")
				name, _, _ := strings.Cut(side.DTLS.Association, " ")
				if !slices.Contains(knows, "ice-ufrag:"+side.ICE.Ufrag) || !slices.Contains(knows, "tls-id:"+name) {
					t.Errorf("it knows %q, the relay has %q and %q", knows, side.ICE.Ufrag, name)
				}
			}
			list = append(list, s.in(s.pstn, response("200 OK", m, "", v.agrees(sdpOf(t, m))))...)
		}
	}
	if asked != 2 {
		t.Errorf("the leg is asked %d times", asked)
	}
}

// TestLegGoesOn: a leg that has joined a call of another shard goes on to a call of a third one, and what its peer sends follows it.
func TestLegGoesOn(t *testing.T) {
	s := newShards(t)
	one, two, three := s.call(0), s.call(1), s.call(2)
	refer := one.joins(&two)
	list := s.in(s.uc, refer)
	s.pick(list, "SIP/2.0 202")
	s.agree(list)
	list = s.in(s.pstn, s.fromCallee(&two, "REFER", "Refer-To: <sip:+14255550100@198.51.100.2?Replaces="+three.b+"%3Bto-tag%3D"+three.ourB+"%3Bfrom-tag%3D"+three.tagB+">"))
	s.pick(list, "SIP/2.0 202")
	s.agree(list)
	bye := s.in(s.pstn, s.fromCallee(&one, "BYE"))
	s.pick(bye, "SIP/2.0 200")
	if got := header(s.pick(bye, "BYE"), "Call-ID"); got != three.a {
		t.Errorf("the other end is hung up on %q, want %q", got, three.a)
	}
	if s.forwards != 2 {
		t.Errorf("handed on %d times, want 2", s.forwards)
	}
	s.agree(bye)
	s.now = s.now.Add(time.Minute)
	for i, c := range s.cores {
		s.do(i, func(c *ua.Core, out *ua.Out) { c.Advance(s.now, out) })
		if c.Held() != 0 {
			t.Errorf("shard %d has %d calls", i, c.Held())
		}
	}
	s.pick(s.in(s.pstn, s.fromCallee(&one, "BYE")), "SIP/2.0 481")
	if s.forwards != 0 {
		t.Errorf("handed on %d times when all is over", s.forwards)
	}
}

// TestLegComesBackToACallThatIsOver: a leg that was with the shard of the call that it was to join, which is no more, is hung up where its own has been ended meanwhile.
func TestLegComesBackToACallThatIsOver(t *testing.T) {
	s := newShards(t)
	one, two := s.call(0), s.call(1)
	refer, err := sip.Parse(one.joins(&two), nil)
	if err != nil {
		t.Fatal(err)
	}
	var o ua.Out
	s.cores[0].Receive(s.now, s.uc, refer, &o)
	if len(o.Passages) != 1 {
		t.Fatal("the leg does not leave")
	}
	s.do(0, func(c *ua.Core, out *ua.Out) { c.Terminate(s.now, diag.ServerShutdown, out) })
	s.in(s.uc, request("BYE", "2", "bye2", two.a, two.tagA, two.ourA, ""))
	s.sent = nil
	s.do(1, func(c *ua.Core, out *ua.Out) { c.Seat(s.now, o.Passages[0], out) })
	bye := s.pick(s.sent, "BYE")
	if got := header(bye, "Call-ID"); got != one.b {
		t.Errorf("%q is hung up, want %q", got, one.b)
	}
	s.in(s.pstn, response("200 OK", bye, "", ""))
	s.later(time.Minute)
	if n := s.cores[0].Held(); n != 0 {
		t.Errorf("%d calls are held", n)
	}
}

// TestReplacesOfNobody: whichever shards the INVITE and the dialog that it names belong to, an INVITE for the place of nobody is refused once.
func TestReplacesOfNobody(t *testing.T) {
	for from := range 3 {
		for to := range 3 {
			s := newShards(t)
			inv := request("INVITE", "1", "nobody", string(rune('0'+from))+"-seeks", "tag", "", bodies[0])
			inv = bytes.Replace(inv, []byte("Max-Forwards"), []byte("Replaces: "+string(rune('0'+to))+"-nobody;to-tag=x;from-tag=y\r\nMax-Forwards"), 1)
			s.pick(s.in(s.uc, inv), "SIP/2.0 481")
			if want := min(1, (from-to)*(from-to)); s.forwards != want {
				t.Errorf("from shard %d to shard %d: handed on %d times, want %d", from, to, s.forwards, want)
			}
		}
	}
}

// TestReplacesFollowsALeg: an INVITE for the place of a leg that has gone to another shard finds it there.
func TestReplacesFollowsALeg(t *testing.T) {
	for from := range 3 {
		s := newShards(t)
		one, two := s.call(0), s.call(1)
		refer := one.joins(&two)
		s.agree(s.in(s.uc, refer))
		inv := request("INVITE", "1", "pickup", string(rune('0'+from))+"-seeks", "tag", "", bodies[0])
		inv = bytes.Replace(inv, []byte("Max-Forwards"), []byte("Replaces: "+one.b+";to-tag="+one.ourB+";from-tag="+one.tagB+"\r\nMax-Forwards"), 1)
		inv = bytes.ReplaceAll(inv, []byte("198.51.100.1"), []byte("198.51.100.2"))
		s.pick(s.in(s.pstn, inv), "INVITE") // to the other end of the call
	}
}

// TestWhoStaysVanishes: who is to be joined with another call and does not know its dialog any more, or says nothing, is missed in the call that it came from, which ends: the
// referrer would talk to nobody. The other call goes on.
func TestWhoStaysVanishes(t *testing.T) {
	for _, status := range []string{"", "481 Call/Transaction Does Not Exist"} {
		s := newShards(t)
		one, two := s.call(0), s.call(1)
		refer := one.joins(&two)
		list := s.in(s.uc, refer)
		ask := s.pick(list, "INVITE")
		if header(ask, "Call-ID") != one.b {
			t.Fatalf("asked\n%s", ask)
		}
		for _, m := range list {
			if bytes.HasPrefix(m, []byte("NOTIFY ")) {
				s.in(s.uc, response("200 OK", m, "", ""))
			}
		}
		if status == "" {
			s.sent = nil
			s.now = s.now.Add(40 * time.Second)
			s.do(1, func(c *ua.Core, out *ua.Out) { c.Advance(s.now, out) })
			list = s.sent
		} else {
			list = s.in(s.pstn, response(status, ask, "", ""))
		}
		if bye := s.pick(list, "BYE"); !bytes.Contains(bytes.Join(list, nil), []byte("Call-ID: "+one.a+"\r\n")) || !bytes.Contains(bye, []byte("peer-vanished")) {
			t.Errorf("%q: sent\n%s", status, bytes.Join(list, []byte("----\n")))
		}
		if len(s.records) != 1 || s.records[0] != "peer-vanished" {
			t.Errorf("%q: records %q", status, s.records)
		}
	}
}

// TestWhoIsJoinedVanishes: who is to be joined with somebody of another call and does not know its dialog any more, or says nothing, is missed in its own call. The one that the other
// lives in goes on.
func TestWhoIsJoinedVanishes(t *testing.T) {
	for _, status := range []string{"", "481 Call/Transaction Does Not Exist"} {
		s := newShards(t)
		one, two := s.call(0), s.call(1)
		refer := one.joins(&two)
		list := s.in(s.uc, refer)
		for _, m := range list {
			if bytes.HasPrefix(m, []byte("NOTIFY ")) {
				s.in(s.uc, response("200 OK", m, "", ""))
			}
		}
		join := s.pick(s.in(s.pstn, response("200 OK", s.pick(list, "INVITE"), "", bodies[1])), "INVITE")
		if header(join, "Call-ID") != two.b {
			t.Fatalf("asked\n%s", join)
		}
		if status == "" {
			s.sent = nil
			s.now = s.now.Add(40 * time.Second)
			s.do(1, func(c *ua.Core, out *ua.Out) { c.Advance(s.now, out) })
			list = s.sent
		} else {
			list = s.in(s.pstn, response(status, join, "", ""))
		}
		for _, m := range list {
			if id := header(m, "Call-ID"); bytes.HasPrefix(m, []byte("BYE ")) && (id == one.a || id == one.b) {
				t.Errorf("%q: who is there is hung up\n%s", status, m)
			}
		}
		if len(s.records) != 1 || s.records[0] != "peer-vanished" {
			t.Errorf("%q: records %q", status, s.records)
		}
	}
}

// RFC 3261 §8.2.2.2: a copy of the INVITE, by another way, of a caller who was to talk to somebody else, came back and has hung up begins no call.
func TestMergedInviteOfWhoCameBack(t *testing.T) {
	s := newShards(t)
	one, two := s.call(0), s.call(1)
	list := s.in(s.pstn, s.fromCallee(&one, "REFER", "Refer-To: <sip:+14255550100@198.51.100.2?Replaces="+two.b+"%3Bto-tag%3D"+two.ourB+"%3Bfrom-tag%3D"+two.tagB+">"))
	s.pick(list, "SIP/2.0 202")
	asked := s.pick(list, "INVITE")
	if header(asked, "Call-ID") != one.a {
		t.Fatalf("asked\n%s", asked)
	}
	s.agree(s.in(s.uc, response("488 Not Acceptable Here", asked, "", "")))
	s.now = s.now.Add(40 * time.Second)
	for i := range s.cores {
		s.do(i, func(c *ua.Core, out *ua.Out) { c.Advance(s.now, out) })
	}
	bye := s.in(s.uc, request("BYE", "2", "bye", one.a, one.tagA, one.ourA, ""))
	if got := header(s.pick(bye, "BYE"), "Call-ID"); got != one.b {
		t.Fatalf("hung up is %q, want %q", got, one.b)
	}
	s.agree(bye)
	late := s.in(s.uc, request("INVITE", "1", "late", one.a, one.tagA, "", bodies[0]))
	s.pick(late, "SIP/2.0 482")
	for _, m := range late {
		if bytes.HasPrefix(m, []byte("INVITE ")) {
			t.Errorf("somebody is called\n%s", m)
		}
	}
}

// TestRFC3261_14_1GuestOffersMeanwhile: while the call that a leg has come to is busy, the leg's peer may change its own session. It is not asked before that is acknowledged,
// and its ACK is found.
func TestRFC3261_14_1GuestOffersMeanwhile(t *testing.T) {
	s := newShards(t)
	one, two := s.call(0), s.call(1)
	hold := strings.Replace(bodies[0], "sendrecv", "sendonly", 1)
	asked := s.pick(s.in(s.uc, request("INVITE", "2", "hold", two.a, two.tagA, two.ourA, hold)), "INVITE")
	s.agree(s.in(s.uc, one.joins(&two)))
	s.pick(s.in(s.pstn, s.offers(&one, bodies[1])), "SIP/2.0 200")
	s.in(s.pstn, response("488 Not Acceptable Here", asked, "", ""))
	s.in(s.uc, request("ACK", "2", "hold", two.a, two.tagA, two.ourA, ""))
	for range 5 {
		for _, data := range s.later(100 * time.Millisecond) {
			if bytes.HasPrefix(data, []byte("INVITE ")) {
				t.Fatalf("asked before its ACK\n%s", data)
			}
		}
	}
	s.in(s.pstn, s.acks(&one))
	list := s.later(time.Second)
	if got := header(s.pick(list, "INVITE"), "Call-ID"); got != one.b {
		t.Errorf("%q is asked", got)
	}
	s.agree(list)
	for range 40 {
		s.agree(s.later(time.Second))
	}
	if len(s.records) != 1 || s.records[0] != "transferred" {
		t.Errorf("calls have ended: %q", s.records)
	}
}

// TestGuestIsBusyWhenItGoesBack: a leg that does not get the seat in another call is given back when its peer has acknowledged what it has just changed, and not hung up.
func TestGuestIsBusyWhenItGoesBack(t *testing.T) {
	s := newShards(t)
	one, two := s.call(0), s.call(1)
	list := s.in(s.uc, one.joins(&two))
	list = s.in(s.pstn, response("200 OK", s.pick(list, "INVITE"), "", bodies[1]))
	joins := s.pick(list, "INVITE")
	if header(joins, "Call-ID") != two.b {
		t.Fatalf("not asked to join\n%s", joins)
	}
	s.pick(s.in(s.pstn, s.offers(&one, bodies[1])), "SIP/2.0 200")
	s.in(s.pstn, response("606 Not Acceptable", joins, "", ""))
	s.in(s.pstn, s.acks(&one))
	for range 10 {
		s.agree(s.later(time.Second))
	}
	if len(s.records) != 0 {
		t.Errorf("calls have ended: %q", s.records)
	}
	got := s.pick(s.in(s.pstn, s.fromCallee(&one, "BYE")), "BYE")
	if header(got, "Call-ID") != one.a {
		t.Errorf("the callee talks with\n%s", got)
	}
}
