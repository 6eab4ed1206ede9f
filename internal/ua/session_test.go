package ua_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// RFC 7989 §5, §7: the UUID of each end passes to the other one, in requests and responses, and a caller that has none gets one, which nobody else has. What says something else than a UUID
// passes nowhere. RFC 7989 §11: a peer of RFC 7329 has one for both, and is answered with that.
func TestRFC7989(t *testing.T) {
	const theirs, his, none = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2", "00000000000000000000000000000000"
	for name, row := range map[string]struct {
		invite, ok        string // what caller and callee say
		caller, callee    string // who they are then; "": one is made
		toCaller, ringing string // what the caller is told
	}{
		"both":                {theirs + ";remote=" + none, his + ";remote=" + theirs, theirs, his, his + ";remote=" + theirs, none + ";remote=" + theirs},
		"the caller alone":    {theirs + ";remote=" + none, "", theirs, none, none + ";remote=" + theirs, none + ";remote=" + theirs},
		"the callee alone":    {"", his + ";remote=x", "", his, his + ";remote=CALLER", none + ";remote=CALLER"},
		"neither":             {"", "", "", none, none + ";remote=CALLER", none + ";remote=CALLER"},
		"a caller of 7329":    {theirs, his + ";remote=" + theirs, theirs, his, theirs, theirs},
		"a callee of 7329":    {theirs + ";remote=" + none, theirs, theirs, none, none + ";remote=" + theirs, none + ";remote=" + theirs},
		"no UUID":             {"alice@198.51.100.1", "gw7.inside.example.com", "", none, none + ";remote=CALLER", none + ";remote=CALLER"},
		"the one of nobody":   {none + ";remote=" + none, "", "", none, none + ";remote=CALLER", none + ";remote=CALLER"},
		"an address in a row": {"198.51.100.1.198.51.100.1.198.51", "", "", none, none + ";remote=CALLER", none + ";remote=CALLER"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			with := func(m []byte, value string) []byte {
				if value == "" {
					return m
				}
				return bytes.Replace(m, []byte("\r\nCSeq:"), []byte("\r\nSession-ID: "+value+"\r\nCSeq:"), 1)
			}
			r.in(r.uc, with(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), row.invite))
			inv, _ := r.told("INVITE")
			caller, _, _ := strings.Cut(header(inv, "Session-ID"), ";")
			if row.caller != "" && caller != row.caller || row.caller == "" && (!regexp.MustCompile("^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$").MatchString(caller) || strings.Contains(row.invite, caller)) {
				t.Fatalf("the caller is %s", caller)
			}
			want := func(what string, m []byte, value string) {
				t.Helper()
				if value = strings.ReplaceAll(value, "CALLER", caller); header(m, "Session-ID") != value || bytes.Count(m, []byte("Session-ID:")) != 1 {
					t.Errorf("%s: want %s in\n%s", what, value, m)
				}
			}
			want("INVITE", inv, caller+";remote="+none)
			r.in(r.pstn, response("180 Ringing", inv, "to", ""))
			ringing, _ := r.told("SIP/2.0 180")
			want("180", ringing, row.ringing)
			r.in(r.pstn, with(response("200 OK", inv, "to", bodies[1]), row.ok))
			ok, _ := r.told("SIP/2.0 200")
			want("200", ok, row.toCaller)
			ours := tagOf(header(ok, "To"))
			r.in(r.uc, request("ACK", "1", "a1", "call", "from", ours, ""))
			for _, found := range r.core.Calls() {
				callee := row.callee
				if callee == none {
					callee = ""
				}
				if found.In.Session != caller || found.Out == nil || found.Out.Session != callee {
					t.Errorf("recorded are %+v and %+v", found.In, found.Out)
				}
			}
			r.out.Reset()
			r.in(r.uc, request("BYE", "2", "b1", "call", "from", ours, ""))
			bye, _ := r.told("BYE")
			want("BYE", bye, caller+";remote="+row.callee)
		})
	}
}

// Each call without a Session-ID gets another one.
func TestRFC7989Unique(t *testing.T) {
	r := newRig(t)
	seen := make(map[string]bool)
	for i := range 50 {
		r.out.Reset()
		r.in(r.uc, request("INVITE", "1", "i"+string(rune('A'+i)), "call"+string(rune('A'+i)), "from", "", bodies[0]))
		seen[header(r.first("INVITE"), "Session-ID")] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d of 50", len(seen))
	}
}

// RFC 3261 §18.1.1: no INVITE goes by TCP for the sake of its Session-ID: those that would be too large with it are without.
func TestRFC7989LeavesUDP(t *testing.T) {
	var with, without, tcp int
	for n := 0; n < 800; n += 20 {
		r := newRig(t)
		r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]+"a=x:"+strings.Repeat("x", n)+"\r\n"))
		has := bytes.Contains(r.first("INVITE"), []byte("Session-ID:"))
		switch by := r.out.Sends[0].Hop.Transport; {
		case by == sip.TCP && has:
			tcp++
		case by == sip.UDP && has && without+tcp == 0:
			with++
		case by == sip.UDP && !has && tcp == 0:
			without++
		default:
			t.Fatalf("after %d of UDP with it, %d without and %d of TCP one by %v: %v", with, without, tcp, by, has)
		}
	}
	if with == 0 || without < 4 || tcp == 0 {
		t.Errorf("%d go by UDP with it, %d without, and %d by TCP", with, without, tcp)
	}
}

// A call that passes two servers has one Session-ID at both, by which its records are found together.
func TestRFC7989TwoServers(t *testing.T) {
	one, two := newRig(t), newRig(t)
	one.in(one.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	two.in(two.uc, one.first("INVITE"))
	a, b := one.core.Calls(), two.core.Calls()
	if len(a) != 1 || len(b) != 1 || a[0].In.Session == "" || a[0].In.Session != b[0].In.Session || a[0].In.CallID == b[0].In.CallID {
		t.Errorf("%+v and %+v", a, b)
	}
}

// A peer that cannot bear the header is told it in nothing, where a rule of its trunk removes it from INVITEs.
func TestRFC7989Removed(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {headerRules: {out: [{remove: Session-ID}]}}`+"\n  "+`"trunk:uc": {`, 1))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv, _ := r.told("INVITE")
	r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
	ok, _ := r.told("SIP/2.0 200")
	r.in(r.uc, request("ACK", "1", "a1", "call", "from", tagOf(header(ok, "To")), ""))
	r.in(r.uc, request("BYE", "2", "b1", "call", "from", tagOf(header(ok, "To")), ""))
	bye, _ := r.told("BYE")
	if header(ok, "Session-ID") == "" || bytes.Contains(inv, []byte("Session-ID:")) || bytes.Contains(bye, []byte("Session-ID:")) {
		t.Errorf("the caller is told\n%sand the callee\n%s%s", ok, inv, bye)
	}
}
