package cdr

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Audio is the verdict on what the other side heard of one side of a call, and why: one sentence, with the evidence in it.
type Audio struct {
	From    string `json:"from"`    // "caller" or "callee": who speaks
	Cause   string `json:"cause"`   // "heard", or what was in the way; several are joined by "+"
	Certain bool   `json:"certain"` // the evidence fits nothing else
	Text    string `json:"text"`
}

// Bounds of the verdicts. They are wide: it is better to say less than to be wrong.
const (
	shortTalk  = 2 * time.Second  // shorter calls say nothing of their audio
	longPause  = 5 * time.Second  // without a packet at one end of the call
	longQuiet  = 30 * time.Second // … of who leaves silence out
	bad        = 500              // hundredths of percent lost, which everybody hears
	many       = 50               // packets: a second of audio, more than a stray or a scan
	packetTime = 20 * time.Millisecond
)

// Judge judges the speech, or the fax, of a call that was answered by somebody and is over, or runs at now. It is empty where nothing can be said: of a call too short, or
// without media here.
func (r *Record) Judge(now time.Time) []Audio { return r.judge(now, true) }

// Trouble is Judge without the directions that were heard, of which nothing is put into words.
func (r *Record) Trouble(now time.Time) []Audio { return r.judge(now, false) }

func (r *Record) judge(now time.Time, all bool) (list []Audio) {
	end := r.End
	if end.IsZero() {
		end = now
	}
	if r.Answered.IsZero() || r.Out == nil || end.Sub(r.Answered) < shortTalk {
		return nil
	}
	speech, fax := r.speech(), r.fax()
	for i := range speech {
		a, said := r.direction(speech[i], speech[1-i], end, all)
		if said && a.Cause != heard || fax[i] == nil {
			// nothing else is asked for
		} else if b, other := r.direction(fax[i], fax[1-i], end, all); other && (b.Cause != heard || !said) {
			a, said = b, true
		}
		if said {
			list = append(list, a)
		}
	}
	return list
}

// partly are the causes of verdicts on a side that was heard for a while, or badly, or that was silent as somebody wanted it so.
var partly = []string{"late", "stopped", "held", "on-hold", "silence", "sources", "codec", "timestamps", "lost-beyond", "loss-beyond", "loss", "jitter", "overload"}

// beyond are the causes that lie between this server and the side that should hear: what is to be heard has come here.
var beyond = []string{"no-keys-there", "unchecked-there", "consent-there", "zero-address", "nowhere", "on-hold", "send-error", "unreachable", "deaf", "old-port", "to-private", "lost-beyond", "loss-beyond"}

// Faults are the causes of a verdict, each with the side that it lies with: who speaks, or who should hear.
func (a *Audio) Faults() iter.Seq2[string, string] {
	return func(yield func(side, cause string) bool) {
		for cause := range strings.SplitSeq(a.Cause, "+") {
			side := a.From
			if slices.Contains(beyond, cause) {
				side = other(side)
			}
			if !yield(side, cause) {
				return
			}
		}
	}
}

// other is the other side.
func other(side string) string {
	if side == "caller" {
		return "callee"
	}
	return "caller"
}

// Unheard tells of an ended call whether a side of it was to be heard for long enough to say something of it, and whether nothing was heard by a fault on its side: nothing of it, or nothing by it of
// what had come here for it.
func (r *Record) Unheard(side string) (asked, not bool) {
	if r.Answered.IsZero() || r.Out == nil || r.End.Sub(r.Answered) < shortTalk {
		return false, false
	}
	way := r.speech()
	m := way[0]
	if side != "caller" {
		m = way[1]
	}
	if m == nil {
		return false, false
	}
	asked = m.Packets > 0
	for i := range r.Audio {
		a := &r.Audio[i]
		for at, cause := range a.Faults() {
			nothing := !slices.Contains(partly, cause)
			asked = asked || nothing && (a.From == side || at == side)
			not = not || nothing && at == side
		}
	}
	return asked, not
}

// heard is the cause of a verdict that says that nothing was in the way.
const heard = "heard"

// direction judges what comes by a stream from one side; all: also if it was heard.
func (r *Record) direction(m, back *Media, end time.Time, all bool) (a Audio, said bool) {
	if m == nil || m.Packets == 0 && m.Evidence != nil && m.Evidence.Over && !back.faxes() {
		return a, false
	}
	w := newWay(r, m, back, end)
	if a, said = w.trouble(); !said && all {
		a, said = Audio{From: w.From, Cause: heard, Certain: true, Text: w.heard()}, true
	}
	return a, said
}

// speech is both directions of the m-line of audio that is listened to: the first in which there was anything, or else that is not over.
func (r *Record) speech() [2]*Media {
	best, stream := 0, -1
	for i := range r.Media {
		m, worth := &r.Media[i], 0
		switch {
		case m.Kind != "":
		case m.Packets > 0:
			worth = 3
		case m.Evidence == nil || !m.Evidence.Over:
			worth = 2
		default:
			worth = 1
		}
		if worth > best || worth == best && m.Stream < stream {
			best, stream = worth, m.Stream
		}
	}
	return r.stream(stream)
}

// fax is both directions of an m-line that was never audio and has T.38, as where the one of audio is refused beside it.
func (r *Record) fax() [2]*Media {
	for i := range r.Media {
		if m := &r.Media[i]; m.Kind == "image" && m.Evidence != nil && m.Evidence.T38 > 0 {
			return r.stream(m.Stream)
		}
	}
	return [2]*Media{}
}

// stream is both directions of an m-line: of the caller, and of the callee.
func (r *Record) stream(n int) (way [2]*Media) {
	for i := range r.Media {
		switch m := &r.Media[i]; {
		case m.Stream != n:
		case m.From == "caller":
			way[0] = m
		default:
			way[1] = m
		}
	}
	return way
}

// Absent tells of audio that was to be heard and of which nothing came: neither packets nor anything that was refused.
func (m *Media) Absent() bool {
	return m.Kind == "" && m.Packets+m.RTCP+m.Gated+m.Dropped+m.Unauthentic == 0 && m.Evidence != nil && m.Evidence.Clear == 0 && !m.Evidence.Over && !m.Held
}

// Sender is the host that the media of a side is to come from: that of its SDP, or of its signalling where NAT is between.
func (r *Record) Sender(m *Media) netip.Addr {
	_, remote := r.Party(m.From)
	at := m.Announced
	if realmOf(at) != realmOf(remote) && abroad(remote) {
		at = remote
	}
	x, _ := netip.ParseAddrPort(at)
	return x.Addr().Unmap()
}

// faxes tells whether a side sends T.38, a second of it at least.
func (m *Media) faxes() bool { return m != nil && m.Evidence != nil && m.Evidence.T38 >= many }

// faxed tells whether there was any T.38 in the call, whichever its m-line.
func (r *Record) faxed() bool {
	return slices.ContainsFunc(r.Media, func(m Media) bool { return m.Evidence != nil && m.Evidence.T38 > 0 })
}

// way is one direction: from a side, by way of this server, to the other.
type way struct {
	*Media
	*Evidence
	back     *Media    // the other direction; nil: there is none
	far      *Evidence // of the side that should hear
	r        *Record
	from, to party
	end      time.Time
	self     string // where the signalling of the side comes from
	there    string // and of the other
}

func newWay(r *Record, m, back *Media, end time.Time) way {
	w := way{Media: m, Evidence: m.Evidence, back: back, far: &Evidence{}, r: r, end: end}
	if m.Evidence == nil { // a record of a version that did not tell why packets were dropped
		w.Evidence = &Evidence{}
		if m.Held {
			w.OnHold = m.Dropped
		}
	}
	if back != nil && back.Evidence != nil {
		w.far = back.Evidence
	}
	w.from.side, w.to.side = m.From, "callee"
	if m.From != "caller" {
		w.to.side = "caller"
	}
	w.from.trunk, w.self = r.Party(w.from.side)
	w.to.trunk, w.there = r.Party(w.to.side)
	return w
}

// held is how long the side did not send by its SDP.
func (w *way) held() time.Duration {
	if w.HeldFor == 0 && w.Held { // a record of a version that did not keep the time
		return w.end.Sub(w.r.Answered)
	}
	return w.HeldFor
}

// wholly tells whether it did not for nearly all of the call.
func (w *way) wholly() bool { return 10*w.held() >= 9*w.end.Sub(w.r.Answered) }

// sparse tells whether the side may leave silence out, so that no packet means no word: there was comfort noise or a pause without, or its codec has that built in (G.723, G.729).
func (w *way) sparse() bool {
	switch w.PayloadType {
	case 4, 13, 18, 19:
		return true
	}
	return w.Noise+w.Pauses > 0
}

// party is one of the two who speak.
type party struct{ side, trunk string }

// String is `the caller on trunk "pbx"`.
func (p party) String() string {
	if p.trunk == "" {
		return "the " + p.side
	}
	return "the " + p.side + ` on trunk "` + p.trunk + `"`
}

// finding is something that the evidence shows.
type finding struct {
	cause, text string
	sure        bool // it is enough to explain what is heard; else it is one thing that would
}

// trouble asks from the beginning of the way to its end: what did not come here, what came and did not pass, what is in the packets, and what becomes of them
// behind us. Where one step shows a fault, what comes behind it says nothing.
func (w *way) trouble() (a Audio, troubled bool) {
	switch {
	case w.Over && w.T38 == 0 && w.back.faxes():
		return w.verdict(fmt.Sprintf("No T.38 of %s came, and %d packets of it from the other side: ", w.from, w.back.Evidence.T38), w.nothing()), true
	case w.Packets == 0:
		return w.verdict("Nothing of "+w.from.String()+" was heard: ", w.nothing()), true
	case w.Last.Before(w.r.Answered) && !w.Last.IsZero():
		return w.verdict("Nothing of "+w.from.String()+" was heard since the answer: ", w.early()), true
	}
	if found := w.part(); len(found) > 0 {
		return w.verdict(capital(w.from)+" was heard only for a part of the call: ", found), true
	}
	if found := w.inTurn(w.content(), w.Media); len(found) > 0 {
		return w.verdict(capital(w.from)+" sends, and what "+w.to.String()+" hears of it is no speech: ", found), true
	}
	if found := w.onward(); len(found) > 0 {
		return w.verdict(capital(w.from)+" sends, and "+w.to.String()+" does not hear it: ", found), true
	}
	if found := append(w.inTurn(w.badly(), w.Media), w.inTurn(w.worse(), w.Media, w.back)...); len(found) > 0 {
		return w.verdict(capital(w.from)+" was heard badly: ", found), true
	}
	return a, false
}

// verdict makes one sentence of what was found. Several facts stand side by side; what only may be is said so.
func (w *way) verdict(lead string, found []finding) Audio {
	a := Audio{From: w.From, Certain: true}
	var causes, texts []string
	for _, f := range found {
		causes, texts = append(causes, f.cause), append(texts, f.text)
		a.Certain = a.Certain && f.sure
	}
	a.Cause = strings.Join(causes, "+")
	switch {
	case a.Certain:
		a.Text = lead + strings.Join(texts, "; and ") + "."
	case len(found) == 1:
		a.Text = lead + "not certain why, but " + texts[0] + "."
	default:
		a.Text = lead + "not certain why, it may be that " + strings.Join(texts, "; or that ") + "."
	}
	return a
}

func capital(p party) string { return "T" + p.String()[1:] }

const fAudioFrom, fAudioCause, fAudioCertain, fAudioText = 1, 2, 3, 4

func (w *binaryWriter) audio(a *Audio) {
	w.begin(fAudio)
	w.word(fAudioFrom, a.From)
	w.text(fAudioCause, a.Cause)
	w.bool(fAudioCertain, a.Certain)
	w.text(fAudioText, a.Text)
	w.end()
}

func (d *decoder) audio(f field) {
	if len(d.r.Audio) == maxList {
		d.fail()
		return
	}
	var a Audio
	d.group(f, func(f field) {
		switch f.no {
		case fAudioFrom:
			a.From = d.text(f)
		case fAudioCause:
			a.Cause = d.text(f)
		case fAudioCertain:
			a.Certain = d.uint(f) != 0
		case fAudioText:
			a.Text = d.text(f)
		default:
			d.skip(f)
		}
	})
	d.r.Audio = append(d.r.Audio, a)
}
