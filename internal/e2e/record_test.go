package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

// ending is one way in which a call can end: what the gateways do, what the caller does then, and what the record must say beside what the three have seen.
type ending struct {
	name      string
	gw1, gw2  []siptest.Step
	then      func(t *siptest.Tester, call, in *siptest.Call) // in is the leg that was answered, or called last; nil: none
	reason    string
	by        string
	status    int
	attempts  []string // reason or class of each
	rings     bool     // somebody has
	number    string   // default: one of gw1 and gw2
	called    int      // calls that come in at gw1 and gw2
	alone     bool     // gw1 gets no other call for a while
	withoutIn bool     // nobody is called
}

// hangUp ends a call after audio was heard by both.
func hangUpBy(caller bool) func(t *siptest.Tester, call, in *siptest.Call) {
	return func(t *siptest.Tester, call, in *siptest.Call) {
		t.Wait(call, siptest.Answered)
		t.Wait(in, siptest.Acked)
		t.Must(call.WaitPackets(t.Context(), 25))
		t.Must(in.WaitPackets(t.Context(), 25))
		if caller {
			call.Hangup()
			return
		}
		in.Hangup()
	}
}

func endings() []ending {
	rung := siptest.Ring(200 * time.Millisecond)
	cancel := func(after siptest.Kind) func(t *siptest.Tester, call, in *siptest.Call) {
		return func(t *siptest.Tester, call, in *siptest.Call) {
			t.Wait(call, after)
			call.Cancel()
		}
	}
	refused := func(name string, status int, reason string) ending {
		return ending{name: name, gw1: []siptest.Step{siptest.Reject(status)}, reason: reason, by: "callee", status: status, attempts: []string{reason}}
	}
	return []ending{
		{name: "caller hangs up", gw1: []siptest.Step{rung, siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200, attempts: []string{"answered"}, rings: true},
		{name: "callee hangs up", gw1: []siptest.Step{rung, siptest.OK()}, then: hangUpBy(false), reason: "normal-clearing", by: "callee", status: 200, attempts: []string{"answered"}, rings: true},
		{name: "answered at once", gw1: []siptest.Step{siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200, attempts: []string{"answered"}},
		{name: "early media", gw1: []siptest.Step{siptest.EarlyMediaFor(300 * time.Millisecond), siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200, attempts: []string{"answered"}, rings: true},
		{name: "fork", gw1: []siptest.Step{siptest.Fork(180, "one"), siptest.Fork(180, "two"), siptest.AnswerAs("two"), siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200, attempts: []string{"answered"}, rings: true},
		{name: "reliable", gw1: []siptest.Step{siptest.Reliable(183, true), siptest.OK()}, then: hangUpBy(false), reason: "normal-clearing", by: "callee", status: 200, attempts: []string{"answered"}, rings: true},
		{name: "cancelled while it rings", gw1: []siptest.Step{siptest.RingForever()}, then: cancel(siptest.Ringing), reason: "caller-cancelled", by: "caller", status: 487, attempts: []string{"caller-cancelled"}, rings: true},
		{name: "cancelled after 100", gw1: []siptest.Step{siptest.Trying100()}, then: cancel(siptest.Trying), reason: "caller-cancelled", by: "caller", status: 487, attempts: []string{"caller-cancelled"}},
		refused("busy", 486, "busy"), refused("declined", 603, "declined"), refused("not found", 404, "not-found"), refused("terminated", 487, "declined"),
		{name: "failover", alone: true, gw1: []siptest.Step{siptest.Reject(503)}, gw2: []siptest.Step{rung, siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200,
			attempts: []string{"peer-congestion", "answered"}, rings: true, called: 2},
		{name: "silent", alone: true, gw1: []siptest.Step{siptest.Silent()}, gw2: []siptest.Step{siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200,
			attempts: []string{"no-response", "answered"}, called: 2},
		{name: "no progress", alone: true, gw1: []siptest.Step{siptest.Trying100()}, gw2: []siptest.Step{siptest.Reject(486)}, reason: "busy", by: "callee", status: 486,
			attempts: []string{"no-progress", "busy"}, called: 2},
		{name: "nobody takes it", alone: true, gw1: []siptest.Step{siptest.Reject(500)}, gw2: []siptest.Step{siptest.Reject(503)}, reason: "all-trunks-failed", by: "directsip", status: 503,
			attempts: []string{"peer-fault", "peer-congestion"}, called: 2},
		{name: "no answer", gw1: []siptest.Step{siptest.RingForever()}, reason: "no-answer", by: "callee", status: 480, attempts: []string{"no-answer"}, rings: true},
		{name: "redirected", alone: true, gw1: []siptest.Step{siptest.Redirect("sip:+14255550999@NET.4")}, gw2: []siptest.Step{siptest.OK()}, then: hangUpBy(true), reason: "normal-clearing", by: "caller", status: 200,
			attempts: []string{"redirected", "answered"}, called: 2},
		{name: "no route", number: "+995550100", reason: "no-route", by: "directsip", status: 404, withoutIn: true},
		{name: "callee vanishes", gw1: []siptest.Step{siptest.OK()}, then: func(t *siptest.Tester, call, in *siptest.Call) {
			t.Wait(call, siptest.Answered)
			t.Must(call.WaitPackets(t.Context(), 25))
			in.VanishNow()
		}, reason: "media-dead", by: "directsip", status: 200, attempts: []string{"answered"}},
	}
}

// OPS-08: whatever becomes of a call, its record says what its peers have seen on the wire: who has ended it, why and with what, when it rang, was answered and
// ended, whom it went to and with which numbers, and what audio passed.
func TestRecordsSayWhatPeersSaw(t *testing.T) {
	t.Parallel()
	var together []ending
	for _, e := range endings() {
		if !e.alone {
			together = append(together, e)
			continue
		}
		t.Run(e.name, func(t *testing.T) { recorded(t, []ending{e}) })
	}
	t.Run("others", func(t *testing.T) { recorded(t, together) })
}

// recorded makes calls that end so and compares their records with what their peers saw.
func recorded(t *testing.T, list []ending) {
	l := newLab(t)
	doc := l.document("UDP", "noResponseTimeout: 1s", "noProgressTimeout: 2s", "noAnswerTimeout: 5s", "mediaTimeout: 5s", "redirect: follow", "redirectHosts: ["+l.ip(4)+"]",
		"calledRules: [{name: short, pattern: '^\\+1(425\\d+)$', translation: '$1'}]")
	s := l.serve(doc)
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060"})
	gw1, gw2 := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060"}), agents.Agent(siptest.Config{Name: "gw2", Listen: l.ip(4) + ":5060"})
	var status struct{ Document string }
	if err := s.get("/status", &status); err != nil {
		t.Fatal(err)
	}
	type running struct {
		ending
		call *siptest.Call
		in   []*siptest.Call
	}
	var all []*running
	n1, n2 := 0, 0
	for i, e := range list {
		r := &running{ending: e}
		number := e.number
		if number == "" {
			number = fmt.Sprintf("+142555501%02d", i)
			for k, steps := range [][]siptest.Step{e.gw1, e.gw2} {
				if steps != nil {
					[]*siptest.Agent{gw1, gw2}[k].AnswerUser(number[2:], steps...)
				}
			}
			if e.name == "redirected" {
				gw1.AnswerUser(number[2:], siptest.Redirect("sip:+14255550999@"+l.ip(4)))
				gw2.AnswerUser("4255550999", e.gw2...)
			}
		}
		r.call = agents.Dial(pbx, l.ip(1)+":5060", "sip:"+number+"@"+l.ip(1))
		if !e.withoutIn {
			n1++
			r.in = append(r.in, agents.Incoming(gw1, n1))
		}
		if e.called == 2 {
			n2++
			r.in = append(r.in, agents.Incoming(gw2, n2))
		}
		all = append(all, r)
	}
	for _, r := range all {
		var in *siptest.Call
		if len(r.in) > 0 {
			in = r.in[len(r.in)-1]
		}
		if r.then != nil {
			r.then(agents, r.call, in)
		}
	}
	s.want = len(all)
	for _, r := range all {
		agents.Wait(r.call, siptest.Ended)
		var rec cdr.Record
		until(t, "the record of "+r.name, func() bool { return s.get("/call/"+r.call.ID(), &rec) == nil && !rec.End.IsZero() })
		for _, fault := range r.compare(&rec, r.call, r.in, status.Document) {
			t.Errorf("%s: %s\n%s", r.name, fault, s.cli(0, "why", r.call.ID()))
		}
	}
}

// compare is what of a record differs from what its peers saw.
func (e *ending) compare(r *cdr.Record, call *siptest.Call, in []*siptest.Call, version string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if r.Reason != e.reason || r.EndedBy != e.by || r.Status != e.status || r.Status != call.Status() {
		fault("%s by %s with %d; want %s by %s with %d, and the caller was told %d", r.Reason, r.EndedBy, r.Status, e.reason, e.by, e.status, call.Status())
	}
	if m := call.Response(); m != nil && m.Status >= 300 && !strings.Contains(m.Get(sip.IDReason), fmt.Sprintf("cause=%d;", r.Cause)) {
		fault("cause %d, the caller was told %s", r.Cause, m.Get(sip.IDReason))
	}
	if r.Version != version || r.Server != "med1.test" || r.Pool != "pool.test" {
		fault("document %s of %s in %s", r.Version, r.Server, r.Pool)
	}
	dialled, _ := sip.ParseURI(call.Invite().URI)
	from, _ := sip.ParseURI(call.Invite().From().URI)
	if r.In.CallID != call.ID() || r.In.Trunk != "pbx" || r.Called.Received != dialled.User || r.Calling.Received != from.User || r.In.FromTag != call.Invite().FromTag() {
		fault("in %+v, called %+v, calling %+v", r.In, r.Called, r.Calling)
	}
	var reasons []string
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if reasons = append(reasons, a.Reason); a.Reason == "" {
			reasons[i] = a.Class
		}
		if i >= len(in) {
			continue
		}
		u, _ := sip.ParseURI(in[i].Invite().URI)
		if !strings.HasPrefix(in[i].Invite().URI, "sip:"+u.User+"@"+strings.TrimSuffix(a.Remote, ":5060")) || a.Called != u.User {
			fault("attempt %d went to %s at %s, the INVITE to %s", i+1, a.Called, a.Remote, in[i].Invite().URI)
		}
		if told := in[i].Status(); told != 0 && a.Status != told && !(told == 487 && a.Status != 487) {
			fault("attempt %d has %d, the peer said %d", i+1, a.Status, told)
		}
		between(fault, "attempt", a.At, saw(call, "INVITE", ""), saw(in[i], "INVITE", ""))
	}
	if !slices.Equal(reasons, e.attempts) {
		fault("attempts %q, want %q", reasons, e.attempts)
	}
	between(fault, "start", r.Start, saw(call, "INVITE", ""), saw(call, "INVITE", "any"))
	if len(in) == 0 {
		return faults
	}
	last := in[len(in)-1]
	sent, _ := sip.ParseURI(last.Invite().URI)
	who, _ := sip.ParseURI(last.Invite().From().URI)
	if o := r.Out; o == nil || o.CallID != last.ID() || o.FromTag != last.Invite().FromTag() || r.Called.Sent != sent.User || r.Calling.Sent != who.User {
		fault("out %+v, called %+v, calling %+v; the INVITE went to %s from %s", o, r.Called, r.Calling, last.Invite().URI, last.Invite().From().URI)
	}
	if e.rings {
		between(fault, "ringing", r.Ringing, saw(last, "INVITE", "18"), saw(call, "INVITE", "18"))
	} else if !r.Ringing.Equal(r.Answered) {
		fault("it rang %v after its start", r.Ringing.Sub(r.Start))
	}
	switch {
	case e.status != 200:
		if !r.Answered.IsZero() {
			fault("answered at %v", r.Answered)
		}
		between(fault, "end", r.End, r.Start, time.Now())
		return faults
	case e.by == "caller":
		between(fault, "end", r.End, saw(call, "BYE", ""), saw(last, "BYE", ""))
	case e.by == "callee":
		between(fault, "end", r.End, saw(last, "BYE", ""), saw(call, "BYE", ""))
	default:
		between(fault, "end", r.End, r.Answered, saw(call, "BYE", ""))
	}
	between(fault, "answer", r.Answered, saw(last, "INVITE", "200"), saw(call, "INVITE", "200"))
	if r.In.Codec != "PCMU" || r.Out.Codec != "PCMU" || len(r.Media) != 2 {
		fault("codecs %s and %s, %d directions of media", r.In.Codec, r.Out.Codec, len(r.Media))
		return faults
	}
	for i, c := range []struct{ from, to siptest.MediaStats }{{call.Media(), last.Media()}, {last.Media(), call.Media()}} {
		m := &r.Media[i]
		if came := m.Packets + m.Gated + m.Dropped; m.Packets < uint64(c.to.Received) || came > uint64(c.from.Sent) {
			fault("from the %s %d packets, %d gated, %d dropped; %d were sent and %d arrived", m.From, m.Packets, m.Gated, m.Dropped, c.from.Sent, c.to.Received)
		}
		if m.First.Before(r.Start) || m.Last.After(r.End.Add(time.Second)) || m.First.After(m.Last) {
			fault("audio from the %s from %v to %v of the call", m.From, m.First.Sub(r.Start), m.Last.Sub(r.Start))
		}
	}
	return faults
}

// saw is when a peer sent or got the first request of a method, or the first response to it that begins so, or any; zero: never. What it sends it notes before.
func saw(c *siptest.Call, method, response string) time.Time {
	for _, e := range c.Entries() {
		_, of, _ := e.Msg.CSeq()
		if of == method && (response == "" && e.Msg.IsRequest() || response != "" && strings.HasPrefix(e.Msg.StartLine(), "SIP/2.0 "+strings.TrimPrefix(response, "any"))) {
			return e.At
		}
	}
	return time.Time{}
}

// between looks whether the record has a moment between what two peers noted. Records leave out what is below a microsecond.
func between(fault func(string, ...any), what string, at, after, before time.Time) {
	if at.IsZero() || after.IsZero() || before.IsZero() || at.Before(after.Truncate(time.Microsecond)) || at.After(before) {
		fault("%s at %v, the peers saw it between %v and %v", what, at, after.UTC(), before.UTC())
	}
}

// OPS-08: nothing that is kept of calls or written to the log holds a key, a password or what was made of one, although the peers say them.
func TestNothingSecretIsKept(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.asking("realm: pool.test") +
		"  trunk:pbx: {usages: [all], options: false, srtpMode: required}\n" +
		"  trunk:gw1: {usages: [all], options: false, srtpMode: required, ice: full}\n")
	agents := siptest.T(t)
	const suite = "AES_CM_128_HMAC_SHA1_80"
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", User: "pbx", Password: "hunter2", SRTP: suite})
	gw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", SRTP: suite, ICE: siptest.ICEFull})
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100:opensesame@"+l.ip(1))
	in := agents.Incoming(gw, 1)
	agents.Wait(in, siptest.Acked)
	agents.Must(call.WaitPackets(agents.Context(), 10))
	agents.Must(in.WaitPackets(agents.Context(), 10))
	live := s.cli(0, "why", "--json", call.ID())
	s.hungUp(agents, call, in)

	secrets := map[string]bool{"hunter2": true, "opensesame": true}
	kinds := map[string]int{}
	for _, e := range append(call.Entries(), in.Entries()...) {
		for _, m := range secret.FindAllStringSubmatch(string(e.Msg.Append(nil)), -1) {
			secrets[m[2]] = true
			kinds[m[1]]++
		}
	}
	if len(kinds) != 3 {
		t.Errorf("the peers said %v, want keys of SRTP, passwords of ICE and a response of digest", kinds)
	}
	kept := map[string]string{"why of the running call": live, "why": s.cli(0, "why", "--json", call.ID()), "the log": s.tail()}
	s.stop()
	if err := filepath.WalkDir(s.data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			kept[path] = string(b)
			return err
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for where, text := range kept {
		for v := range secrets {
			if strings.Contains(text, v) {
				t.Errorf("%s has %q", where, v)
			}
		}
	}
}

// secret matches what a message says to one peer alone, by its kind.
var secret = regexp.MustCompile(`(inline:|a=ice-pwd:|response=")([^"|\s]+)`)
