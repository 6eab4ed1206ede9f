package sdp

import (
	"fmt"
	"strings"
)

// Refuse appends an answer that rejects every m-line of the offer (RFC 3264 §6: port 0, in place) to dst. Of r only
// address, user name, session id and version are taken.
func Refuse(offer *Session, dst []byte, r *Rewrite) []byte {
	dst = r.head(dst)
	dst = append(dst, "t=0 0\r\n"...)
	for i := range offer.Media {
		dst = offer.Media[i].appendRejected(dst)
	}
	return dst
}

// FitError says why an answer does not fit its offer.
type FitError struct {
	Media int // m-line, from 0; -1 when the description as a whole is meant
	Why   string
}

// Error tells m-line and reason.
func (e *FitError) Error() string {
	if e.Media < 0 {
		return "sdp: answer: " + e.Why
	}
	return fmt.Sprintf("sdp: answer: m-line %d: %s", e.Media+1, e.Why)
}

// AnswerFits checks an answer against its offer by RFC 3264 §6. It returns a *FitError when the two ends cannot have a
// common view of the media: another number of m-lines, another kind or transport in one of them, a rejected m-line
// revived, or no common codec in a live one. What peers get wrong without harm is in AnswerRemarks.
func AnswerFits(offer, answer *Session) error {
	if len(offer.Media) != len(answer.Media) {
		return &FitError{-1, fmt.Sprintf("%d m-lines for the %d of the offer", len(answer.Media), len(offer.Media))}
	}
	for i := range offer.Media {
		if why := misfit(&offer.Media[i], &answer.Media[i]); why != "" {
			return &FitError{i, why}
		}
	}
	return nil
}

func misfit(o, a *Media) string {
	switch {
	case !strings.EqualFold(o.Kind, a.Kind):
		return "kind " + a.Kind + " for " + o.Kind
	case a.Rejected():
		return ""
	case o.Rejected():
		return "live, but the offer has port 0"
	case o.IsRTP() != a.IsRTP() || !o.IsRTP() && !strings.EqualFold(o.Proto, a.Proto):
		return "protocol " + a.Proto + " for " + o.Proto
	case o.Secure() && !a.Secure(), a.Secure() && !o.Secure() && !o.Crypto && !o.Fingerprint:
		// AVP with keys is the offer of "secure if you can" that some peers make.
		return "protocol " + a.Proto + " for " + o.Proto
	}
	for _, f := range a.Formats {
		if offered(o, a, f) && !(a.auxiliary(f) && o.speaks()) {
			return ""
		}
	}
	return "no codec of the offer"
}

// auxiliary says whether a format is only telephone-event or comfort noise.
func (m *Media) auxiliary(format string) bool {
	pt, _, ok := payloadType(format)
	c := m.codec(pt)
	return ok && c != nil && c.Auxiliary()
}

// speaks says whether the m-line has a codec proper.
func (m *Media) speaks() bool {
	for _, c := range m.Codecs {
		if !c.Auxiliary() {
			return true
		}
	}
	return false
}

// offered says whether a format of the answer is in the offer: by codec for RTP, because the answerer may number
// dynamic types otherwise (RFC 3264 §6.1), by payload type when one end has no mapping, else by word.
func offered(o, a *Media, format string) bool {
	pt, _, ok := payloadType(format)
	if c := a.codec(pt); ok && c != nil {
		for i := range o.Codecs {
			switch oc := &o.Codecs[i]; {
			case oc.Name == "" || c.Name == "":
				if oc.PT == c.PT {
					return true
				}
			case oc.Is(c.Name) && (oc.Rate == c.Rate || oc.Rate == 0 || c.Rate == 0):
				return true
			}
		}
		return false
	}
	for _, f := range o.Formats {
		if strings.EqualFold(f, format) {
			return true
		}
	}
	return false
}

// AnswerRemarks lists where an answer that fits departs from RFC 3264 §6 and §6.1: formats that were not offered,
// another profile, a direction that the offer does not allow, rtcp-mux unasked. For observers and diagnosis; a call goes
// on in spite of them.
func AnswerRemarks(offer, answer *Session) []FitError {
	var remarks []FitError
	for i := range min(len(offer.Media), len(answer.Media)) {
		o, a := &offer.Media[i], &answer.Media[i]
		if a.Rejected() || o.Rejected() {
			continue
		}
		for _, f := range a.Formats {
			if !offered(o, a, f) {
				remarks = append(remarks, FitError{i, "format " + f + " was not offered"})
			}
		}
		if !strings.EqualFold(o.Proto, a.Proto) {
			remarks = append(remarks, FitError{i, "protocol " + a.Proto + " for " + o.Proto})
		}
		if !a.Direction.Answers(o.Direction) {
			remarks = append(remarks, FitError{i, a.Direction.String() + " for " + o.Direction.String()})
		}
		if a.RTCPMux && !o.RTCPMux {
			remarks = append(remarks, FitError{i, "rtcp-mux was not offered"})
		}
	}
	return remarks
}
