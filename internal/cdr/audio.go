package cdr

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"
)

// Audio is the verdict on what the other side heard of one side of a call, and why: one sentence, with the evidence in it.
type Audio struct {
	From  string `json:"from"`  // "caller" or "callee": who speaks
	Cause string `json:"cause"` // "heard", or what was in the way
	Text  string `json:"text"`
}

// Bounds of the verdicts. They are wide: it is better to say less than to be wrong.
const (
	shortTalk  = 2 * time.Second // shorter calls say nothing of their audio
	longPause  = 5 * time.Second // without a packet at one end of the call
	heavyLoss  = 5               // percent, which everybody hears
	packetTime = 20 * time.Millisecond
)

// Audio judges the first stream of a call that was answered by somebody and is over. It is empty where nothing can be said: a call too short,
// or without media here.
func (r *Record) Audio() (list []Audio) {
	talk := r.End.Sub(r.Answered)
	if r.Answered.IsZero() || r.End.IsZero() || r.Out == nil || talk < shortTalk {
		return nil
	}
	for i := range r.Media {
		m := &r.Media[i]
		if m.Stream != 0 {
			continue
		}
		cause, text := m.missing(r.remote(m.From))
		if m.Packets > 0 {
			cause, text = m.flowed(r.Answered, r.End)
		}
		list = append(list, Audio{From: m.From, Cause: cause, Text: text})
	}
	return list
}

// remote is where the signalling of a side comes from.
func (r *Record) remote(from string) string {
	if from == "caller" {
		return r.In.Remote
	}
	return r.Out.Remote
}

// missing says why nothing at all was passed on. The order is that of certainty: what came and was refused first, then what did not come.
func (m *Media) missing(signalling string) (cause, text string) {
	none := "Nothing of the " + m.From + " was heard: "
	switch {
	case m.Unauthentic > 0:
		return "srtp-key", none + fmt.Sprintf("%d packets of SRTP came that its key does not open, the one that its SDP says.", m.Unauthentic)
	case m.Gated > 0:
		text = none + fmt.Sprintf("%d packets came from %s, which may not send by rtpLatching of its trunk", m.Gated, cmp.Or(m.GatedFrom, "elsewhere"))
		if m.Announced != "" {
			text += "; its SDP says " + m.Announced
		}
		return "elsewhere", text + "."
	case m.Held:
		return "held", none + "by its SDP it did not send when the call ended: hold, or receive only."
	case m.Dropped > 0:
		return "unusable", none + fmt.Sprintf("%d packets came that could not go on: they are no RTP (STUN, DTLS), came during hold, or the other side had not said where to.", m.Dropped)
	case m.Announced == "":
		return "no-address", none + "it never said where its media is."
	case m.RTCP > 0:
		return "rtcp-only", none + fmt.Sprintf("it sent %d packets of RTCP and no RTP: it is muted, or RTP is filtered on the way.", m.RTCP)
	case private(m.Announced) && !private(signalling) && signalling != "":
		return "private", none + fmt.Sprintf("nothing came. Its SDP says %s, a private address, and its signalling comes from %s: NAT is between, and its own packets have to open it.",
			m.Announced, signalling)
	}
	return "nothing", none + fmt.Sprintf("nothing came. Its SDP says %s: look at firewalls from there to the media ports of this server, and whether the device sends at all.", m.Announced)
}

// flowed says how well what was passed on did.
func (m *Media) flowed(answered, end time.Time) (cause, text string) {
	lost := 100 * float64(m.Lost) / float64(m.Lost+m.Packets)
	switch late, silent := m.First.Sub(answered), end.Sub(m.Last); {
	case lost >= heavyLoss:
		return "loss", fmt.Sprintf("The %s was heard badly: %.1f %% of its packets were lost on the way here.", m.From, lost)
	case m.First.IsZero() || m.Last.IsZero():
	case late > longPause:
		return "late", fmt.Sprintf("The %s was heard from %s after the answer on: nothing of it was passed on before.", m.From, late.Round(packetTime))
	case silent > longPause && !m.Held:
		return "stopped", fmt.Sprintf("The %s was heard until %s before the end: then its packets stopped.", m.From, silent.Round(packetTime))
	}
	return "heard", fmt.Sprintf("The %s was heard: %d packets, %.1f %% lost on the way here.", m.From, m.Packets, lost)
}

// private tells whether an address is one of RFC 1918 or RFC 4193.
func private(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsPrivate()
}
