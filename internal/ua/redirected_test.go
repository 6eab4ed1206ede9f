package ua_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// RFC 5806 §4, RFC 7044 §9: who sends a call elsewhere by 3xx stands in Diversion and History-Info of the INVITE that goes there, behind those who had passed it on
// before. A provider that is called by nobody's number refuses the call, or bills it wrongly.
func TestRFC5806_4_RedirectedByOur3xx(t *testing.T) {
	const (
		first  = "<sip:+14255550100@192.0.2.10;user=phone>;reason=unconditional;counter=1;privacy=off"
		second = "<sip:+14255550177@192.0.2.10;user=phone>;reason=deflection;counter=1;privacy=off"
		before = "<sip:+14255550111@192.0.2.10;user=phone>;reason=user-busy;counter=2;privacy=off"
	)
	for name, row := range map[string]struct {
		uc, pstn      string
		invite, moved []string
		want, history string
	}{
		"trusted": {"", "forwardCallHistory: true", nil, nil, first,
			"<sip:+14255550100@192.0.2.10;user=phone>;index=1, <sip:+14255550177@198.51.100.2;user=phone;cause=302>;index=1.1;mp=1"},
		"not trusted":                  {"forwardCallHistory: true", "", []string{"Diversion: <sip:+14255550111@x>"}, nil, "", ""},
		"behind one who is believed":   {"forwardCallHistory: true", "forwardCallHistory: true", []string{"Diversion: <sip:+14255550111@x>;reason=user-busy;counter=2"}, nil, first + "\n" + before, ""},
		"behind one who is not":        {"", "forwardCallHistory: true", []string{"Diversion: <sip:+14255550111@x>;reason=user-busy;counter=2"}, nil, first, ""},
		"who says more itself":         {"", "forwardCallHistory: true", nil, []string{"Diversion: \"Bob\" <sip:4255550122@x>;reason=no-answer;privacy=full"}, "<sip:+14255550122@192.0.2.10;user=phone>;reason=no-answer;counter=1;privacy=full", ""},
		"who must not be shown":        {"", "forwardCallHistory: true", nil, []string{"Privacy: history"}, strings.Replace(first, "privacy=off", "privacy=full", 1), ""},
		"where the caller is replaced": {"", "forwardCallHistory: true", nil, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			doc := strings.NewReplacer(`"trunk:uc": {`, `"trunk:pstn": {options: false, redirect: follow, callHistoryForm: both`+comma(row.pstn)+"}\n  \"trunk:uc\": {"+strings.TrimPrefix(comma(row.uc)+", ", ", ")).Replace(document)
			replaced := name == "where the caller is replaced"
			if replaced {
				doc = strings.Replace(doc, "trunks: [pstn]}", "trunks: [pstn], suppressCallerID: true, alternateCallerID: '+14255550000'}", 1)
			}
			r := rigOf(t, doc)
			r.in(r.uc, with(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), row.invite...))
			r.sent("INVITE")
			ours := r.last()
			r.out.Reset()
			r.in(r.pstn, moved(ours, "302 Moved Temporarily", "+14255550177", row.moved...))
			r.sent("ACK", "SIP/2.0 181", "INVITE")
			ours = r.last()
			if got := values(ours, "Diversion"); got != row.want {
				t.Errorf("Diversion:\n%s\nwant\n%s", got, row.want)
			}
			if got := values(ours, "History-Info"); row.history != "" && got != row.history || (got == "") != (row.want == "") {
				t.Errorf("History-Info: %s\nwant %s", got, row.history)
			}
			if name != "trusted" {
				return
			}
			r.in(r.pstn, response("180 Ringing", ours, "to", ""))
			r.out.Reset()
			r.in(r.pstn, moved(ours, "302 Moved Temporarily", "+14255550188"))
			if got := values(r.last(), "Diversion"); got != second+"\n"+first {
				t.Errorf("Diversion of the second:\n%s", got)
			}
		})
	}
}

// RFC 3261 §8.1.3.4: the target of a transfer that has its calls sent elsewhere is reached there as by any other call, if the referrer may call there; what is to replace a dialog is not
// sent elsewhere.
func TestRFC3261_8_1_3_4_TransferToWhoForwards(t *testing.T) {
	for name, row := range map[string]struct {
		to, elsewhere, follow string
		want                  bool
	}{
		"followed":             {"<sip:+14255550123@example.com>", "+14255550177", "follow", true},
		"not followed":         {"<sip:+14255550123@example.com>", "+14255550177", "off", false},
		"in a circle":          {"<sip:+14255550123@example.com>", "+14255550123", "follow", false},
		"not for the referrer": {"<sip:+14255550123@example.com>", "+99255550177", "follow", false},
		"with Replaces":        {"<sip:+14255550123@198.51.100.1?Replaces=far%3Bto-tag%3D1%3Bfrom-tag%3D2>", "+14255550177", "follow", false},
	} {
		t.Run(name, func(t *testing.T) {
			doc := strings.NewReplacer(`"trunk:uc": {`, `"trunk:pstn": {options: false, enable3pccRefer: true, forwardCallHistory: true, callHistoryForm: diversion, redirect: `+row.follow+"}\n  "+
				`"trunk:uc": {acceptRefer: true, `+map[string]string{"follow": "redirect: follow, redirectHosts: [198.51.100.2], "}[row.follow], `pattern: '^\+'`, `pattern: '^\+1'`).Replace(document)
			r := rigOf(t, doc)
			caller, callee := r.acknowledged()
			caller.says("REFER", "", "Refer-To: "+row.to, "Refer-Sub: false")
			target := r.pstn
			if name == "with Replaces" { // of a dialog that no call here has
				target = r.uc
				r.core.Seat(r.now, r.out.Passages[0], &r.out)
				r.core.Returned(r.now, r.out.Returns[0], &r.out)
			}
			inv := r.first("INVITE")
			r.out.Reset()
			r.in(target, moved(inv, "302 Moved Temporarily", row.elsewhere))
			next := r.first("INVITE")
			if (next != nil) != row.want {
				t.Fatalf("sent\n%s", r.lines())
			}
			if !row.want {
				return
			}
			if want := "INVITE sip:" + row.elsewhere + "@"; !bytes.HasPrefix(next, []byte(want)) || !strings.Contains(values(next, "Diversion"), "+14255550123@") {
				t.Errorf("sent\n%s", next)
			}
			r.out.Reset()
			r.in(r.pstn, response("200 OK", next, "to2", bodies[1]))
			ask := r.first("INVITE") // who stays is told
			if header(ask, "Call-ID") != callee.callID {
				t.Fatalf("sent\n%s", r.lines())
			}
			callee.answers("200 OK", ask, bodies[1])
			r.sent("ACK", "BYE")
			if m := r.last(); header(m, "Call-ID") != caller.callID {
				t.Errorf("hung up is\n%s", m)
			}
		})
	}
}

// TestRedirectedAgainInATransfer: a call that has come to who has answered by as many redirections as there may be is transferred to somebody who forwards all the same.
func TestRedirectedAgainInATransfer(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, enable3pccRefer: true, redirect: follow}`+"\n  "+`"trunk:uc": {acceptRefer: true, `, 1))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	for i := range 6 {
		inv := r.first("INVITE")
		r.out.Reset()
		if i == 5 {
			r.in(r.pstn, response("200 OK", inv, "to", bodies[1]))
			break
		}
		r.in(r.pstn, moved(inv, "302 Moved Temporarily", "+1425555017"+string(rune('0'+i))))
	}
	ok := r.first("SIP/2.0 200")
	caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
	caller.ack(1)
	caller.says("REFER", "", "Refer-To: <sip:+14255550123@example.com>", "Refer-Sub: false")
	inv := r.first("INVITE")
	r.out.Reset()
	r.in(r.pstn, moved(inv, "302 Moved Temporarily", "+14255550188"))
	if next := r.first("INVITE"); !bytes.HasPrefix(next, []byte("INVITE sip:+14255550188@")) {
		t.Errorf("who forwards is not followed:\n%s", r.lines())
	}
}

func comma(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

// moved is a 3xx that names a number at the same gateway.
func moved(req []byte, status, number string, lines ...string) []byte {
	m := response(status, req, "to", "")
	m = bytes.Replace(m, []byte("Contact: <sip:198.51.100.2:5060>"), []byte("Contact: <sip:"+number+"@198.51.100.2>"), 1)
	return with(m, lines...)
}

// values are those of all headers of a name, one a line.
func values(m []byte, name string) string {
	lines := slices.DeleteFunc(strings.Split(string(m), "\r\n"), func(l string) bool { return !strings.HasPrefix(l, name+": ") })
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], name+": ")
	}
	return strings.Join(lines, "\n")
}

// RFC 4694: what a gateway says of the portability of a number goes on to the next one, and so does what a server says by a 3xx that was asked for it, which is no circle
// although the number is the same.
func TestRFC4694PortedNumber(t *testing.T) {
	const number, ported = "+14255550100", "+14255550100;npdi;rn=+12065550000"
	doc := strings.NewReplacer("kind: uc", "kind: gateway", `"trunk:uc": {`, `"trunk:pstn": {options: false, redirect: follow, numberParameters: [npdi, rn]}`+"\n  \"trunk:uc\": {numberParameters: [npdi, rn], ").Replace(document)
	for name, row := range map[string]struct{ arrives, moved string }{
		"from the caller":   {ported, ""},
		"from a redirector": {number, ported},
	} {
		r := rigOf(t, doc)
		r.in(r.uc, bytes.Replace(request("INVITE", "1", "i1", "call", "from", "", bodies[0]), []byte("INVITE sip:"+number), []byte("INVITE sip:"+row.arrives), 1))
		r.sent("INVITE")
		if row.moved != "" {
			ours := r.last()
			r.out.Reset()
			r.in(r.pstn, moved(ours, "302 Moved Temporarily", row.moved))
			r.sent("ACK", "SIP/2.0 181", "INVITE")
			ours = r.last()
			if want := []byte("INVITE sip:" + ported + "@198.51.100.2;user=phone SIP/2.0\r\n"); !bytes.HasPrefix(ours, want) {
				t.Errorf("%s: %.100s", name, ours)
			}
			r.out.Reset()
			r.in(r.pstn, moved(ours, "302 Moved Temporarily", row.moved)) // which is one
			r.sent("ACK", "SIP/2.0 503")
			continue
		}
		if want := []byte("INVITE sip:" + ported + "@198.51.100.2;user=phone SIP/2.0\r\n"); !bytes.HasPrefix(r.last(), want) {
			t.Errorf("%s: %.100s", name, r.last())
		}
	}
}
