package ua_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// RFC 3261 §8.1.3: an answer whose Contact cannot be read is one all the same, and what follows it goes where the INVITE went.
func TestContactThatCannotBeRead(t *testing.T) {
	for _, contact := range []string{"<sip:bob@[fe80::1%25eth0]:5060>", "<sip:bob@>", "", "<sip:a b@198.51.100.2>"} {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		data := response("200 OK", inv, "to", bodies[1])
		r.in(r.pstn, bytes.Replace(data, []byte("Contact: "+header(data, "Contact")), []byte("Contact: "+contact), 1))
		r.told("SIP/2.0 200 OK")
		for _, s := range r.out.Sends {
			uri, isACK := strings.CutPrefix(string(s.Data), "ACK ")
			if uri, _, _ = strings.Cut(uri, " SIP/2.0\r\n"); isACK && (s.Hop.Remote != netip.MustParseAddrPort("198.51.100.2:5060") || s.Hop.Host != "" || !strings.Contains(header(inv, "To"), "<"+uri+">")) {
				t.Errorf("Contact %q: ACK to %s goes to %s %s", contact, uri, s.Hop.Host, s.Hop.Remote)
			}
		}
		r.told("ACK ")
	}
}

// RFC 3261 §12.2.1.1: the Contact of a peer says where requests of the dialog go, but not into this host, to a link, to a private address of a peer in the
// Internet or to no host at all: what leads there goes where the peer was met.
func TestContactThatLeadsNowhere(t *testing.T) {
	known := func(host string) string {
		return strings.Replace(document, "host: "+host+",", "host: "+host+", addresses: [10.9.9.9],", 1)
	}
	for host, want := range map[string]string{
		"198.51.100.7:5070": "198.51.100.7:5070",
		"10.1.2.3":          "", // behind NAT
		"192.168.1.2:5070":  "",
		"[fd00::1]":         "",
		"10.9.9.9":          "10.9.9.9:5060", // which the gateway has
		"127.0.0.1":         "",
		"127.0.0.1:5070":    "",
		"0.0.0.0":           "",
		"169.254.1.1:5060":  "",
		"224.0.0.1":         "",
		"[::1]":             "",
		"[fe80::1]":         "",
	} {
		contact := func(data []byte) []byte {
			return bytes.Replace(data, []byte("Contact: "+header(data, "Contact")), []byte("Contact: <sip:"+host+">"), 1)
		}
		to := func(r *rig, method, met string) {
			t.Helper()
			if want != "" {
				met = want
			}
			last := r.out.Sends[len(r.out.Sends)-1]
			for _, s := range r.out.Sends {
				if strings.HasPrefix(string(s.Data), method+" ") {
					last = s
				}
			}
			if last.Hop.Remote != netip.MustParseAddrPort(met) || last.Hop.Host != "" {
				t.Errorf("%s of a peer at %s goes to %s %s, want %s", method, host, last.Hop.Host, last.Hop.Remote, met)
			}
		}
		r := rigOf(t, known("198.51.100.2"))
		r.in(r.uc, request("INVITE", "1", "i", "call", "from", "", bodies[0]))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, contact(response("200 OK", inv, "to", bodies[1])))
		to(r, "ACK", "198.51.100.2:5060")

		r = rigOf(t, known("198.51.100.1"))
		r.in(r.uc, contact(request("INVITE", "1", "i", "call", "from", "", bodies[0])))
		inv, _ = r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200 OK")
		r.in(r.uc, contact(request("ACK", "1", "ack", "call", "from", tagOf(header(ok, "To")), "")))
		r.in(r.pstn, fromCallee(inv, "BYE"))
		to(r, "BYE", "198.51.100.1:5060")
	}
}

// A private Contact of a peer that was met at another private address may be behind a NAT between the two networks, or another host of the peer. Over UDP it is tried
// first, as a name would be, and where the peer was met comes next (TestDatagramsOfADialogGoOnToTheNextAddress).
func TestContactBehindANATOfPrivateNetworks(t *testing.T) {
	const met = "10.1.0.9:33060"
	doc := strings.Replace(document, "host: 198.51.100.1,", "host: 10.1.0.9, addresses: [10.1.0.10],", 1)
	from := ucSource
	from.Remote = netip.MustParseAddrPort(met)
	for host, want := range map[string]struct {
		remote, host string
		port         uint16
	}{
		"192.168.5.5":      {met, "192.168.5.5", 5060},
		"192.168.5.5:5070": {met, "192.168.5.5", 5070},
		"10.1.0.9":         {"10.1.0.9:5060", "", 0},
		"10.1.0.10:5062":   {"10.1.0.10:5062", "", 0}, // which the gateway has
		"198.51.100.7":     {"198.51.100.7:5060", "", 0},
	} {
		r := rigOf(t, doc)
		contact := func(data []byte) []byte {
			return bytes.Replace(data, []byte("Contact: "+header(data, "Contact")), []byte("Contact: <sip:"+host+">"), 1)
		}
		r.in(from, contact(request("INVITE", "1", "i", "call", "from", "", bodies[0])))
		inv, _ := r.told("INVITE")
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200 OK")
		r.in(from, contact(request("ACK", "1", "ack", "call", "from", tagOf(header(ok, "To")), "")))
		r.in(r.pstn, fromCallee(inv, "BYE"))
		for _, s := range r.out.Sends {
			if !strings.HasPrefix(string(s.Data), "BYE ") {
				continue
			}
			if s.Hop.Remote.String() != want.remote || s.Hop.Host != want.host || s.Hop.Port != want.port {
				t.Errorf("BYE of a peer at %s goes to %q:%d %s, want %v", host, s.Hop.Host, s.Hop.Port, s.Hop.Remote, want)
			}
		}
		r.told("BYE ")
	}
}

// RFC 4475 §3.1.2.15, RFC 3261 §8.2: a caller whose name, number or Contact is not written as it should be is called by what can be read of it, and is somebody where nothing can.
func TestCallersThatWriteAsTheyLike(t *testing.T) {
	for name, row := range map[string]struct{ header, value, from, to string }{
		"comma":            {"From", "Smith, John <sip:+14255550199@198.51.100.1>;tag=from", `"Smith, John" <sip:+14255550199@192.0.2.10;user=phone>`, `"Smith, John" <sip:+14255550199@198.51.100.1>`},
		"quotes in quotes": {"From", `"J. "Jack" Smith" <sip:+14255550199@198.51.100.1>;tag=from`, `"J. \"Jack\" Smith" <sip:+14255550199@192.0.2.10;user=phone>`, `"J. \"Jack\" Smith" <sip:+14255550199@198.51.100.1>`},
		"as on paper":      {"From", "<sip:+1 (425) 555-0199@198.51.100.1>;tag=from", "<sip:+14255550199@192.0.2.10;user=phone>", "<sip:+1 (425) 555-0199@198.51.100.1>"},
		"no URI":           {"From", "<unknown>;tag=from", `"Anonymous" <sip:anonymous@anonymous.invalid>`, "<unknown>"},
		"no Contact":       {"Contact", "", `"Alice" <sip:+14255550199@192.0.2.10;user=phone>`, `"Alice" <sip:+14255550199@198.51.100.1;user=phone>`},
	} {
		r := newRig(t)
		write := func(data []byte) []byte {
			return bytes.Replace(data, []byte("\r\n"+row.header+": "+header(data, row.header)), []byte("\r\n"+row.header+": "+row.value), 1)
		}
		r.in(r.uc, write(request("INVITE", "1", "i", "call", "from", "", bodies[0])))
		inv, _ := r.told("INVITE")
		if from, _, _ := strings.Cut(header(inv, "From"), ";tag="); from != row.from {
			t.Errorf("%s: called by %s, want %s", name, from, row.from)
		}
		r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
		ok, _ := r.told("SIP/2.0 200 OK")
		r.in(r.uc, write(request("ACK", "1", "ack", "call", "from", tagOf(header(ok, "To")), "")))
		r.in(r.pstn, fromCallee(inv, "BYE"))
		bye, _ := r.told("BYE ")
		if to := header(bye, "To"); to != row.to+";tag=from" {
			t.Errorf("%s: BYE to %s, want %s", name, to, row.to)
		}
		if last := r.out.Sends[len(r.out.Sends)-1].Hop.Remote; last != ucSource.Remote {
			t.Errorf("%s: BYE goes to %s", name, last)
		}
	}
}

// A caller behind a NAT that has forgotten it, and gives its messages another port, is reached there from its next request in the dialog on. One that is where its Contact says stays there.
func TestCallerWhoseNATForgetsIt(t *testing.T) {
	for host, want := range map[string]string{"10.1.2.3:5060": "198.51.100.1:44000", "198.51.100.1:5062": "198.51.100.1:5062", "198.51.100.7:5060": "198.51.100.7:5060"} {
		for _, method := range []string{"INVITE", "INFO"} {
			r := newRig(t)
			contact := func(data []byte) []byte {
				data = bytes.Replace(data, []byte("Contact: "+header(data, "Contact")), []byte("Contact: <sip:"+host+">"), 1)
				return bytes.Replace(data, []byte("UDP 198.51.100.1:5060"), []byte("UDP "+host), 1)
			}
			from := ucSource
			from.Remote = netip.MustParseAddrPort("198.51.100.1:33000")
			r.in(from, contact(request("INVITE", "1", "i", "call", "from", "", bodies[0])))
			inv, _ := r.told("INVITE")
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
			ok, _ := r.told("SIP/2.0 200 OK")
			tag := tagOf(header(ok, "To"))
			r.in(from, contact(request("ACK", "1", "ack", "call", "from", tag, "")))
			from.Remote = netip.MustParseAddrPort("198.51.100.1:44000")
			body := ""
			if method == "INVITE" {
				body = bodies[0]
			}
			r.in(from, contact(request(method, "2", "again", "call", "from", tag, body)))
			r.in(r.pstn, fromCallee(inv, "BYE"))
			for _, s := range r.out.Sends {
				if strings.HasPrefix(string(s.Data), "BYE ") && s.Hop.Remote.String() != want {
					t.Errorf("%s of a caller at %s: BYE goes to %s, want %s", method, host, s.Hop.Remote, want)
				}
			}
			r.told("BYE ")
		}
	}
}
