package cdr

import (
	"encoding/binary"
	"time"
)

// The binary form of a record is a version byte and a row of fields; a zero field is left out. A field is a
// tag (one byte: number times 4, plus kind) and
//
//	number  uvarint; signed ones zigzag; Start in Unix microseconds, other times in microseconds after Start
//	text    uvarint length, bytes
//	group   fields, tag 0: a part of the record
//	word    uvarint index into words
//
// A list is its field once for each element. A line of Decision or Ladder is a group that tells how many bytes
// it shares with the beginning and the end of the line before it, and what lies between. A reader skips
// fields that it does not know, so a later version may add some; it must not change any, nor the order of
// words.
const (
	binaryVersion = 1

	kindNumber = 0
	kindText   = 1
	kindGroup  = 2
	kindWord   = 3

	maxText = 8 << 20 // bytes of text in a record; what is beyond is left out
	maxList = 16384   // elements of a list; later ones are left out
)

// Fields of a record.
const (
	fID = iota + 1
	fServer
	fPool
	fVersion
	fStart
	fRinging
	fAnswered
	fEnd
	fIn
	fOut
	fCalled
	fCalling
	fUser
	fCallingUser
	fUsage
	fRoute
	fEmergency
	fAttempt
	fReason
	fStatus
	fCause
	fEndedBy
	fDetail
	fMedia
	fDecision
	fLadder
	fTransfer
	fPlayed
	fBypassed
	fBypassWarning
	fAudio
)

// Fields of parts.
const (
	fTrunk, fGateway, fCallID, fFromTag, fToTag, fRemote, fTransport, fCodec, fUserAgent, fSession = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

	fReceived, fNormalized, fSent = 1, 2, 3

	fTriedAt, fTook, fTriedStatus, fTriedReason = 12, 13, 14, 17 // of attempts, transfers and what was played

	fAttemptCalled, fAttemptCalling, fAttemptCause, fClass, fAttemptDetail = 10, 11, 15, 16, 18

	fStream, fFrom, fSource, fPackets, fBytes, fRTCP, fLost, fJitter, fGated, fDropped, fFirst, fLast, fSRTP, fUnauthentic = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14

	fAnnounced, fGatedFrom, fHeld, fTier, fTierWhy, fMediaTrunk, fMediaRemote, fKind = 15, 16, 17, 18, 19, 20, 21, 22

	fQuality, fEvidence = 40, 41 // each has fields of its own

	fHead, fTail, fMiddle, fMessageAt, fLegName, fFlags = 1, 2, 3, 4, 5, 6

	flagOut, flagSDP = 1, 2
)

// words are texts that most records have. New ones come last.
var words = [...]string{"", "caller", "callee", "directsip", "normal-clearing", "caller-cancelled", "busy", "no-answer", "not-found",
	"no-route", "answered", "cancelled", "peer-fault", "congestion", "number-fault", "user-verdict", "UDP", "TCP", "TLS", "PCMU", "PCMA",
	"a", "b1", "b2", "b3", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INVITE", "100 Trying (INVITE)", "180 Ringing (INVITE)",
	"183 Session Progress (INVITE)", "200 OK (INVITE)", "200 OK (BYE)", "200 OK (CANCEL)", "486 Busy Here (INVITE)",
	"487 Request Terminated (INVITE)", "404 Not Found (INVITE)", "480 Temporarily Unavailable (INVITE)",
	"503 Service Unavailable (INVITE)", "200 OK (PRACK)", "200 OK (UPDATE)", "server-lost", "normal", "INFO", "200 OK (INFO)",
	"sockets", "steered", "kernel", "SRTP"}

// word is the index of s in words, 0 when it is none of them. The compiler turns it into a search by length.
func word(s string) byte {
	switch s {
	case "caller":
		return 1
	case "callee":
		return 2
	case "directsip":
		return 3
	case "normal-clearing":
		return 4
	case "caller-cancelled":
		return 5
	case "busy":
		return 6
	case "no-answer":
		return 7
	case "not-found":
		return 8
	case "no-route":
		return 9
	case "answered":
		return 10
	case "cancelled":
		return 11
	case "peer-fault":
		return 12
	case "congestion":
		return 13
	case "number-fault":
		return 14
	case "user-verdict":
		return 15
	case "UDP":
		return 16
	case "TCP":
		return 17
	case "TLS":
		return 18
	case "PCMU":
		return 19
	case "PCMA":
		return 20
	case "a":
		return 21
	case "b1":
		return 22
	case "b2":
		return 23
	case "b3":
		return 24
	case "server-lost":
		return 44
	case "normal":
		return 45
	}
	return messageWord(s)
}

// messageWord is word for lines of the ladder.
func messageWord(s string) byte {
	switch s {
	case "ACK":
		return 25
	case "BYE":
		return 26
	case "CANCEL":
		return 27
	case "PRACK":
		return 28
	case "UPDATE":
		return 29
	case "INVITE":
		return 30
	case "100 Trying (INVITE)":
		return 31
	case "180 Ringing (INVITE)":
		return 32
	case "183 Session Progress (INVITE)":
		return 33
	case "200 OK (INVITE)":
		return 34
	case "200 OK (BYE)":
		return 35
	case "200 OK (CANCEL)":
		return 36
	case "486 Busy Here (INVITE)":
		return 37
	case "487 Request Terminated (INVITE)":
		return 38
	case "404 Not Found (INVITE)":
		return 39
	case "480 Temporarily Unavailable (INVITE)":
		return 40
	case "503 Service Unavailable (INVITE)":
		return 41
	case "200 OK (PRACK)":
		return 42
	case "200 OK (UPDATE)":
		return 43
	case "INFO":
		return 46
	case "200 OK (INFO)":
		return 47
	case "sockets":
		return 48
	case "steered":
		return 49
	case "kernel":
		return 50
	case "SRTP":
		return 51
	}
	return 0
}

// AppendBinary appends the record in a form that DecodeBinary reads. Times and durations lose what is below a
// microsecond, and times their zone. Text beyond 8 MiB and list elements beyond 16384 are left out.
func (r *Record) AppendBinary(dst []byte) []byte {
	w := binaryWriter{b: append(dst, binaryVersion), start: r.Start.UnixMicro()}
	w.text(fID, r.ID)
	w.text(fServer, r.Server)
	w.text(fPool, r.Pool)
	w.text(fVersion, r.Version)
	if !r.Start.IsZero() {
		w.b = append(w.b, fStart<<2)
		w.b = binary.AppendUvarint(w.b, zigzag(w.start))
	} else {
		w.start = 0
	}
	w.time(fRinging, r.Ringing)
	w.time(fAnswered, r.Answered)
	w.time(fEnd, r.End)
	w.leg(fIn, &r.In)
	if r.Out != nil {
		w.leg(fOut, r.Out)
	}
	w.number(fCalled, &r.Called)
	w.number(fCalling, &r.Calling)
	w.text(fUser, r.User)
	w.text(fCallingUser, r.CallingUser)
	w.text(fUsage, r.Usage)
	w.text(fRoute, r.Route)
	if r.Emergency {
		w.uint(fEmergency, 1)
	}
	if r.Bypassed {
		w.uint(fBypassed, 1)
	}
	if r.BypassWarning {
		w.uint(fBypassWarning, 1)
	}
	for i := range r.Attempts[:min(len(r.Attempts), maxList)] {
		w.attempt(&r.Attempts[i])
	}
	for i := range r.Transfers[:min(len(r.Transfers), maxList)] {
		w.transfer(&r.Transfers[i])
	}
	for i := range r.Played[:min(len(r.Played), maxList)] {
		w.played(&r.Played[i])
	}
	w.word(fReason, r.Reason)
	w.int(fStatus, int64(r.Status))
	w.int(fCause, int64(r.Cause))
	w.word(fEndedBy, r.EndedBy)
	w.text(fDetail, r.Detail)
	for i := range r.Media[:min(len(r.Media), maxList)] {
		w.media(&r.Media[i])
	}
	for i := range r.Audio[:min(len(r.Audio), maxList)] {
		w.audio(&r.Audio[i])
	}
	w.lines(r)
	return w.b
}

// binaryWriter writes one record.
type binaryWriter struct {
	b     []byte
	start int64 // microseconds
	used  int   // bytes of text
}

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func (w *binaryWriter) uint(field byte, v uint64) {
	if v != 0 {
		w.b = binary.AppendUvarint(append(w.b, field<<2|kindNumber), v)
	}
}

func (w *binaryWriter) int(field byte, v int64) { w.uint(field, zigzag(v)) }

// time may write a zero number: a moment after Start of less than a microsecond is not the zero time.
func (w *binaryWriter) time(field byte, t time.Time) {
	if !t.IsZero() {
		w.b = binary.AppendUvarint(append(w.b, field<<2|kindNumber), zigzag(t.UnixMicro()-w.start))
	}
}

func (w *binaryWriter) text(field byte, s string) {
	if s == "" || w.used+len(s) > maxText {
		return
	}
	w.used += len(s)
	w.b = append(binary.AppendUvarint(append(w.b, field<<2|kindText), uint64(len(s))), s...)
}

// word is text for what is often one of words.
func (w *binaryWriter) word(field byte, s string) {
	if n := word(s); n > 0 {
		w.b = append(w.b, field<<2|kindWord, n)
		return
	}
	w.text(field, s)
}

func (w *binaryWriter) begin(field byte) { w.b = append(w.b, field<<2|kindGroup) }
func (w *binaryWriter) end()             { w.b = append(w.b, 0) }

func (w *binaryWriter) leg(field byte, l *Leg) {
	w.begin(field)
	w.text(fTrunk, l.Trunk)
	w.text(fGateway, l.Gateway)
	w.text(fCallID, l.CallID)
	w.text(fFromTag, l.FromTag)
	w.text(fToTag, l.ToTag)
	w.text(fRemote, l.Remote)
	w.word(fTransport, l.Transport)
	w.word(fCodec, l.Codec)
	w.text(fUserAgent, l.UserAgent)
	w.text(fSession, l.Session)
	w.end()
}

func (w *binaryWriter) number(field byte, n *Number) {
	if *n == (Number{}) {
		return
	}
	w.begin(field)
	w.text(fReceived, n.Received)
	w.text(fNormalized, n.Normalized)
	w.text(fSent, n.Sent)
	w.end()
}

func (w *binaryWriter) attempt(a *Attempt) {
	w.begin(fAttempt)
	w.text(fTrunk, a.Trunk)
	w.text(fRemote, a.Remote)
	w.text(fAttemptCalled, a.Called)
	w.text(fAttemptCalling, a.Calling)
	w.tried(a.At, a.Took, a.Status, a.Reason)
	w.int(fAttemptCause, int64(a.Cause))
	w.word(fClass, a.Class)
	w.text(fAttemptDetail, a.Detail)
	w.end()
}

// tried writes what attempts and transfers have in common.
func (w *binaryWriter) tried(at time.Time, took time.Duration, status int, reason string) {
	w.time(fTriedAt, at)
	w.int(fTook, took.Microseconds())
	w.int(fTriedStatus, int64(status))
	w.word(fTriedReason, reason)
}

func (w *binaryWriter) media(m *Media) {
	w.begin(fMedia)
	w.int(fStream, int64(m.Stream))
	w.text(fKind, m.Kind)
	w.word(fFrom, m.From)
	w.text(fSource, m.Source)
	w.text(fMediaTrunk, m.Trunk)
	w.text(fMediaRemote, m.Remote)
	w.uint(fPackets, m.Packets)
	w.uint(fBytes, m.Bytes)
	w.uint(fRTCP, m.RTCP)
	w.uint(fLost, m.Lost)
	w.int(fJitter, m.Jitter.Microseconds())
	w.uint(fGated, m.Gated)
	w.uint(fDropped, m.Dropped)
	w.text(fSRTP, m.SRTP)
	w.uint(fUnauthentic, m.Unauthentic)
	w.text(fAnnounced, m.Announced)
	w.text(fGatedFrom, m.GatedFrom)
	if m.Held {
		w.uint(fHeld, 1)
	}
	w.word(fTier, m.Tier)
	w.word(fTierWhy, m.TierWhy)
	w.time(fFirst, m.First)
	w.time(fLast, m.Last)
	w.quality(m.Quality)
	w.evidence(m.Evidence)
	w.end()
}

func (w *binaryWriter) lines(r *Record) {
	last := ""
	for _, s := range r.Decision[:min(len(r.Decision), maxList)] {
		w.begin(fDecision)
		last = w.line(last, s)
		w.end()
	}
	last = ""
	for i := range r.Ladder[:min(len(r.Ladder), maxList)] {
		m := &r.Ladder[i]
		w.begin(fLadder)
		w.time(fMessageAt, m.At)
		w.word(fLegName, m.Leg)
		var flags uint64
		if m.Out {
			flags |= flagOut
		}
		if m.SDP {
			flags |= flagSDP
		}
		w.uint(fFlags, flags)
		if n := messageWord(m.Line); n > 0 {
			w.b = append(w.b, fMiddle<<2|kindWord, n)
		} else {
			last = w.line(last, m.Line)
		}
		w.end()
	}
}

// line writes what s does not share with last, which is the line before it that is no word. It returns what
// the next one is compared with.
func (w *binaryWriter) line(last, s string) string {
	if w.used+len(s) > maxText {
		return ""
	}
	head, tail := shared(last, s)
	w.used += head + tail
	w.uint(fHead, uint64(head))
	w.uint(fTail, uint64(tail))
	w.text(fMiddle, s[head:len(s)-tail])
	return s
}

// shared is how many bytes at the beginning and, beside those, at the end a and b have in common. It looks at
// eight at a time.
func shared(a, b string) (head, tail int) {
	n := min(len(a), len(b))
	for head+8 <= n && eight(a, head) == eight(b, head) {
		head += 8
	}
	for head < n && a[head] == b[head] {
		head++
	}
	n -= head
	for tail+8 <= n && eight(a, len(a)-tail-8) == eight(b, len(b)-tail-8) {
		tail += 8
	}
	for tail < n && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}

func eight(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 |
		uint64(s[6])<<48 | uint64(s[7])<<56
}
