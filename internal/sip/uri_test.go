package sip

import "testing"

func TestRFC3261_19_1_URI(t *testing.T) {
	for _, c := range []struct {
		in   string
		want URI
		out  string // "" when as in
	}{
		{"sip:alice@atlanta.com", URI{Scheme: "sip", User: "alice", Host: "atlanta.com"}, ""},
		{"SIP:alice@AtLanTa.CoM;Transport=tcp", URI{Scheme: "sip", User: "alice", Host: "AtLanTa.CoM", Params: "Transport=tcp"}, "sip:alice@AtLanTa.CoM;Transport=tcp"},
		{"sips:alice:secret@atlanta.com:5061;a;b=c?subject=x&y=z", URI{Scheme: "sips", User: "alice", Password: "secret", Host: "atlanta.com", Port: 5061, Params: "a;b=c", Headers: "subject=x&y=z"}, ""},
		{"sip:192.0.2.4", URI{Scheme: "sip", Host: "192.0.2.4"}, ""},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", URI{Scheme: "sip", User: "+1-212-555-1212", Password: "1234", Host: "gateway.com", Params: "user=phone"}, ""},
		{"sip:a;day=tuesday@atlanta.com", URI{Scheme: "sip", User: "a;day=tuesday", Host: "atlanta.com"}, ""},
		{"sip:a?b/c@h", URI{Scheme: "sip", User: "a?b/c", Host: "h"}, ""},
		{"sip:@192.0.2.1?Replaces=a@b", URI{Scheme: "sip", Host: "192.0.2.1", Headers: "Replaces=a@b"}, ""},
		{"sip:@192.0.2.1", URI{Scheme: "sip", Host: "192.0.2.1"}, "sip:192.0.2.1"},
		{"sip:[2001:db8::10]:5070", URI{Scheme: "sip", Host: "2001:db8::10", Port: 5070}, ""},
		{"sip:u@[2001:db8:::192.0.2.1]", URI{Scheme: "sip", User: "u", Host: "2001:db8::192.0.2.1"}, "sip:u@[2001:db8::192.0.2.1]"},
		{"sip:h;;a;", URI{Scheme: "sip", Host: "h", Params: "a;"}, "sip:h;a;"},
		{"sip:my_pc.local", URI{Scheme: "sip", Host: "my_pc.local"}, ""},
		{"tel:+1-201-555-0123;ext=5", URI{Scheme: "tel", User: "+1-201-555-0123", Params: "ext=5"}, ""},
	} {
		u, err := ParseURI(c.in)
		if err != nil || u != c.want {
			t.Errorf("%s: %+v, %v", c.in, u, err)
			continue
		}
		if c.out == "" {
			c.out = c.in
		}
		if got := u.String(); got != c.out {
			t.Errorf("%s is written %s", c.in, got)
		}
	}
}

func TestURIRefused(t *testing.T) {
	for in, want := range map[string]error{
		"":                         errURI,
		"sip":                      errURI,
		":x":                       errURI,
		"1sip:x":                   errURI,
		"sip:a b@h":                errURI,
		"sip:a@h\r\nVia: x":        errURI,
		"sip:<a@h>":                errURI,
		"sip:a\"@h":                errURI,
		"sip:":                     errHost,
		"sip:a@":                   errHost,
		"sip:a@b@c":                errHost,
		"sip:a@h%20":               errHost,
		"sip:[2001:db8::1":         errHost,
		"sip:[2001:db8::1]x":       errHost,
		"sip:[::g]":                errHost,
		"sip:[192.0.2.1]":          errHost,
		"sip:[fe80::1%eth0]":       errHost,
		"sip:2001:db8::1":          errPort,
		"sip:h:":                   errPort,
		"sip:h:0":                  errPort,
		"sip:h:65536":              errPort,
		"sip:h:5060x":              errPort,
		"tel:":                     errTel,
		"tel:;ext=1":               errTel,
		"http://www.example.com/":  ErrScheme,
		"isbn:2983792873":          ErrScheme,
		"soap.beep://192.0.2.1:80": ErrScheme,
	} {
		if u, err := ParseURI(in); err != want {
			t.Errorf("%q: %+v, %v; want %v", in, u, err, want)
		}
	}
	if u, _ := ParseURI("Soap.Beep:x"); u.Scheme != "soap.beep" {
		t.Errorf("scheme %q", u.Scheme)
	}
	if m := (&Message{URI: "NobodyKnows:x"}); m.RequestScheme() != "nobodyknows" {
		t.Errorf("scheme %q", m.RequestScheme())
	}
}

func TestRFC3966_3_Number(t *testing.T) {
	for in, want := range map[string]string{
		"tel:+1-201-555-0123":                   "+12015550123",
		"tel:863-1234;phone-context=+1-914-555": "8631234",
		"tel:(030)123.45":                       "03012345",
		"tel:*21%23":                            "*21#",
		"sip:+49%20(30)%2012@h":                 "+493012",
		"sip:030-12@h;user=phone":               "03012",
		"sip:030-12@h":                          "030-12",
		"sip:+4930;ext=5;phone-context=x@h":     "+4930",
		"sip:anna.mueller@h;user=phone":         "anna.mueller",
		"sip:anna-m@h":                          "anna-m",
		"sip:h":                                 "",
		"sip:%2B4930@h":                         "+4930",
		"sip:user%3Bx@h":                        "user;x",
		"sip:+1-a_b@h":                          "+1-a_b",
		"sip:1234@h;USER=Phone":                 "1234",
		"sip:+1-212-555-1212:1234@gateway.com;user=phone": "+12125551212",
	} {
		u, err := ParseURI(in)
		if got := u.Number(); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestRFC3261_19_1_2_Escapes(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "%61": "a", "%2541": "%41", "%": "%", "%4": "%4", "%zz": "%zz", "x%00y": "x\x00y", "%c3%BC": "ü"} {
		if got := Unescape(in); got != want {
			t.Errorf("Unescape(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "", "+49;ext=1": "+49;ext=1", "a b": "a%20b", "#31#": "%2331%23", "a@b:c": "a%40b%3Ac", "ü": "%C3%BC", "a\r\n": "a%0D%0A", "100%": "100%25", "<\">": "%3C%22%3E",
	} {
		if got := EscapeUser(in); got != want {
			t.Errorf("EscapeUser(%q) = %q, want %q", in, got, want)
		}
		if u, err := ParseURI("sip:" + want + "@h"); err != nil || Unescape(u.User) != in {
			t.Errorf("%q comes back as %q, %v", in, u.User, err)
		}
	}
}
