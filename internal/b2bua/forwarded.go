package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// forwardedBy is the URI of the party that an INVITE names as the one who forwards it, "" when it names none. History-Info
// says most (RFC 7044): the entry that the UC platform marks as retargeted, else the one before the last, which is the
// target. Else it is the topmost Diversion (RFC 5806 §4: the last who diverted), else Referred-By (RFC 3892).
func forwardedBy(req *sip.Message) string {
	var before, last, marked string
	for v := range req.Values(sip.IDHistoryInfo) {
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		before, last = last, a.URI
		if _, ok := a.Params.Get("ms-retarget-reason"); ok {
			marked = a.URI
		}
	}
	for _, uri := range [...]string{marked, before} {
		if uri != "" {
			return bareURI(uri)
		}
	}
	for _, id := range [...]sip.ID{sip.IDDiversion, sip.IDReferredBy} {
		for v := range req.Values(id) {
			if a, err := sip.ParseAddress(v); err == nil {
				return bareURI(a.URI)
			}
		}
	}
	return ""
}

// bareURI leaves out the headers in a URI, such as the Reason in an entry of History-Info, and owns what is left.
func bareURI(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	return strings.Clone(clip(uri, 256))
}
