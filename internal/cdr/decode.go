package cdr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

const maxDepth = 8 // of groups

var errBinary = errors.New("call record is damaged")

// DecodeBinary reads what AppendBinary wrote; times are UTC. It fails on damaged bytes and on a version that it
// does not know, and never allocates more than some 30 times len(b) plus 10 MiB.
func DecodeBinary(b []byte) (*Record, error) { return decode(b, false) }

// DecodeOutline is DecodeBinary without decision and ladder, which are most of a record: what lists and searches look at.
func DecodeOutline(b []byte) (*Record, error) { return decode(b, true) }

func decode(b []byte, outline bool) (*Record, error) {
	if len(b) == 0 {
		return nil, errBinary
	}
	if b[0] != binaryVersion {
		return nil, fmt.Errorf("call record has form %d, which this version does not know", b[0])
	}
	r := &Record{}
	d := decoder{b: b[1:], r: r, outline: outline}
	for len(d.b) > 0 && !d.bad {
		d.record(d.next())
	}
	if d.bad {
		return nil, errBinary
	}
	if d.oneScale {
		r.rescale()
	}
	return r, nil
}

// decoder reads one record. After bad is set all values are zero.
type decoder struct {
	b              []byte
	r              *Record
	start          int64 // microseconds
	used           int   // bytes of text
	decision, line string
	oneScale       bool // see Record.rescale
	outline        bool // without decision and ladder
	bad            bool
}

// field is a field and its value.
type field struct {
	no, kind byte
	n        uint64
	text     []byte
	word     string
}

func (d *decoder) fail() field {
	d.bad, d.b = true, nil
	return field{}
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// next reads a tag and its value; of a group only the tag. The zero field ends a group.
func (d *decoder) next() field {
	if len(d.b) == 0 {
		return d.fail()
	}
	f := field{no: d.b[0] >> 2, kind: d.b[0] & 3}
	d.b = d.b[1:]
	switch {
	case f.no == 0:
		if f.kind != 0 {
			return d.fail()
		}
		return f
	case f.kind == kindGroup:
		return f
	}
	f.n = d.uvarint()
	switch f.kind {
	case kindText:
		if f.n > uint64(len(d.b)) {
			return d.fail()
		}
		f.text, d.b = d.b[:f.n], d.b[f.n:]
	case kindWord:
		if f.n < uint64(len(words)) {
			f.word = words[f.n] // later ones read as ""
		}
	}
	return f
}

// skip passes over an unknown field, of which next has read all but the inside of a group.
func (d *decoder) skip(f field) {
	depth := 0
	if f.kind == kindGroup {
		depth = 1
	}
	for depth > 0 && !d.bad {
		switch g := d.next(); {
		case g.no == 0:
			depth--
		case g.kind == kindGroup:
			if depth++; depth > maxDepth {
				d.fail()
			}
		}
	}
}

// group calls each for every field up to the end of the group f.
func (d *decoder) group(f field, each func(field)) {
	if f.kind != kindGroup {
		d.fail()
		return
	}
	for !d.bad {
		g := d.next()
		if g.no == 0 {
			return
		}
		each(g)
	}
}

func (d *decoder) text(f field) string {
	switch f.kind {
	case kindText:
		if d.used += len(f.text); d.used > maxText {
			d.fail()
			return ""
		}
		return string(f.text)
	case kindWord:
		return f.word
	}
	d.fail()
	return ""
}

func (d *decoder) uint(f field) uint64 {
	if f.kind != kindNumber {
		d.fail()
	}
	return f.n
}

func (d *decoder) int(f field) int64 {
	u := d.uint(f)
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) time(f field) time.Time {
	return time.UnixMicro(d.start + d.int(f)).UTC()
}

func (d *decoder) duration(f field) time.Duration {
	us := d.int(f)
	if us > math.MaxInt64/1000 || us < math.MinInt64/1000 {
		d.fail()
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

func (d *decoder) record(f field) {
	r := d.r
	switch f.no {
	case 0:
		d.fail() // an end without a begin
	case fID:
		r.ID = d.text(f)
	case fServer:
		r.Server = d.text(f)
	case fPool:
		r.Pool = d.text(f)
	case fVersion:
		r.Version = d.text(f)
	case fStart:
		d.start = d.int(f)
		r.Start = time.UnixMicro(d.start).UTC()
	case fRinging:
		r.Ringing = d.time(f)
	case fAnswered:
		r.Answered = d.time(f)
	case fEnd:
		r.End = d.time(f)
	case fIn:
		d.leg(f, &r.In)
	case fOut:
		r.Out = &Leg{}
		d.leg(f, r.Out)
	case fCalled:
		d.number(f, &r.Called)
	case fCalling:
		d.number(f, &r.Calling)
	case fUser:
		r.User = d.text(f)
	case fCallingUser:
		r.CallingUser = d.text(f)
	case fUsage:
		r.Usage = d.text(f)
	case fRoute:
		r.Route = d.text(f)
	default:
		d.outcome(f)
	}
}

// outcome is record for the fields that tell how the call went.
func (d *decoder) outcome(f field) {
	r := d.r
	if d.outline && (f.no == fDecision || f.no == fLadder) {
		d.skip(f)
		return
	}
	switch f.no {
	case fEmergency:
		r.Emergency = d.uint(f) != 0
	case fBypassed:
		r.Bypassed = d.uint(f) != 0
	case fBypassWarning:
		r.BypassWarning = d.uint(f) != 0
	case fAttempt:
		d.attempt(f)
	case fPlayed:
		d.played(f)
	case fTransfer:
		d.transfer(f)
	case fReason:
		r.Reason = d.text(f)
	case fStatus:
		r.Status = int(d.int(f))
	case fCause:
		r.Cause = int(d.int(f))
	case fEndedBy:
		r.EndedBy = d.text(f)
	case fDetail:
		r.Detail = d.text(f)
	case fMedia:
		d.media(f)
	case fAudio:
		d.audio(f)
	case fDecision:
		if len(r.Decision) == maxList {
			d.fail()
			return
		}
		var l line
		d.group(f, func(f field) { d.lineField(&l, f) })
		d.decision = d.join(d.decision, &l)
		r.Decision = append(r.Decision, d.decision)
	case fLadder:
		d.message(f)
	default:
		d.skip(f)
	}
}

func (d *decoder) leg(f field, l *Leg) {
	d.group(f, func(f field) {
		switch f.no {
		case fTrunk:
			l.Trunk = d.text(f)
		case fGateway:
			l.Gateway = d.text(f)
		case fCallID:
			l.CallID = d.text(f)
		case fFromTag:
			l.FromTag = d.text(f)
		case fToTag:
			l.ToTag = d.text(f)
		case fRemote:
			l.Remote = d.text(f)
		case fTransport:
			l.Transport = d.text(f)
		case fCodec:
			l.Codec = d.text(f)
		case fUserAgent:
			l.UserAgent = d.text(f)
		case fSession:
			l.Session = d.text(f)
		default:
			d.skip(f)
		}
	})
}

func (d *decoder) number(f field, n *Number) {
	d.group(f, func(f field) {
		switch f.no {
		case fReceived:
			n.Received = d.text(f)
		case fNormalized:
			n.Normalized = d.text(f)
		case fSent:
			n.Sent = d.text(f)
		default:
			d.skip(f)
		}
	})
}

func (d *decoder) attempt(f field) {
	if len(d.r.Attempts) == maxList {
		d.fail()
		return
	}
	var a Attempt
	d.group(f, func(f field) {
		switch f.no {
		case fTrunk:
			a.Trunk = d.text(f)
		case fRemote:
			a.Remote = d.text(f)
		case fAttemptCalled:
			a.Called = d.text(f)
		case fAttemptCalling:
			a.Calling = d.text(f)
		case fAttemptCause:
			a.Cause = int(d.int(f))
		case fClass:
			a.Class = d.text(f)
		case fAttemptDetail:
			a.Detail = d.text(f)
		default:
			d.tried(f, &a.At, &a.Took, &a.Status, &a.Reason)
		}
	})
	d.r.Attempts = append(d.r.Attempts, a)
}

// tried reads what attempts and transfers have in common, and skips what it does not know.
func (d *decoder) tried(f field, at *time.Time, took *time.Duration, status *int, reason *string) {
	switch f.no {
	case fTriedAt:
		*at = d.time(f)
	case fTook:
		*took = d.duration(f)
	case fTriedStatus:
		*status = int(d.int(f))
	case fTriedReason:
		*reason = d.text(f)
	default:
		d.skip(f)
	}
}

func (d *decoder) media(f field) {
	if len(d.r.Media) == maxList {
		d.fail()
		return
	}
	var m Media
	d.group(f, func(f field) {
		switch f.no {
		case fStream:
			m.Stream = int(d.int(f))
		case fKind:
			m.Kind = d.text(f)
		case fFrom:
			m.From = d.text(f)
		case fSource:
			m.Source = d.text(f)
		case fMediaTrunk:
			m.Trunk = d.text(f)
		case fMediaRemote:
			m.Remote = d.text(f)
		case fPackets:
			m.Packets = d.uint(f)
		case fBytes:
			m.Bytes = d.uint(f)
		case fRTCP:
			m.RTCP = d.uint(f)
		case fLost:
			m.Lost = d.uint(f)
		case fJitter:
			m.Jitter = d.duration(f)
		case fGated:
			m.Gated = d.uint(f)
		case fDropped:
			m.Dropped = d.uint(f)
		case fSRTP:
			m.SRTP = d.text(f)
		case fUnauthentic:
			m.Unauthentic = d.uint(f)
		case fAnnounced:
			m.Announced = d.text(f)
		case fGatedFrom:
			m.GatedFrom = d.text(f)
		case fHeld:
			m.Held = d.uint(f) != 0
		case fTier:
			m.Tier = d.text(f)
		case fTierWhy:
			m.TierWhy = d.text(f)
		case fFirst:
			m.First = d.time(f)
		case fLast:
			m.Last = d.time(f)
		case fQuality:
			m.Quality = d.quality(f)
		case fEvidence:
			m.Evidence = d.evidence(f)
		default:
			d.skip(f)
		}
	})
	d.r.Media = append(d.r.Media, m)
}

func (d *decoder) message(f field) {
	if len(d.r.Ladder) == maxList {
		d.fail()
		return
	}
	var m Message
	var l line
	d.group(f, func(f field) {
		switch f.no {
		case fMessageAt:
			m.At = d.time(f)
		case fLegName:
			m.Leg = d.text(f)
		case fFlags:
			flags := d.uint(f)
			m.Out, m.SDP = flags&flagOut != 0, flags&flagSDP != 0
		default:
			d.lineField(&l, f)
		}
	})
	if l.word != "" {
		m.Line = l.word
	} else {
		d.line = d.join(d.line, &l)
		m.Line = d.line
	}
	d.r.Ladder = append(d.r.Ladder, m)
}

// line is what a line does not share with the one before it.
type line struct {
	head, tail uint64
	middle     []byte
	word       string
}

func (d *decoder) lineField(l *line, f field) {
	switch f.no {
	case fHead:
		l.head = d.uint(f)
	case fTail:
		l.tail = d.uint(f)
	case fMiddle:
		l.middle, l.word = f.text, f.word
	default:
		d.skip(f)
	}
}

func (d *decoder) join(last string, l *line) string {
	n := uint64(len(last))
	if l.head > n || l.tail > n || l.head+l.tail > n {
		d.fail()
		return ""
	}
	if d.used += int(l.head) + int(l.tail) + len(l.middle); d.used > maxText {
		d.fail()
		return ""
	}
	if l.head == n && l.tail == 0 && len(l.middle) == 0 {
		return last
	}
	b := make([]byte, 0, int(l.head)+len(l.middle)+int(l.tail))
	b = append(append(append(b, last[:l.head]...), l.middle...), last[n-l.tail:]...)
	return string(b)
}
