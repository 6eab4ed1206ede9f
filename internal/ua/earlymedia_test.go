package ua_test

import (
	"bytes"
	"strings"
	"testing"
)

// TestRFC5009: P-Early-Media is of a trust domain, so it ends here, and passes both ways where header rules of the two trunks let it.
func TestRFC5009(t *testing.T) {
	const rule = `headerRules: {out: [{copy: P-Early-Media}, {copy: P-Early-Media, codes: [1xx, 2xx]}]}`
	for _, trusted := range []bool{false, true} {
		doc := document
		if trusted {
			doc = strings.Replace(doc, `"trunk:uc": {`, `"trunk:pstn": {`+rule+"}\n  \"trunk:uc\": {"+rule+", ", 1)
		}
		r := rigOf(t, doc)
		r.in(r.uc, with(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), "P-Early-Media: supported"))
		inv, _ := r.told("INVITE")
		if got := bytes.Contains(inv, []byte("P-Early-Media: supported\r\n")); got != trusted {
			t.Errorf("trusted %v: %s", trusted, inv)
		}
		r.out.Reset()
		r.in(r.pstn, with(response("183 Session Progress", inv, "to", bodies[1]), "P-Early-Media: sendonly"))
		if got := bytes.Contains(r.last(), []byte("P-Early-Media: sendonly\r\n")); got != trusted {
			t.Errorf("trusted %v: %s", trusted, r.last())
		}
	}
}
