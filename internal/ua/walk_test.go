package ua_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
)

var (
	walkSeed  = flag.Uint64("walk.seed", 0, "seed of the first walk; 0: 1")
	walkCount = flag.Uint64("walk.count", 0, "how many walks")
	walkTrace = flag.Bool("walk.trace", false, "print messages")
)

// walk is a call of telephones that do as they like, each by its own hand: they change what they say, move, hold, fax, add and remove video, refer and replace each other, are slow, refuse and withdraw, and
// their messages cross. Whenever they have come to rest what they have been told must be what the other one says, and the relay must have what both say.
type walk struct {
	*rig
	t        *testing.T
	rnd      *rand.Rand
	phones   [5]*phone
	events   []event
	n        int
	sessions map[media.SessionID]*media.Session
	calls    map[string]*phone
	past     bool      // media goes past us
	third    bool      // … but for that of calls with the third trunk
	handed   time.Time // when a transfer was asked for last
	ended    string
	trace    []string
}

// event is what happens at a time.
type event struct {
	at time.Time
	n  int
	do func()
}

// after has something done later.
func (w *walk) after(d time.Duration, do func()) {
	w.n++
	w.events = append(w.events, event{w.now.Add(d), w.n, do})
}

// until lets time go by.
func (w *walk) until(at time.Time) {
	for {
		w.sends()
		next := -1
		for i, e := range w.events {
			if next < 0 || e.at.Before(w.events[next].at) || e.at.Equal(w.events[next].at) && e.n < w.events[next].n {
				next = i
			}
		}
		d := w.core.Deadline()
		switch {
		case next >= 0 && !w.events[next].at.After(at) && (d.IsZero() || !d.Before(w.events[next].at)):
			e := w.events[next]
			w.events = slices.Delete(w.events, next, next+1)
			if e.at.After(w.now) {
				w.now = e.at
			}
			e.do()
		case !d.IsZero() && !d.After(at):
			if d.After(w.now) {
				w.now = d
			}
			w.core.Advance(w.now, &w.out)
			w.follows()
		default:
			w.now = at
			return
		}
	}
}

// sends takes what the core has sent on its way.
func (w *walk) sends() {
	for _, c := range w.out.Records {
		if w.note("record %s %s", c.Reason, c.Detail); c.Reason != "transferred" && !c.Answered.IsZero() {
			w.ended = c.Reason + " " + c.Detail
		}
	}
	for _, s := range w.out.Sends {
		data := slices.Clone(s.Data)
		p := w.of(data, int(s.Hop.Remote.Addr().As4()[3]))
		at := w.now.Add(time.Duration(w.rnd.IntN(60)) * time.Millisecond)
		if at.Before(p.last) {
			at = p.last
		}
		p.last = at
		w.n++
		w.events = append(w.events, event{at, w.n, func() { p.hears(data) }})
	}
	w.out.Reset()
}

// of finds the telephone that a message of ours is for: that of its dialog, or one that is free.
func (w *walk) of(data []byte, host int) *phone {
	id := header(data, "Call-ID")
	if p := w.calls[id]; p != nil {
		return p
	}
	var at *phone
	for _, p := range w.phones {
		if p.host%10 == host && (at == nil || p.d == nil && p.invite == nil && p.serves == nil) {
			at = p
		}
	}
	if at.d == nil && at.invite == nil && at.serves == nil {
		w.calls[id] = at
	}
	return at
}

// takes gives the core a message.
func (w *walk) takes(src sip.Source, data []byte) {
	m, err := sip.Parse(data, nil)
	if err != nil || m.Validate() != nil {
		w.t.Fatalf("%v %v\n%s", err, m.Validate(), data)
	}
	w.core.Receive(w.now, src, m, &w.out)
	w.follows()
}

// follows performs what the core wants done.
func (w *walk) follows() {
	o := &w.out
	for again := true; again; {
		again = false
		ops := o.Media
		o.Media = nil
		for _, op := range ops {
			again = true
			switch op.Verb {
			case b2bua.MediaOpen, b2bua.MediaGrow:
				w.sessions[op.Session.ID] = op.Session
				w.core.MediaOpened(w.now, op.Session.ID, nil, o)
			case b2bua.MediaUpdate:
				w.sessions[op.Session.ID] = op.Session
			case b2bua.MediaClose:
				delete(w.sessions, op.Session.ID)
				w.core.MediaClosed(w.now, media.Stats{ID: op.Session.ID}, o)
			}
		}
		passages, forwards, returns, left := o.Passages, o.Forwards, o.Returns, o.Left
		o.Passages, o.Forwards, o.Returns, o.Left = nil, nil, nil, nil
		for _, p := range passages {
			again = true
			w.core.Seat(w.now, p, o)
		}
		for _, f := range forwards {
			again = true
			w.core.Forwarded(w.now, f, o)
		}
		for _, p := range returns {
			again = true
			w.core.Returned(w.now, p, o)
		}
		for _, id := range left {
			w.core.Left(id)
		}
	}
}

// note adds to what a failure prints.
func (w *walk) note(format string, args ...any) {
	line := w.now.Sub(begin).String() + " " + fmt.Sprintf(format, args...)
	w.trace = append(w.trace, line)
}

// numbers are those of the three trunks.
var numbers = [3]string{"+14255550199", "+14255550100", "+14255550123"}

// hands asks for a transfer, or comes for the place of another one.
func (w *walk) hands() {
	var talk, free []*phone
	for _, p := range w.phones {
		if p.d != nil && p.said != nil {
			talk = append(talk, p)
		} else if p.invite == nil && p.serves == nil {
			free = append(free, p)
		}
	}
	if len(talk) < 2 || w.now.Sub(w.handed) < 10*time.Second { // who may refuse what it is asked for one must not refuse what another one's failure tells it
		return
	}
	w.handed = w.now
	by := talk[w.rnd.IntN(len(talk))]
	if by.invite != nil || by.unacked {
		return
	}
	one, two := w.phones[0], w.phones[3]
	if w.rnd.IntN(2) == 0 {
		one, two = two, one
	}
	joins := one.d != nil && two.d != nil && one.said != nil && two.said != nil && one.invite == nil && w.rnd.IntN(3) > 0
	if joins {
		by = one
	}
	for _, p := range w.phones {
		if p.refusable = p.d != nil && p != by && p.host%10 != 1; p.refusable {
			w.after(8*time.Second, func() { p.refusable = false })
		}
	}
	if joins {
		one.d.seq++
		one.sends(one.d.write("REFER", one.d.seq, "", "Refer-To: <sip:+14255550100@198.51.100.1?Replaces="+two.d.callID+"%3Bto-tag%3D"+tagOf(two.d.to)+"%3Bfrom-tag%3D"+tagOf(two.d.from)+">", "Refer-Sub: false"))
		return
	}
	if len(free) == 0 {
		return
	}
	to := free[w.rnd.IntN(len(free))]
	if w.rnd.IntN(2) == 0 {
		by.d.seq++
		by.sends(by.d.write("REFER", by.d.seq, "", "Refer-To: <sip:"+numbers[to.host%10-1]+"@example.com>", "Refer-Sub: false"))
		return
	}
	w.comes(to, by.host, by.d.callID, tagOf(by.d.to), tagOf(by.d.from))
}

// picksUp has a telephone that is free answer in place of one that rings.
func (w *walk) picksUp() {
	var rings, free *phone
	for _, p := range w.phones {
		switch {
		case p.serves != nil && p.serves.ToTag() == "":
			rings = p
		case p.d == nil && p.invite == nil && p.serves == nil:
			free = p
		}
	}
	if rings != nil && free != nil {
		w.comes(free, rings.host, rings.serves.CallID(), rings.serves.FromTag(), "target")
	}
}

// comes has a telephone that is free send an INVITE with Replaces for the place of another one in a dialog.
func (w *walk) comes(to *phone, host int, callID, ours, theirs string) {
	to.is = state{hold: "sendrecv", fresh: to.is.fresh + 1, lines: []mline{{kind: "audio", port: to.port()}}}
	if w.rnd.IntN(4) == 0 {
		to.is.lines = append(to.is.lines, mline{kind: "video", port: to.port()})
	}
	clear(to.early)
	to.pend, to.first, to.refusable = to.is.clone(), true, false
	text := to.proposesAnew(&to.pend)
	to.offered = parsed(text)
	w.n++
	e := &end{r: w.rig, src: to.src(), callID: "repl" + strconv.Itoa(w.n), from: "<sip:" + numbers[to.host%10-1] + "@198.51.100." + strconv.Itoa(to.host%10) + ">;tag=r" + strconv.Itoa(w.n), to: "<sip:" + numbers[host%10-1] + "@192.0.2.10>", seq: 1}
	w.calls[e.callID] = to
	to.invite = e.write("INVITE", 1, text, "Replaces: "+callID+";to-tag="+ours+";from-tag="+theirs)
	to.sends(to.invite)
}

// walkKinds are the kinds of telephones, and what their trunks have for them.
var walkKinds = map[string]string{
	"rtp":      "srtpMode: accept",
	"optional": "srtpMode: optional, rtcpMux: offer",
	"sdes":     "srtpMode: required",
	"dtls":     "srtpMode: required, srtpKeying: dtls, ice: lite",
	"full":     "srtpMode: optional, srtpKeying: dtls, ice: full, rtcpMux: off",
	"mulaw":    "codecs: [PCMU]",
	"alaw":     "codecs: [PCMA]",
}

// beginWalk draws the telephones.
func beginWalk(t *testing.T, seed uint64, past bool) *walk {
	rnd := rand.New(rand.NewPCG(seed, 77))
	w := &walk{t: t, rnd: rnd, sessions: make(map[media.SessionID]*media.Session), calls: make(map[string]*phone)}
	kinds := sorted(walkKinds)
	if w.past = past; past {
		kinds = []string{"rtp", "optional"}
	}
	for i := range w.phones {
		w.phones[i] = &phone{w: w, host: []int{1, 2, 3, 11, 12}[i], kind: kinds[rnd.IntN(len(kinds))], seen: make(map[string]bool), is: state{hold: "sendrecv"}, old: rnd.IntN(2) == 0, reliable: rnd.IntN(2) == 0, music: rnd.IntN(2) == 0, early: make(map[string]*early)}
		if i >= 3 {
			of := w.phones[i-3]
			w.phones[i].kind, w.phones[i].old, w.phones[i].reliable, w.phones[i].music = of.kind, of.old, of.reliable, of.music
		}
	}
	k := func(i int) string {
		timers := map[bool]string{true: "enableSessionTimer: true, sessionExpires: 240s, "}[w.phones[i].old]
		if w.phones[i].music && !past {
			timers += "musicOnHold: generate, "
		}
		return timers + []string{"options: false, usages: [all, third]", "options: false, usages: [third, home]", "options: false, usages: [all, home]"}[i] + ", acceptRefer: true, acceptReplaces: any, " + walkKinds[w.phones[i].kind]
	}
	doc := strings.NewReplacer(`"trunk:uc": {usages: [all], options: false}`, `"trunk:pstn": {`+k(1)+"}\n  "+`"trunk:third": {`+k(2)+"}\n  "+`"trunk:uc": {`+k(0)+"}",
		"trunkSettings:", "  third: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\ntrunkSettings:",
		"routes:", `routes:`+"\n"+`  - {name: third, pattern: '^\+14255550123$', usages: [third], trunks: [third]}`+"\n"+`  - {name: home, pattern: '^\+14255550199$', usages: [home], trunks: [uc]}`, "\nusages: [all]", "\nusages: [all, third, home]").Replace(document)
	if w.past {
		doc = strings.ReplaceAll(doc, "acceptRefer: true", "acceptRefer: true, enableBypass: true") + "network:\n  regions: {here: {bypassId: here}}\n  sites: {hq: {subnets: [198.51.100.0/24]}}\n"
		doc = strings.Replace(doc, "global: {", "global: {enableBypass: true, ", 1)
		if w.third = seed%2 == 0; w.third {
			i := strings.Index(doc, `"trunk:third"`)
			doc = doc[:i] + strings.Replace(doc[i:], "enableBypass: true", "enableBypass: false", 1)
		}
	}
	w.rig = rigOf(t, doc)
	w.env.Fingerprint = ourPrint
	w.env.Rand = rand.New(rand.NewPCG(seed, 78))
	r := w.env.Rand
	w.env.CallID = func() string { return b2bua.Token(r, 20) }
	return w
}

// places has the two telephones of the first trunk call, as far as they are free.
func (w *walk) places() {
	for i, a := range []*phone{w.phones[0], w.phones[3]} {
		if a.d != nil || a.invite != nil || a.serves != nil || i == 1 && w.rnd.IntN(2) == 0 && w.phones[0].d != nil {
			continue
		}
		a.is = state{hold: "sendrecv", fresh: a.is.fresh + 1, lines: []mline{{kind: "audio", port: a.port()}}}
		if w.rnd.IntN(3) == 0 {
			a.is.lines = append(a.is.lines, mline{kind: "video", port: a.port()})
		}
		a.pend, a.first = a.is.clone(), true
		clear(a.early)
		text := a.proposesAnew(&a.pend)
		a.offered = parsed(text)
		w.n++
		n := strconv.Itoa(w.n)
		w.calls["call-"+n] = a
		a.invite = request("INVITE", "1", "i"+n, "call-"+n, "from"+n, "", text)
		if !a.reliable {
			a.invite = []byte(strings.Replace(string(a.invite), "Supported: 100rel, timer", "Supported: timer", 1))
		}
		if i == 1 {
			a.invite = []byte(strings.ReplaceAll(string(a.invite), "+14255550100", numbers[2]))
		}
		a.sends(a.invite)
	}
	if w.rnd.IntN(3) == 0 {
		w.until(w.now.Add(time.Duration(w.rnd.IntN(4000)) * time.Millisecond))
		w.picksUp()
	}
	w.until(w.now.Add(60 * time.Second))
	w.ended = ""
}

// TestWalk: whatever telephones do one after the other and at once, when they have come to rest each hears what the other one sends, and the relay has the places, keys and credentials that they have
// said and were told last. A failure prints its seed; -walk.seed with -walk.count=1 prints all messages of it.
func TestWalk(t *testing.T) { walks(t, false) }

// TestWalkPast: the same where media goes past us.
func TestWalkPast(t *testing.T) { walks(t, true) }

func walks(t *testing.T, past bool) {
	t.Helper()
	count := *walkCount
	switch {
	case count > 0:
	case testing.Short():
		count = 20
	default:
		count = 100
	}
	for seed := max(*walkSeed, 1); seed < max(*walkSeed, 1)+count; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			w := beginWalk(t, seed, past)
			defer func() {
				if *walkTrace || t.Failed() && *walkCount == 1 {
					for _, line := range w.trace {
						fmt.Println(line)
					}
				}
			}()
			for range 12 {
				w.places()
				for range 1 + w.rnd.IntN(6) {
					w.until(w.now.Add([]time.Duration{0, time.Duration(w.rnd.IntN(200)), time.Duration(w.rnd.IntN(3000))}[w.rnd.IntN(3)] * time.Millisecond))
					if w.rnd.IntN(7) == 0 {
						w.hands()
					} else {
						w.phones[w.rnd.IntN(len(w.phones))].changes()
					}
				}
				w.until(w.now.Add(250 * time.Second))
				for i := 0; i < 100 && w.busy(); i++ {
					w.until(w.now.Add(time.Second))
				}
				if !w.rested() {
					t.Fatalf("seed %d, kinds %s %s %s", seed, w.phones[0].kind, w.phones[1].kind, w.phones[2].kind)
				}
			}
		})
	}
}
