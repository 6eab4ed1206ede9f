package sim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sip"
)

// Securing is Document with a UC platform and a gateway that have SRTP and nothing else (RFC 4568).
var Securing = strings.NewReplacer("  trunk:ucb: {", "  trunk:ucb: {srtpMode: required, ", "  trunk:gwc: {", "  trunk:gwc: {srtpMode: required, ").Replace(Document)

const theSuite = "AES_CM_128_HMAC_SHA1_80"

// secret tells whether the peers of a host have SRTP.
func (h *Host) secret() bool { return h.trunk().Settings.SRTPMode == "required" }

// key is the a=crypto line of an offer, or of an answer to lines that were offered. The key has the party's mark, so that nobody else may
// say it.
func (s *speaker) key(offered []string) string {
	tag := "1"
	for _, k := range offered {
		if f := strings.Fields(k); f[1] == theSuite {
			tag = f[0]
		}
	}
	return fmt.Sprintf("%s %s inline:%s|2^31", tag, theSuite, base64.StdEncoding.EncodeToString([]byte(s.material())))
}

func (s *speaker) material() string { return fmt.Sprintf("%-30.30s", s.marker) }

// keyed checks the keys that we say on a leg: where the peer has SRTP every m-line of RTP has some, of an answer one that was offered, and
// where it has none nobody hears of keys.
func (x *watch) keyed(l *legWatch, m *sip.Message, d, offer *desc) {
	h, ok := l.peer.(*Host)
	if !ok {
		return
	}
	for i := range d.media {
		a := &d.media[i]
		switch {
		case a.port == 0 || a.kind == "image":
		case h.misconnects(a, offered(offer, i)) != "":
			x.fail(l, "m-line %d of %s for %s: %s", i+1, m.StartLine(), h.Name, h.misconnects(a, offered(offer, i)))
		case h.shakes():
		case a.safe != h.secret() || a.safe != (len(a.keys) > 0):
			x.fail(l, "m-line %d of %s: SRTP %v with %d keys for %s", i+1, m.StartLine(), a.safe, len(a.keys), h.Name)
		case a.safe && offer != nil && (len(a.keys) != 1 || i < len(offer.media) && !slices.ContainsFunc(offer.media[i].keys, sameTag(a.keys[0]))):
			x.fail(l, "m-line %d of %s answers %q with %q", i+1, m.StartLine(), offer.media[i].keys, a.keys)
		}
	}
}

// offered is an m-line of an offer, if there is one.
func offered(d *desc, i int) *mline {
	if d == nil || i >= len(d.media) {
		return nil
	}
	return &d.media[i]
}

// sameTag tells whether two lines have one tag and suite.
func sameTag(a string) func(string) bool {
	f := strings.Fields(a)
	return func(b string) bool { g := strings.Fields(b); return f[0] == g[0] && f[1] == g[1] }
}

// protects checks what the relay does on the side of a party at the end.
func (w *World) protects(s *Scenario, p *Party, side *media.Side) {
	w.connects(s, p, side)
	switch c := side.Crypt; {
	case p.speaker.shakes && c == nil:
	case !p.speaker.secret && c == nil:
	case !p.speaker.secret:
		w.fail("%s: %s has RTP, the relay %v", s.Name, p.host.Name, c)
	case c == nil || c.Suite.String() != theSuite || len(c.Recv) != 1 || c.Recv[0].Key != p.speaker.material():
		w.fail("%s: %s has %s and the key %q, the relay %v", s.Name, p.host.Name, theSuite, p.speaker.material(), c)
	case !strings.Contains(strings.Join(p.speaker.remote.media[0].keys, " "), base64.StdEncoding.EncodeToString([]byte(c.Send))):
		w.fail("%s: the relay sends %s with a key that was not told", s.Name, p.host.Name)
	}
}
