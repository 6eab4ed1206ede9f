package b2bua

import (
	"slices"
	"strconv"
	"strings"
)

// payload is how a codec stands in an offer of our own (RFC 3551 §6, RFC 4733 §2.4, RFC 7587 §7).
type payload struct {
	name, rtpmap, fmtp string
	pt                 uint8
}

// opusFmtp says that what we are told of lost packets is used.
const opusFmtp = "useinbandfec=1"

// payloads are the codecs that we can offer without having heard of them from a peer.
var payloads = [...]payload{
	{name: "PCMA", rtpmap: "PCMA/8000", pt: 8},
	{name: "PCMU", rtpmap: "PCMU/8000", pt: 0},
	{name: "G722", rtpmap: "G722/8000", pt: 9},
	{name: "G729", rtpmap: "G729/8000", fmtp: "annexb=no", pt: 18},
	{name: "GSM", rtpmap: "GSM/8000", pt: 3},
	{name: "iLBC", rtpmap: "iLBC/8000", fmtp: "mode=30", pt: 97},
	{name: "opus", rtpmap: "opus/48000/2", fmtp: opusFmtp, pt: 111},
	{name: "telephone-event", rtpmap: "telephone-event/8000", fmtp: "0-15", pt: 101},
}

// ownCodecs are offered by a trunk whose settings name none that we know.
var ownCodecs = []string{"PCMA", "PCMU"}

// ownOffer is an offer for a target whose caller has made none: audio with the codecs of the target's trunk, and telephone-event. The
// caller is then offered what the target takes of it, so that the two agree.
func (p *plan) ownOffer(c *Call, l *Leg) string {
	p.face(c, l)
	list := chosen(l.trunk.Settings.Codecs)
	if len(list) == 0 {
		list = chosen(ownCodecs)
	}
	if narrow := slices.DeleteFunc(slices.Clone(list), func(c payload) bool { return !p.fitsLinks(l.side, c.name) }); len(narrow) > 0 {
		list = narrow
	}
	list = append(list, payloads[len(payloads)-1])
	shown, family := c.env.shownMedia(l.trunk, p.base[l.side]), "IP4 "
	if shown.Is6() {
		family = "IP6 "
	}
	address := "IN " + family + shown.String()
	var b strings.Builder
	b.WriteString("v=0\r\no=directsip " + strconv.FormatUint(l.sdp.id, 10) + " " + strconv.FormatUint(l.sdp.version, 10) + " " + address)
	b.WriteString("\r\ns=-\r\nc=" + address + "\r\nt=0 0\r\nm=audio " + strconv.Itoa(int(p.lines[0].ours[l.side])) + " RTP/AVP")
	for _, c := range list {
		b.WriteString(" " + strconv.Itoa(int(c.pt)))
	}
	b.WriteString("\r\n")
	for _, c := range list {
		b.WriteString("a=rtpmap:" + strconv.Itoa(int(c.pt)) + " " + c.rtpmap + "\r\n")
		if c.fmtp != "" {
			b.WriteString("a=fmtp:" + strconv.Itoa(int(c.pt)) + " " + c.fmtp + "\r\n")
		}
	}
	return l.sdp.say(b.String())
}

// chosen are the payloads of codecs by name, in their order; telephone-event is left out.
func chosen(names []string) (list []payload) {
	for _, n := range names {
		for _, c := range payloads[:len(payloads)-1] {
			if strings.EqualFold(c.name, n) {
				list = append(list, c)
			}
		}
	}
	return list
}
