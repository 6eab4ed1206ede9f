package identity

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
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

// RFC 4694, RFC 3966 §5.1.2: what is said of a number beside it is found wherever peers put it, and of what is known in telephone networks nobody else is believed.
func TestRFC4694Parameters(t *testing.T) {
	for uri, want := range map[string]struct{ network, other string }{
		"sip:+14255550100@gw;user=phone":                            {},
		"sip:+14255550100;npdi;rn=+12065550000@gw;user=phone":       {";npdi;rn=+12065550000", ""},
		"sip:+14255550100@gw;rn=+12065550000;npdi;user=phone":       {";npdi;rn=+12065550000", ""},
		"sip:+14255550100;NPDI=yes@gw;Rn=2065550000;rn-context=+1":  {";npdi=yes;rn=2065550000;rn-context=+1", ""},
		"tel:+1-425-555-0100;rn=+1-206-555-0000;npdi":               {";npdi;rn=+1-206-555-0000", ""},
		"tel:+18005550100;cic=+1-6789":                              {";cic=+1-6789", ""},
		"tel:+18005550100;cic=6789;cic-context=+1;isub=12":          {";isub=12;cic=6789;cic-context=+1", ";isub=12"},
		"sip:100;isub=a%20b@gw":                                     {";isub=a%20b", ";isub=a%20b"},
		"tel:+14255550100;rn-context=+1;cic-context=+1":             {},
		"tel:+14255550100;rn;cic=;isub=":                            {},
		"tel:+14255550100;tgrp=tg1;trunk-context=example.com;ext=7": {},
		"sip:+14255550100;rn=+12065550000@gw;rn=+12065559999":       {";rn=+12065550000", ""},
		"sip:+14255550100;isub=" + strings.Repeat("1", 65) + "@gw":  {},
		"sip:alice;npdi;isub=1@gw":                                  {},
		"sip:gw;npdi":                                               {},
		"tel:+14255550100;rn=%zz;cic=%31;isub=a%2":                  {},
		"tel:+14255550100;isub=a%0d%0aX":                            {},
	} {
		u, err := sip.ParseURI(uri)
		if err != nil {
			t.Fatal(uri, err)
		}
		for kind, want := range map[topology.GatewayKind]string{topology.KindGateway: want.network, topology.KindSBC: want.network, topology.KindPBX: want.other, topology.KindUC: want.other} {
			in := &topology.Trunk{Gateway: &topology.Gateway{Kind: kind}, Settings: &topology.TrunkSettings{NumberParameters: []string{"npdi", "rn", "cic", "isub"}}}
			if got := Parameters(u, in); got != want {
				t.Errorf("%s from a %s: %q, want %q", uri, kind, got, want)
			}
		}
	}
}

// TestNumberParametersOfWhoMayNot: where a call really goes is said by trunks alone that are to say it.
func TestNumberParametersOfWhoMayNot(t *testing.T) {
	u, err := sip.ParseURI("tel:+14255550100;isub=1;cic=+1-6789;npdi;rn=+19005550100")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		lets []string
		want string
	}{{nil, ";isub=1"}, {[]string{"isub"}, ";isub=1"}, {[]string{"cic"}, ";isub=1;cic=+1-6789"}, {[]string{"npdi", "rn"}, ";isub=1;npdi;rn=+19005550100"}} {
		in := &topology.Trunk{Gateway: &topology.Gateway{Kind: topology.KindGateway}, Settings: &topology.TrunkSettings{NumberParameters: row.lets}}
		if got := Parameters(u, in); got != row.want {
			t.Errorf("%v: %s, want %s", row.lets, got, row.want)
		}
	}
}

// RFC 3966 §3: the order of the parameters of a number.
func TestRFC3966CalledWithParameters(t *testing.T) {
	set := &topology.TrunkSettings{PhoneContext: "us"}
	for _, row := range [][3]string{
		{"+14255550100", "", "+14255550100"},
		{"+14255550100", ";npdi;rn=+12065550000", "+14255550100;npdi;rn=+12065550000"},
		{"4255550100", ";npdi;rn=2065550000", "4255550100;phone-context=us;npdi;rn=2065550000"},
		{"4255550100", ";isub=1;npdi", "4255550100;isub=1;phone-context=us;npdi"},
		{"4255550100", ";isub=1", "4255550100;isub=1;phone-context=us"},
		{"4255550100", ";isub=a%20b", "4255550100;isub=a%20b;phone-context=us"},
	} {
		if got := string(AppendCalled(nil, set, row[0], row[1])); got != row[2] {
			t.Errorf("%s with %s: %s, want %s", row[0], row[1], got, row[2])
		}
	}
}
