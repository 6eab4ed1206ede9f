package identity

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
)

const (
	fromBob    = `From: "Bob" <sip:+12065550123@192.0.2.11;user=phone>;tag=t`
	fromNobody = `From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=t`
	pai        = `P-Asserted-Identity: "Robert" <sip:+12065550199@198.51.100.1;user=phone>`
)

// TRK-16, SIG-14, SIG-03, NEW-16: settings one by one, with a caller whose peer vouches for another number than From has.
func TestTRK16SIG14NEW16Settings(t *testing.T) {
	for _, c := range []struct{ name, in, out, want string }{
		{"defaults", "", "", fromBob},
		{"only the source is trusted", "forwardPAI: true", "", fromBob},
		{"only the target is trusted", "", "forwardPAI: true", fromBob},
		{"forwardPAI", "forwardPAI: true", "forwardPAI: true",
			fromBob + "\n" + `P-Asserted-Identity: "Robert" <sip:+12065550199@192.0.2.11;user=phone>`},
		{"identityHeaders rpid", "forwardPAI: true", "forwardPAI: true, identityHeaders: rpid",
			fromBob + "\n" + `Remote-Party-ID: "Robert" <sip:+12065550199@192.0.2.11;user=phone>;party=calling;screen=yes;privacy=off`},
		{"identityHeaders both", "forwardPAI: true", "forwardPAI: true, identityHeaders: both",
			fromBob + "\n" + `P-Asserted-Identity: "Robert" <sip:+12065550199@192.0.2.11;user=phone>` +
				"\n" + `Remote-Party-ID: "Robert" <sip:+12065550199@192.0.2.11;user=phone>;party=calling;screen=yes;privacy=off`},
		{"identityHeaders none", "forwardPAI: true", "forwardPAI: true, identityHeaders: none", fromBob},
		{"callerForm anonymous", "forwardPAI: true", "forwardPAI: true, callerForm: anonymous", fromNobody + "\nPrivacy: id"},
		{"callerForm pai-only", "forwardPAI: true", "forwardPAI: true, callerForm: pai-only",
			fromNobody + "\n" + `P-Asserted-Identity: "Robert" <sip:+12065550199@192.0.2.11;user=phone>`},
		{"callerForm pai-only, nobody vouches", "", "forwardPAI: true, callerForm: pai-only",
			fromNobody + "\n" + `P-Asserted-Identity: "Bob" <sip:+12065550123@192.0.2.11;user=phone>`},
		{"displayName", "forwardPAI: true", "forwardPAI: true, displayName: false",
			`From: <sip:+12065550123@192.0.2.11;user=phone>;tag=t` + "\n" + `P-Asserted-Identity: <sip:+12065550199@192.0.2.11;user=phone>`},
		{"fromDomain", "forwardPAI: true", "forwardPAI: true, fromDomain: sip.example.com",
			`From: "Bob" <sip:+12065550123@sip.example.com;user=phone>;tag=t` + "\n" + `P-Asserted-Identity: "Robert" <sip:+12065550199@sip.example.com;user=phone>`},
		{"userPhone", "forwardPAI: true", "forwardPAI: true, userPhone: false",
			`From: "Bob" <sip:+12065550123@192.0.2.11>;tag=t` + "\n" + `P-Asserted-Identity: "Robert" <sip:+12065550199@192.0.2.11>`},
		{"removePlusFromUri", "forwardPAI: true", "forwardPAI: true, removePlusFromUri: true",
			`From: "Bob" <sip:12065550123@192.0.2.11;user=phone>;tag=t` + "\n" + `P-Asserted-Identity: "Robert" <sip:12065550199@192.0.2.11;user=phone>`},
		{"callingRules and phoneContext", "forwardPAI: true", `forwardPAI: true, phoneContext: us, callingRules: [{pattern: '^\+1(\d+)$', translation: $1}]`,
			`From: "Bob" <sip:2065550123;phone-context=us@192.0.2.11;user=phone>;tag=t` + "\n" +
				`P-Asserted-Identity: "Robert" <sip:2065550199;phone-context=us@192.0.2.11;user=phone>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "pbx", c.in, "sbc", c.out)
			r.sends(t, invite(t, pai), c.want)
		})
	}
}

// SIG-14: what identities look like.
func TestSIG14Values(t *testing.T) {
	r := newRig(t, "pbx", "forwardPAI: true", "sbc", "forwardPAI: true")
	rpid := func(params string) string { return "Remote-Party-ID: <sip:+12065550199@198.51.100.1>" + params }
	const value = "P-Asserted-Identity: <sip:+12065550199@192.0.2.11;user=phone>"
	for _, c := range []struct {
		name    string
		headers []string
		want    []string
	}{
		{"SIP and TEL in one line", []string{`P-Asserted-Identity: "R, B" <sip:+12065550199@x>, <tel:+1-206-555-0199>`},
			[]string{fromBob, `P-Asserted-Identity: "R, B" <sip:+12065550199@192.0.2.11;user=phone>`, "P-Asserted-Identity: <tel:+12065550199>"}},
		{"TEL before SIP in two lines", []string{"P-Asserted-Identity: tel:+12065550199", "p-asserted-identity: sip:+12065550199@x"},
			[]string{fromBob, value, "P-Asserted-Identity: <tel:+12065550199>"}},
		{"a name, and TEL beside it", []string{`P-Asserted-Identity: "R" <sip:rob@x>`, "P-Asserted-Identity: <tel:+12065550199>"},
			[]string{fromBob, `P-Asserted-Identity: "R" <sip:+12065550199@192.0.2.11;user=phone>`, "P-Asserted-Identity: <tel:+12065550199>"}},
		{"nobody", []string{"P-Asserted-Identity: <sip:anonymous@anonymous.invalid>"}, []string{fromBob}},
		{"TEL only", []string{"P-Asserted-Identity: <tel:+12065550199>"}, []string{fromBob, value, "P-Asserted-Identity: <tel:+12065550199>"}},
		{"unreadable values are passed over", []string{"P-Asserted-Identity: <sip:>, <mailto:x@y>, <sip:+12065550199@x>"}, []string{fromBob, value}},
		{"a wish of a trusted peer", []string{"P-Preferred-Identity: <sip:+12065550199@x>"}, []string{fromBob, value}},
		{"assertion before wish", []string{"P-Preferred-Identity: <sip:+12065550111@x>", "P-Asserted-Identity: <sip:+12065550199@x>"}, []string{fromBob, value}},
		{"Remote-Party-ID", []string{rpid("")}, []string{fromBob, value}},
		{"Remote-Party-ID, screened", []string{rpid(";party=calling;screen=yes;privacy=off")}, []string{fromBob, value}},
		{"Remote-Party-ID, not screened", []string{rpid(";party=calling;screen=no")}, []string{fromBob}},
		{"Remote-Party-ID of the called party", []string{rpid(";party=called")}, []string{fromBob}},
		{"Remote-Party-ID, private", []string{rpid(";privacy=full")}, []string{fromNobody, value, "Privacy: id"}},
		{"no number in From", []string{"From: <sip:bob@198.51.100.1>;tag=1", "P-Asserted-Identity: <sip:+12065550199@x>"},
			[]string{"From: <sip:+12065550199@192.0.2.11;user=phone>;tag=t", value}},
		{"TEL in From", []string{"From: <tel:+12065550123>;tag=1"}, []string{"From: <sip:+12065550123@192.0.2.11;user=phone>;tag=t"}},
		{"extension", []string{"From: <sip:+12065550123;ext=7@x;user=phone>;tag=1", "P-Asserted-Identity: <tel:+12065550199;ext=8>"},
			[]string{"From: <sip:+12065550123@192.0.2.11;user=phone>;tag=t", value, "P-Asserted-Identity: <tel:+12065550199>"}},
		{"a name in ISO 8859-1", []string{"From: \"J\xfcrgen Gro\xdf\" <sip:+12065550123@x>;tag=1"},
			[]string{`From: "Jürgen Groß" <sip:+12065550123@192.0.2.11;user=phone>;tag=t`}},
		{"a name of which nothing can be shown", []string{"From: \"\x81\t\" <sip:+12065550123@x>;tag=1"}, []string{"From: <sip:+12065550123@192.0.2.11;user=phone>;tag=t"}},
		{"a name that would break out", []string{`From: "x\" <sip:evil@e>;tag=9" <sip:+12065550123@x>;tag=1`},
			[]string{`From: "x\" <sip:evil@e>;tag=9" <sip:+12065550123@192.0.2.11;user=phone>;tag=t`}},
	} {
		t.Run(c.name, func(t *testing.T) { r.sends(t, invite(t, c.headers...), c.want...) })
	}
}

// RTE-35: a PBX or UC platform knows extensions.
func TestRTE35ExtensionTowardPBX(t *testing.T) {
	r := newRig(t, "uc", "forwardPAI: true", "pbx", "forwardPAI: true")
	r.sends(t, invite(t, "From: <sip:+12065550123;ext=7@x;user=phone>;tag=1", "P-Asserted-Identity: <tel:+12065550123;ext=7>"),
		"From: <sip:+12065550123;ext=7@192.0.2.11;user=phone>;tag=t", "P-Asserted-Identity: <sip:+12065550123;ext=7@192.0.2.11;user=phone>",
		"P-Asserted-Identity: <tel:+12065550123;ext=7>")
}

// SIG-14: a user is vouched for by the address of the platform, and known to others by the number.
func TestSIG14UserByAddress(t *testing.T) {
	r := newRig(t, "uc", "forwardPAI: true", "sbc", "forwardPAI: true")
	r.user = "+14255550101"
	r.sends(t, invite(t, `From: "Alice" <sip:alice@example.com>;tag=1`, `P-Asserted-Identity: "Alice A" <sip:alice@example.com>, <tel:+14255550101>`),
		`From: "Alice" <sip:+14255550101@192.0.2.11;user=phone>;tag=t`, `P-Asserted-Identity: "Alice A" <sip:+14255550101@192.0.2.11;user=phone>`,
		"P-Asserted-Identity: <tel:+14255550101>")
}

// SIG-15, TRK-27, RFC 3323, RFC 3325: a caller who is not to be shown, in every form of saying so.
func TestSIG15TRK27Privacy(t *testing.T) {
	const asserted = `P-Asserted-Identity: "Robert" <sip:+12065550199@192.0.2.11;user=phone>`
	trusted, keeps := "forwardPAI: true", "forwardPAI: true, forwardAnonymousCallGatewayPAI: true"
	for _, c := range []struct {
		name, inKind, in, outKind, out string
		headers, want                  []string
	}{
		{"id, toward a peer that is not trusted", "pbx", trusted, "sbc", "", []string{pai, "Privacy: id"}, []string{fromNobody, "Privacy: id"}},
		{"id, toward a trusted peer", "pbx", trusted, "sbc", trusted, []string{pai, "Privacy: id"}, []string{fromNobody, asserted, "Privacy: id"}},
		{"user", "pbx", trusted, "sbc", trusted, []string{pai, "Privacy: user"}, []string{fromNobody, asserted, "Privacy: id"}},
		{"header", "pbx", trusted, "sbc", trusted, []string{pai, "Privacy: header"}, []string{fromNobody, asserted, "Privacy: id"}},
		{"session is done here and hides nobody", "pbx", trusted, "sbc", trusted, []string{pai, "Privacy: session"}, []string{fromBob, asserted}},
		{"several, with critical", "pbx", trusted, "sbc", trusted, []string{pai, "Privacy: id ; user;critical"}, []string{fromNobody, asserted, "Privacy: id;critical"}},
		{"with commas, in odd case", "pbx", trusted, "sbc", "", []string{"PRIVACY: User, ID"}, []string{fromNobody, "Privacy: id"}},
		{"none", "pbx", trusted, "sbc", trusted, []string{pai, "Privacy: none"}, []string{fromBob, asserted, "Privacy: none"}},
		{"none does not undo an anonymous From", "pbx", trusted, "sbc", "",
			[]string{"From: <sip:anonymous@anonymous.invalid>;tag=1", "Privacy: none"}, []string{fromNobody, "Privacy: id"}},
		{"anonymous From and nothing more", "pbx", "", "sbc", trusted, []string{"From: <sip:anonymous@198.51.100.1;user=phone>;tag=1"}, []string{fromNobody, "Privacy: id"}},
		{"any user at anonymous.invalid", "pbx", "", "sbc", "", []string{"From: <sip:c8oqz84zk7z@privacy.anonymous.invalid>;tag=1"}, []string{fromNobody, "Privacy: id"}},
		{"nobody known", "pbx", "", "sbc", "", []string{"From: <sip:unavailable@unknown.invalid>;tag=1"}, []string{fromNobody, "Privacy: id"}},
		{"a host that ends so", "pbx", "", "sbc", "", []string{"From: <sip:bob@theunknown.invalid>;tag=1"}, []string{"From: <sip:bob@192.0.2.11>;tag=t"}},
		{"anonymous From with assertion", "pbx", trusted, "sbc", trusted, []string{`From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=1`, pai},
			[]string{fromNobody, asserted, "Privacy: id"}},
		{"anonymous From with assertion that nobody trusts", "pbx", "", "sbc", trusted, []string{"From: <sip:anonymous@anonymous.invalid>;tag=1", pai},
			[]string{fromNobody, "Privacy: id"}},
		{"from network to network", "gateway", trusted, "sbc", trusted, []string{pai, "Privacy: id"}, []string{fromNobody, "Privacy: id"}},
		{"from network to network with TRK-27", "gateway", trusted, "sbc", keeps, []string{pai, "Privacy: id"}, []string{fromNobody, asserted, "Privacy: id"}},
		{"from network to PBX", "gateway", trusted, "pbx", trusted, []string{pai, "Privacy: id"}, []string{fromNobody, asserted, "Privacy: id"}},
		{"passed on by a user", "uc", trusted, "sbc", trusted, []string{pai, "Privacy: id", "Diversion: <sip:+14255550100@x>"}, []string{fromNobody, "Privacy: id"}},
		{"passed on by a user with TRK-27", "uc", trusted, "sbc", keeps, []string{pai, "Privacy: id", "Diversion: <sip:+14255550100@x>"},
			[]string{fromNobody, asserted, "Privacy: id"}},
		{"passed on, but not hidden", "uc", trusted, "sbc", trusted, []string{pai, "Diversion: <sip:+14255550100@x>"},
			[]string{fromBob, asserted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			newRig(t, c.inKind, c.in, c.outKind, c.out).sends(t, invite(t, c.headers...), c.want...)
		})
	}
}

// RTE-13: a route that hides or replaces the caller leaves nothing of the caller's own.
func TestRTE13Suppress(t *testing.T) {
	r := newRig(t, "pbx", "forwardPAI: true, forwardCallHistory: true", "sbc", "forwardPAI: true, identityHeaders: both, forwardCallHistory: true")
	m := invite(t, pai, "Privacy: user;history", "Diversion: <sip:+12065550123@x>", "Referred-By: <sip:+12065550123@x>")
	compare(t, r.send(m, true, ""), []string{fromNobody, "Privacy: id"})
	compare(t, r.send(m, true, "+14255550000"), []string{"From: <sip:+14255550000@192.0.2.11;user=phone>;tag=t",
		"P-Asserted-Identity: <sip:+14255550000@192.0.2.11;user=phone>", "Remote-Party-ID: <sip:+14255550000@192.0.2.11;user=phone>;party=calling;screen=yes;privacy=off"})
}

// RFC 3323 §5: "critical" asks for a refusal where something cannot be had.
func TestRFC3323_5Critical(t *testing.T) {
	for value, want := range map[string][2]bool{ // grantable with relayed and with bypassed media
		"id;critical": {true, true}, "user;header;session;critical": {true, false}, "telepathy;critical": {false, false}, "critical": {true, true}, "history;critical": {true, true},
	} {
		p := ReadPrivacy(invite(t, "Privacy: "+value))
		if got := [2]bool{p.Grantable(false), p.Grantable(true)}; got != want || !p.Has(PrivacyCritical) {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
}

// TRK-28: who answered, by trust.
func TestTRK28Connected(t *testing.T) {
	const sent = `P-Asserted-Identity: "Carol" <sip:+12065550155@192.0.2.11;user=phone>`
	for _, c := range []struct{ name, outKind, in, out, header, want string }{
		{"both trusted, a PBX answers", "pbx", "forwardPAI: true", "forwardPAI: true", `P-Asserted-Identity: "Carol" <sip:+12065550155@gw>`, sent},
		{"both trusted, a gateway answers", "gateway", "forwardPAI: true", "forwardPAI: true", `P-Asserted-Identity: "Carol" <sip:+12065550155@gw>`, ""},
		{"a gateway is believed", "gateway", "forwardPAI: true", "forwardPAI: true, acceptGatewayPAIForOutboundCalls: true", `P-Asserted-Identity: "Carol" <sip:+12065550155@gw>`, sent},
		{"the caller's trunk is not trusted", "gateway", "", "forwardPAI: true, acceptGatewayPAIForOutboundCalls: true", `P-Asserted-Identity: "Carol" <sip:+12065550155@gw>`, ""},
		{"the answering trunk is not trusted", "pbx", "forwardPAI: true", "", `P-Asserted-Identity: "Carol" <sip:+12065550155@gw>`, ""},
		{"Remote-Party-ID of the called party", "pbx", "forwardPAI: true", "forwardPAI: true", `Remote-Party-ID: "Carol" <sip:+12065550155@gw>;party=called`, sent},
		{"Remote-Party-ID of the calling party", "pbx", "forwardPAI: true", "forwardPAI: true", `Remote-Party-ID: "Carol" <sip:+12065550155@gw>;party=calling`, ""},
		{"private", "pbx", "forwardPAI: true", "forwardPAI: true", `Remote-Party-ID: "Carol" <sip:+12065550155@gw>;party=called;privacy=full`, sent + "\nPrivacy: id"},
		{"told as Remote-Party-ID", "pbx", "forwardPAI: true, identityHeaders: rpid", "forwardPAI: true", `P-Asserted-Identity: <sip:+12065550155@gw>`,
			"Remote-Party-ID: <sip:+12065550155@192.0.2.11;user=phone>;party=called;screen=yes;privacy=off"},
		{"told nothing", "pbx", "forwardPAI: true, identityHeaders: none", "forwardPAI: true", `P-Asserted-Identity: <sip:+12065550155@gw>`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "uc", c.in, c.outKind, c.out)
			said := sip.NewResponse(invite(t), 200, "")
			name, value := cut(c.header)
			said.AddName(name, value)
			told := &sip.Message{Status: 200}
			Connected(told, said, r.out, r.in, "192.0.2.11", routing.Carry)
			var got []string
			for i := range told.Headers {
				got = append(got, told.Headers[i].Name+": "+told.Headers[i].Value)
			}
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			compare(t, got, want)
		})
	}
}

// A call that says nothing beside From costs the text of the new From and no more.
func TestOrdinaryCallAllocatesItsFromOnly(t *testing.T) {
	r := newRig(t, "pbx", "forwardPAI: true, forwardCallHistory: true", "sbc", "forwardPAI: true, forwardCallHistory: true")
	m := invite(t, "From: <sip:+12065550123@192.0.2.11;user=phone>;tag=1")
	to := sip.NewRequest("INVITE", target)
	if n := testing.AllocsPerRun(100, func() {
		o := Outgoing{In: r.in, Out: r.out, Host: "192.0.2.11", Invite: m, Carry: routing.Carry, Calling: "+12065550123"}
		o.Read()
		o.From("t")
		o.Write(to, target)
		if Redirections(m) > 0 || ReadPrivacy(m) > 0 {
			t.Fatal()
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// RFC 3323 §4.1: what may name the caller is held back for a hidden caller and for one whom the route hides or replaces, each by itself.
func TestConcealedCaller(t *testing.T) {
	r := newRig(t, "pbx", "", "sbc", "")
	for _, row := range []struct {
		header, calling string
		suppress, want  bool
	}{{"Subject: x", "+12065550123", false, false}, {"Privacy: id", "+12065550123", false, true}, {"Subject: x", anonymous, false, true}, {"Subject: x", "", false, true},
		{"Subject: x", "+12065550100", true, true}} {
		o := Outgoing{In: r.in, Out: r.out, Calling: row.calling, Suppress: row.suppress, Invite: invite(t, row.header), Carry: routing.Carry}
		if o.Read(); o.Concealed() != row.want {
			t.Errorf("%+v: concealed %v", row, !row.want)
		}
	}
}

// A display name is cut to what a telephone can show, between characters.
func TestLongDisplayName(t *testing.T) {
	for display, want := range map[string]int{strings.Repeat("a", maxDisplay): maxDisplay, strings.Repeat("a", maxDisplay+1): maxDisplay, strings.Repeat("a", maxDisplay-1) + "ü": maxDisplay - 1,
		strings.Repeat("ü", 100): maxDisplay} {
		if got := clean(display); len(got) != want || !utf8.ValidString(got) {
			t.Errorf("%.20s… of %d octets: %d", display, len(display), len(got))
		}
	}
}
