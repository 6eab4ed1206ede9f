package b2bua

import "testing"

func TestPasswordOfAURIIsNotKept(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:+14255550100:1234@192.0.2.1;user=phone": "sip:+14255550100@192.0.2.1;user=phone",
		"sips:bob:@example.com":                      "sips:bob@example.com",
		"sip:bob@[2001:db8::1]:5060":                 "sip:bob@[2001:db8::1]:5060",
		"sip:192.0.2.1:5060;transport=tcp":           "sip:192.0.2.1:5060;transport=tcp",
		"tel:+14255550100;ext=7":                     "tel:+14255550100;ext=7",
		"":                                           "",
	} {
		if got := withoutPassword(uri); got != want {
			t.Errorf("%q is kept as %q, want %q", uri, got, want)
		}
	}
}
