package ua_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// RFC 3261 §16.7 item 5, §13.2.2.4: a proxy that has refused our INVITE passes on the 2xx of a telephone that answers after all. It is acknowledged and hung up once, by whichever
// transport it comes, for as long as one may come, and is never joined to a call that is over.
func TestRFC3261_16_7_2xxBehindARefusal(t *testing.T) {
	for name, row := range map[string]struct {
		by     sip.Transport
		invite []byte
		after  time.Duration
	}{
		"at once":          {sip.UDP, request("INVITE", "1", "i1", "call", "from", "", bodies[0]), 0},
		"late":             {sip.UDP, request("INVITE", "1", "i1", "call", "from", "", bodies[0]), 31 * time.Second},
		"by TCP":           {sip.TCP, request("INVITE", "1", "i1", "call", "from", "", bodies[0]), 0},
		"by TCP, late":     {sip.TCP, request("INVITE", "1", "i1", "call", "from", "", bodies[0]), 31 * time.Second},
		"without an offer": {sip.UDP, request("INVITE", "1", "i1", "call", "from", "", ""), 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if row.by == sip.TCP {
				r = rigOf(t, strings.Replace(document, "198.51.100.2, root: {transport: UDP}", "198.51.100.2, root: {transport: TCP}", 1))
				r.pstn.Transport = sip.TCP
			}
			r.in(r.uc, row.invite)
			inv, _ := r.told("INVITE")
			r.in(r.pstn, response("486 Busy Here", inv, "proxy", ""))
			refusal, _ := r.told("SIP/2.0 486")
			r.in(r.uc, request("ACK", "1", "i1", "call", "from", tagOf(header(refusal, "To")), ""))
			r.pass(row.after)
			late := response("200 OK", inv, "telephone", bodies[1])
			r.out.Reset()
			r.in(r.pstn, late)
			r.sent("ACK", "BYE")
			ack, bye := r.out.Sends[0].Data, r.out.Sends[1].Data
			for _, m := range [][]byte{ack, bye} {
				if tagOf(header(m, "To")) != "telephone" {
					t.Errorf("who answered is not told:\n%s", m)
				}
			}
			if offered := !bytes.Contains(inv, []byte("m=audio")); offered != bytes.Contains(ack, []byte("m=audio")) {
				t.Errorf("the ACK is\n%s", ack)
			}
			r.in(r.pstn, response("200 OK", bye, "", ""))
			r.out.Reset()
			r.in(r.pstn, late)
			r.sent("ACK")
			if r.pass(2 * time.Minute); r.core.Held() != 0 {
				t.Errorf("%d calls are in memory", r.core.Held())
			}
			r.out.Reset()
			if r.in(r.pstn, late); len(r.out.Sends) > 0 || r.core.Live() != 0 {
				t.Errorf("after that %s", r.lines())
			}
		})
	}
}

// Telephones of a proxy that has refused the call cannot make us keep more than a few of them, nor keep them for long.
func TestRFC3261_16_7_ManyBehindARefusal(t *testing.T) {
	r := newRig(t)
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	inv, _ := r.told("INVITE")
	r.in(r.pstn, response("603 Decline", inv, "proxy", ""))
	refusal, _ := r.told("SIP/2.0 603")
	r.in(r.uc, request("ACK", "1", "i1", "call", "from", tagOf(header(refusal, "To")), ""))
	r.out.Reset()
	for i := range 100 {
		r.in(r.pstn, response("200 OK", inv, fmt.Sprint("telephone", i), bodies[1]))
	}
	if n := len(r.out.Sends); n == 0 || n > 40 {
		t.Errorf("%d messages go out", n)
	}
	if r.pass(2 * time.Minute); r.core.Held() != 0 {
		t.Errorf("%d calls are in memory", r.core.Held())
	}
}

// While the next target rings the caller is connected with who has picked up behind the one that was refused, and the other one is cancelled.
func TestRFC3261_16_7_WhileTheNextRings(t *testing.T) {
	r := rigOf(t, strings.NewReplacer("  pstn: {kind: gateway", "  next: {kind: gateway, host: 198.51.100.3, root: {transport: UDP}}\n  pstn: {kind: gateway",
		"trunks: [pstn]", "trunks: [pstn, next], selection: ordered").Replace(document))
	r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", bodies[0]))
	first, _ := r.told("INVITE")
	r.out.Reset()
	r.in(r.pstn, response("503 Service Unavailable", first, "proxy", ""))
	second := r.first("INVITE")
	next := r.pstn
	next.Remote = netip.MustParseAddrPort("198.51.100.3:5060")
	r.in(next, response("180 Ringing", second, "next", ""))
	r.out.Reset()
	r.in(r.pstn, response("200 OK", first, "telephone", bodies[1]))
	if ack := r.first("ACK"); ack == nil || header(ack, "Call-ID") != header(first, "Call-ID") {
		t.Errorf("acknowledged is\n%s", r.lines())
	}
	if cancel := r.first("CANCEL"); cancel == nil || header(cancel, "Call-ID") != header(second, "Call-ID") {
		t.Errorf("cancelled is\n%s", r.lines())
	}
	if ok := r.first("SIP/2.0 200"); ok == nil || r.core.Calls()[0].Out.CallID != header(first, "Call-ID") {
		t.Errorf("the caller is told\n%s", r.lines())
	}
}
