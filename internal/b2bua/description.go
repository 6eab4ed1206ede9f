package b2bua

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/sdp"
)

// description is what was said on one leg: our last body and the peer's.
type description struct {
	id, version uint64     // of the last body that was sent, whatever came of it
	shown       string     // that body
	cut         sdp.Absent // m-lines that the peer was not shown of it
	cutOf       string     // the version that it had then
	lines       int        // … and its m-lines
	wide        string     // a description with m-lines that the session has not, and that were refused or are to be: they keep their places; "" there was none
	body        string     // ours that stands
	peer        uint64     // the fingerprint of theirs that stands; 0 none
	codec       string
	// unmapped: bodies have no a=rtpmap where the other side has left it out of a static payload type. All have it else, as they should (RFC 3264 §5.1): there are
	// telephones that are silent and deaf without. bare is that body of our first INVITE which has no room for it by UDP; "" there is none.
	unmapped bool
	bare     string
}

// start draws the session id of o= (RFC 8866 §5.2).
func (d *description) start(e *Env) {
	*d = description{id: e.Rand.Uint64() >> 2, version: 1}
}

// again says what stands once more. If another description was sent meanwhile and refused, the version has to rise once more
// (RFC 3264 §8).
func (d *description) again() string {
	if d.shown == d.body || d.body == "" {
		return d.body
	}
	shown, stands := originVersion(d.shown), " "+originVersion(d.body)+" IN IP"
	same := strings.Replace(d.body, stands, " "+shown+" IN IP", 1)
	if same == d.shown || d.wide != "" && sdp.Extend(same, d.wide) == sdp.Extend(d.shown, d.wide) {
		return d.say(same) // the refused one said the same
	}
	return d.anew(d.body)
}

// anew says a body of ours under a version above that of what was said last.
func (d *description) anew(body string) string {
	n, _ := strconv.ParseUint(originVersion(d.shown), 10, 64)
	d.version = n + 1
	return d.say(strings.Replace(body, " "+originVersion(body)+" IN IP", " "+strconv.FormatUint(d.version, 10)+" IN IP", 1))
}

// originVersion is the version in the o= line of a body of ours.
func originVersion(body string) string {
	_, o, _ := strings.Cut(body, "\r\no=")
	for range 2 {
		_, o, _ = strings.Cut(o, " ")
	}
	v, _, _ := strings.Cut(o, " ")
	return v
}

// adopt makes the description of the fork that answered the leg's own.
func (l *Leg) adopt(d *description) {
	peer := l.sdp.peer
	l.sdp = *d
	l.sdp.peer = peer
}

// refreshes tells whether an offer of the peer says what its last description said, so that what we said last is an answer to
// it. That may have been an offer, to which the peer's was the answer: then its directions need not fit the other way round.
func (d *description) refreshes(body string) bool {
	if d.peer == 0 || d.body == "" {
		return false
	}
	offer, err := sdp.Parse(body)
	if err != nil || fingerprint(offer) != d.peer {
		return false
	}
	return d.answers(offer)
}

// answers tells whether what we said last is an answer to an offer, with nothing to remark.
func (d *description) answers(offer *sdp.Session) bool {
	ours, err := sdp.Parse(d.body)
	return err == nil && sdp.AnswerFits(offer, ours) == nil && len(sdp.AnswerRemarks(offer, ours)) == 0
}

// fingerprint is the same for two descriptions that differ in nothing but the version of o= (FNV-1a, eight octets at a time). Who forges a collision
// deceives only itself: its own change is then not carried on.
func fingerprint(s *sdp.Session) uint64 {
	h := uint64(14695981039346656037)
	mix := func(t string) {
		for ; len(t) >= 8; t = t[8:] {
			h = (h ^ binary.LittleEndian.Uint64([]byte(t[:8]))) * 1099511628211
			h ^= h >> 32 // a product carries upwards only
		}
		for i := 0; i < len(t); i++ {
			h = (h ^ uint64(t[i])) * 1099511628211
		}
		h = (h ^ 0x0a) * 1099511628211
	}
	for typ, value := range s.Lines() {
		if typ == 'a' && strings.HasPrefix(value, sdp.SpeechNote) {
			continue
		}
		h = (h ^ uint64(typ)) * 1099511628211
		if o := s.Origin; typ == 'o' && o.ID != "" {
			for _, part := range [...]string{o.User, o.ID, o.NetType, o.AddrTyp, o.Address} {
				mix(part)
			}
			continue
		}
		mix(value)
	}
	return max(h, 1)
}

// parseOffer reads an offer that must have at least one m-line to speak of.
func parseOffer(body string) (*sdp.Session, error) {
	s, err := sdp.Parse(body)
	if err != nil {
		return nil, err
	}
	if len(s.Media) == 0 {
		return nil, errors.New("no m-line")
	}
	return s, nil
}

// say notes a body of ours that goes out as it is.
func (d *description) say(body string) string {
	d.shown, d.body = body, body
	return body
}

// rewrite says what r makes of a description of a peer's, with a new version when it is not what was said last.
func (d *description) rewrite(s *sdp.Session, r *sdp.Rewrite) string {
	r.SessionID, r.Version, r.UserName, r.Maps = d.id, d.version, "directsip", !d.unmapped
	var buf [1024]byte
	text := s.Rewrite(buf[:0], r)
	switch {
	case string(text) == d.shown:
		d.body = d.shown
		return d.body
	case d.wide != "" && sdp.Extend(string(text), d.wide) == sdp.Extend(d.shown, d.wide): // it has been said so
	case d.shown != "":
		d.version++
		r.Version = d.version
		text = s.Rewrite(buf[:0], r)
	}
	return d.say(string(text))
}

// mappings is how many octets shorter our first offer is without the mappings that it has of us.
func (d *description) mappings() int {
	if d.bare == "" {
		return 0
	}
	return len(d.body) - len(d.bare)
}

// unmap says it without them, under a higher version if it was sent with them.
func (d *description) unmap(sent bool) {
	if d.unmapped = true; sent {
		d.anew(d.bare)
	} else {
		d.say(d.bare)
	}
	d.bare = ""
}

// pass says a description of the other side when media goes past us.
func (d *description) pass(s *sdp.Session) string {
	var buf [1024]byte
	text := s.PassAs(buf[:0], "directsip", d.id, d.version)
	switch {
	case string(text) == d.shown:
		d.body = d.shown
		return d.body
	case d.shown != "":
		d.version++
		text = s.PassAs(buf[:0], "directsip", d.id, d.version)
	}
	return d.say(string(text))
}

// unsaid takes back that what was written last has been said: last is what had been before. Whoever says it raises the version then.
func (d *description) unsaid(last *description) { d.shown, d.version = last.shown, last.version }

// secure tells whether a description is of SRTP. Its keys are the peers' own: they pass, and so do the packets, unread.
func secure(s *sdp.Session) bool {
	for i := range s.Media {
		if s.Media[i].Secure() {
			return true
		}
	}
	return false
}
