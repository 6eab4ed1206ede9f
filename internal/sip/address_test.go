package sip

import (
	"slices"
	"testing"
)

func TestRFC3261_20_10_Address(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Address
	}{
		{`"A. G. Bell" <sip:agb@bell-telephone.com> ;tag=a48s`, Address{"A. G. Bell", "sip:agb@bell-telephone.com", "tag=a48s"}},
		{`sip:+12125551212@server.phone2net.com;tag=887s`, Address{"", "sip:+12125551212@server.phone2net.com", "tag=887s"}},
		{`Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8`, Address{"Anonymous", "sip:c8oqz84zk7z@privacy.org", "tag=hyh8"}},
		{`caller<sip:c@h>`, Address{"caller", "sip:c@h", ""}},
		{`"a \"b\" \\ <c>, d;e" <sip:c@h>`, Address{`a "b" \ <c>, d;e`, "sip:c@h", ""}},
		{`<sip:c@h;lr?x=y,z>;q=0.5 ; z="a;b"`, Address{"", "sip:c@h;lr?x=y,z", `q=0.5 ; z="a;b"`}},
		{`"W" < sip:c@h >`, Address{"W", "sip:c@h", ""}},
		{`""<sip:c@h>;tag=1;`, Address{"", "sip:c@h", "tag=1;"}},
		{`sip:c@h;x="<y>"`, Address{"", "sip:c@h", `x="<y>"`}},
		{`<http://www.example.com/?a,b>`, Address{"", "http://www.example.com/?a,b", ""}},
		{`Bell, Alexander <sip:a@h>;tag=1`, Address{"Bell, Alexander", "sip:a@h", "tag=1"}},
		{`a "b" <sip:a@h>`, Address{`a "b"`, "sip:a@h", ""}},
		{`"J. "Jack" Smith"<sip:a@h>;x=";"`, Address{`J. "Jack" Smith`, "sip:a@h", `x=";"`}},
		{`"Smith" John <sip:a@h>`, Address{`"Smith" John`, "sip:a@h", ""}},
		{`<sip:+1 (425) 555-0100@h;user=phone>;tag=1`, Address{"", "sip:+1(425)555-0100@h;user=phone", "tag=1"}},
		{`<tel:0425 555;phone-context=us>`, Address{"", "tel:0425555;phone-context=us", ""}},
		{`O'Neil (Büro) <sip:c@h>`, Address{"O'Neil (Büro)", "sip:c@h", ""}},
	} {
		a, err := ParseAddress(c.in)
		if err != nil || a != c.want {
			t.Errorf("%s: %+v, %v", c.in, a, err)
			continue
		}
		if b, err := ParseAddress(a.String()); err != nil || b != a {
			t.Errorf("%s is written %s", c.in, a)
		}
	}
	for in, want := range map[string]error{
		"":                       errEmpty,
		`"Mr. J. User <sip:j@h>`: errQuote,
		`"J" sip:j@h`:            errURI,
		`"J"`:                    errURI,
		`a "b <sip:a@h>`:         errQuote,
		`"a" b" <sip:a@h>`:       errQuote,
		`"a" b;c <sip:a@h>`:      errURI,
		`<sip:a@h`:               errBracket,
		`<>`:                     errURI,
		`sip:a@h?Route=x`:        errNeeds,
		`sip:a@h,sip:b@h`:        errNeeds,
		`sip:a@h x`:              errURI,
		`<sip:a@h> x`:            errAfter,
		`<sip:a@h>;;;;`:          errParam,
		`<sip:a@h>;=x`:           errParam,
		`<sip:a@h>;x="y`:         errParam,
		";tag=1":                 errURI,
	} {
		if a, err := ParseAddress(in); err != want {
			t.Errorf("%s: %+v, %v; want %v", in, a, err, want)
		}
	}
}

func TestParams(t *testing.T) {
	p := Params(` Tag = abc ; flag;empty=;q="a;b\"c=\\";tag=second`)
	for name, want := range map[string]string{"tag": "abc", "TAG": "abc", "flag": "", "empty": "", "q": `a;b"c=\`} {
		if got, ok := p.Get(name); !ok || got != want {
			t.Errorf("%s is %q, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "ta", "b\"c", "abc"} {
		if p.Has(name) {
			t.Errorf("%q is found", name)
		}
	}
	var all []string
	for k, v := range p.All() {
		all = append(all, k+"="+v)
	}
	if want := []string{"Tag=abc", "flag=", "empty=", `q=a;b"c=\`, "tag=second"}; !slices.Equal(all, want) {
		t.Errorf("%q", all)
	}
	for k := range p.All() {
		if k != "Tag" {
			t.Error("iteration goes on after break")
		}
		break
	}
	if v, ok := Params(`;lr;x="open`).Get("lr"); !ok || v != "" {
		t.Error("a leading semicolon hides the first parameter")
	}
}

func TestRFC3261_7_3_1_Values(t *testing.T) {
	m := mustParse(t, request("m: \"a, b\" <sip:a,b@h;x=\">\n"+
		"Contact: <sip:c@h>;q=0.1,, <sip:d@h> , sip:e@h\n"+
		"Contact: \"x\\\", y\" <sip:f@h>\n"+
		"Date: Sat, 13 Nov 2010 23:29:00 GMT\n"+
		"WWW-Authenticate: Digest realm=\"a\", nonce=b\n"+
		"Require: A,\t b\n"+
		"Warning: 399 h \"open, 399 x\n", ""))
	for id, want := range map[ID][]string{
		IDContact:         {`"a, b" <sip:a,b@h;x=">`, "<sip:c@h>;q=0.1", "<sip:d@h>", "sip:e@h", `"x\", y" <sip:f@h>`},
		IDDate:            {"Sat, 13 Nov 2010 23:29:00 GMT"},
		IDWWWAuthenticate: {`Digest realm="a", nonce=b`},
		IDRequire:         {"A", "b"},
		IDWarning:         {`399 h "open, 399 x`},
		IDRoute:           nil,
	} {
		if got := slices.Collect(m.Values(id)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if !m.HasToken(IDRequire, "a") || !m.HasToken(IDRequire, "B") || m.HasToken(IDRequire, "c") || m.HasToken(IDSupported, "a") {
		t.Error("HasToken on Require")
	}
	m.Add(IDAllow, "INVITE, BYE")
	m.Add(IDAccept, "text/plain;q=0.1 , application/SDP ;level=1")
	if !m.HasToken(IDAllow, "BYE") || m.HasToken(IDAllow, "bye") || !m.HasToken(IDAccept, "application/sdp") {
		t.Error("HasToken on Allow and Accept")
	}
}

func TestGetters(t *testing.T) {
	m := mustParse(t, inviteText)
	seq, method, ok := m.CSeq()
	if seq != 20713 || method != "INVITE" || !ok {
		t.Error("CSeq", seq, method, ok)
	}
	if a := m.From(); a.Display != "Müller, Anna" || a.Tag() != "8f2a61b0" || m.ToTag() != "" {
		t.Errorf("%+v", a)
	}
	if c, ok := m.Contact(); !ok || c.URI != "sip:+493055501@192.0.2.10:5060;transport=udp" || c.Params != "" {
		t.Errorf("%+v", c)
	}
	if m.GetName("USER-agent") != "Example PBX 11.4" || m.GetName("f") != m.Get(IDFrom) || m.GetName("X-None") != "" {
		t.Error("GetName")
	}
	m.AddName("X-Own", "1")
	if m.GetName("x-own") != "1" || !m.Has(IDVia) || m.Has(IDRoute) || m.CallID() != "1b0c2f6a-4e6d-4d5e-9a3b-7c2f6d1a@192.0.2.10" {
		t.Error("lookups")
	}
	if ct, p := m.ContentType(); ct != "application/sdp" || p != "" {
		t.Error(ct, p)
	}
	m.Set(IDContentType, ` Text / Plain ; charset="utf-8"`)
	ct, p := m.ContentType()
	if cs, _ := p.Get("charset"); ct != "text/plain" || cs != "utf-8" {
		t.Error(ct, p)
	}
	empty := &Message{}
	if _, ok := empty.Contact(); ok || empty.From() != (Address{}) || empty.Get(IDTo) != "" {
		t.Error("an empty message has values")
	}
	empty.Add(IDContact, "*")
	if _, ok := empty.Contact(); ok {
		t.Error("* is taken for an address")
	}
}

func TestRFC3261_8_1_1_5_CSeqAndMaxForwards(t *testing.T) {
	for in, want := range map[string]uint32{"1 A": 1, "0009\tA": 9, "2147483647   A": 1<<31 - 1, "0 A": 0} {
		m := &Message{}
		m.Add(IDCSeq, in)
		if n, method, ok := m.CSeq(); !ok || n != want || method != "A" {
			t.Errorf("%q: %d %q %v", in, n, method, ok)
		}
	}
	for _, in := range []string{"", "1", "1 ", "A", "1A", "2147483648 A", "36893488147419103232 A", "-1 A", "1 A B", "1 (", " "} {
		m := &Message{}
		m.Add(IDCSeq, in)
		if n, method, ok := m.CSeq(); ok {
			t.Errorf("%q: %d %q", in, n, method)
		}
	}
	for in, want := range map[string]int{"0": 0, "0068": 68, "255": 255, "300": 255, "99999999999999999999999": 255, "": -1, "-1": -1, "7x": -1} {
		m := &Message{}
		m.Add(IDMaxForwards, in)
		if n, ok := m.MaxForwards(); ok != (want >= 0) || ok && n != want {
			t.Errorf("Max-Forwards %q: %d %v", in, n, ok)
		}
	}
}
