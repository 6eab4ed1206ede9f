package sip

import (
	"strings"
	"testing"
)

// TestRFC3261_8_1_1_Mandatory takes each header away and doubles it.
func TestRFC3261_8_1_1_Mandatory(t *testing.T) {
	for _, text := range []string{inviteText, responseText} {
		for _, id := range []ID{IDVia, IDFrom, IDTo, IDCallID, IDCSeq} {
			m := mustParse(t, text)
			value := m.Get(id)
			m.Del(id)
			if f := m.Validate(); f == nil || f.Status != 400 || f.Header != id.String() || f.Phrase != "Bad Request" || f.Why == "" {
				t.Errorf("%s is missing: %+v", id, f)
			}
			m.Add(id, value)
			if f := m.Validate(); f != nil {
				t.Errorf("%s is back: %+v", id, f)
			}
			if id == IDVia {
				continue
			}
			m.Add(id, value)
			if f := m.Validate(); f == nil || f.Header != id.String() {
				t.Errorf("%s stands twice: %+v", id, f)
			}
		}
	}
}

func TestValidateValues(t *testing.T) {
	for _, c := range []struct {
		id    ID
		value string
		ok    bool
	}{
		{IDVia, "SIP/2.0/UDP h, SIP/2.0/SCTP [::1]:5060;x", true},
		{IDVia, "SIP/2.0/UDP h,", false},
		{IDVia, "SIP/2.0/UDP h, SIP/2.0/UDP", false},
		{IDVia, "SIP/2.0/UDP h;branch=z9hG4bK", false},
		{IDVia, "", false},
		{IDFrom, "Anonymous <sip:anonymous@anonymous.invalid>;tag=1", true},
		{IDFrom, "<tel:+49301>;tag=1", true},
		{IDFrom, "<urn:service:sos>", true},
		{IDFrom, "<sip:a@h>;tag=", false},
		{IDFrom, "<sip:a b@h>;tag=1", true}, // nobody that we know
		{IDFrom, "<unknown>;tag=1", true},
		{IDFrom, "<sip:a@b@h>;tag=1", true},
		{IDFrom, "unknown h;tag=1", false},
		{IDFrom, "Smith, John <sip:a@h>;tag=1", true},
		{IDFrom, "\"J. \"Jack\" Smith\" <sip:a@h>;tag=1", true},
		{IDFrom, "\"J. \"Jack Smith\" <sip:a@h>;tag=1", false},
		{IDFrom, "<sip:+1 425 555 0100@h>;tag=1", true},
		{IDTo, "sip:a@h;tag=1", true},
		{IDTo, "<sip:a@h:0>", true},
		{IDTo, "\"x <sip:a@h>", false},
		{IDContact, "*", true},
		{IDContact, "<sip:a@h>, <sip:b@h>;q=1", true},
		{IDContact, "<sip:a@h>, <sip:b@>", false},
		{IDContact, "", true}, // an empty element is none
		{IDContact, "<sip:a@h>,", true},
		{IDContact, "sip:a@h;transport=udp", true},
		{IDRoute, "<sip:h;lr>,<sip:h2;lr>", true},
		{IDRoute, "sip:h,", true},
		{IDRoute, "", true},
		{IDRecordRoute, "<sip:h;lr>, ,<sip:i;lr>", true},
		{IDRecordRoute, "<sip:h;lr>", true},
		{IDRecordRoute, "<sip:h;lr", false},
		{IDCallID, "a b", false},
		{IDCallID, "", false},
		{IDCSeq, "20713 invite", false},
		{IDCSeq, "4294967296 INVITE", false},
		{IDMaxForwards, "0", true},
		{IDMaxForwards, "many", false},
		{IDMaxForwards, "", false},
		{IDContentType, "multipart/mixed;boundary=\"x y\"", true},
		{IDContentType, "sdp", false},
		{IDContentType, "a/b/c", false},
		{IDContentType, "", false},
		{IDDate, "Fri, 01 Jan 2010 16:00:00 EST", true},
		{IDExpires, "10000000000000000000000000", true},
	} {
		m := mustParse(t, inviteText)
		m.Set(c.id, c.value)
		f := m.Validate()
		if (f == nil) != c.ok || f != nil && (f.Status != 400 || f.Header != c.id.String()) {
			t.Errorf("%s: %q: %+v, want fine %v", c.id, c.value, f, c.ok)
		}
	}
}

// A header that stands twice and says the same leaves nothing open, unless it makes the transaction or dialog what it is.
func TestHeaderThatStandsTwice(t *testing.T) {
	for id, values := range map[ID][2]string{IDMaxForwards: {"70", "69"}, IDSessionExpires: {"1800", "1800;refresher=uas"}, IDContentType: {"application/sdp", "text/plain"}, IDReplaces: {"a;to-tag=b;from-tag=c", "d;to-tag=b;from-tag=c"}} {
		for i, second := range values {
			m := mustParse(t, inviteText)
			m.Set(id, values[0])
			m.Add(id, second)
			if f := m.Validate(); (f != nil) != (i == 1) {
				t.Errorf("%s: %s and %s: %+v", id, values[0], second, f)
			}
		}
	}
}

func TestRFC3261_8_1_3_3_ResponseVia(t *testing.T) {
	for via, ok := range map[string]bool{"SIP/2.0/UDP a, SIP/2.0/UDP b": false, "SIP/2.0/UDP a": true} {
		m := mustParse(t, responseText)
		m.Set(IDVia, via)
		if f := m.Validate(); (f == nil) != ok {
			t.Errorf("%s: %+v", via, f)
		}
	}
}

func TestRFC4475_3_1_2_18_UnknownMethod(t *testing.T) {
	for method, want := range map[string]int{"INVITE": 0, "BYE": 400, "NEWMETHOD": 501, "invite": 501} {
		m := mustParse(t, strings.Replace(inviteText, "INVITE", method, 1))
		f := m.Validate()
		if (f == nil) != (want == 0) || f != nil && f.Status != want {
			t.Errorf("%s: %+v, want %d", method, f, want)
		}
	}
}

// TestInviteWithoutContact: the URI in From, where our requests would go, has to be one then.
func TestInviteWithoutContact(t *testing.T) {
	for _, c := range []struct {
		from, contact string
		ok            bool
	}{
		{"Smith, J <sip:John Smith@pbx>;tag=1", "", false},
		{"<sip:john@pbx>;tag=1", "", true},
		{"<tel:+14255550100>;tag=1", "", true},
		{"Smith, J <sip:John Smith@pbx>;tag=1", "Contact: <sip:pbx>\r\n", true},
	} {
		m, err := Parse([]byte("INVITE sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: "+c.from+"\r\nTo: <sip:x@h>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"+c.contact+"\r\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if f := m.Validate(); (f == nil) != c.ok {
			t.Errorf("From %s %q: %+v", c.from, c.contact, f)
		}
	}
}
