package identity

import (
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

func TestIsNumber(t *testing.T) {
	for s, want := range map[string]bool{"+14255550100": true, "112": true, "*67#": true, "+1425;ext=100": true, "alice": false, "": false,
		"1+2": false, "+": false, "100;phone-context=us": true} {
		if isNumber(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// RTE-35, SIG-04, RTE-06: extension and phone-context are found wherever peers put them.
func TestRTE35SIG04Number(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:+14255550100@gw.example;user=phone":                    "+14255550100",
		"sip:+14255550100;ext=100@gw.example;user=phone":            "+14255550100;ext=100",
		"sip:+14255550100@gw.example;user=phone;ext=100":            "+14255550100;ext=100",
		"tel:+1-425-555-0100;ext=100":                               "+14255550100;ext=100",
		"tel:0100;phone-context=us.example.com":                     "0100;phone-context=us.example.com",
		"sip:0100;phone-context=us.example.com@gw;user=phone":       "0100;phone-context=us.example.com",
		"sip:0100;PHONE-CONTEXT=us;ext=7@gw;user=phone":             "0100;ext=7;phone-context=us",
		"sip:alice@example.com":                                     "alice",
		"sip:gw.example":                                            "",
		"sip:0100;phone-context=%2B49@gw":                           "0100;phone-context=+49",
		"sip:+1%20425@gw;user=phone":                                "+1425",
		"sip:100;ext=@gw":                                           "100",
		"sip:+14255550100@[2001:db8::1]:5070;user=phone;ttl=1;ext=": "+14255550100",
	} {
		u, err := sip.ParseURI(uri)
		if err != nil {
			t.Fatal(uri, err)
		}
		if got := Number(u); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}
