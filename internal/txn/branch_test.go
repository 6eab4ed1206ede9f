package txn

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// elsewhere is the last message in out as it goes to the n-th next address.
func elsewhere(t *testing.T, out *Out, n int) *sip.Message {
	t.Helper()
	s := out.Sends[len(out.Sends)-1]
	m, err := sip.Parse(Numbered(s.Data, s.Branch, n), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A request at the next address is another transaction on the wire and the same one to us (RFC 3263 §4.3).
func TestRFC3263_4_3_Branch(t *testing.T) {
	var out Out
	var c Client
	req := request("BYE")
	c.Start(at(0), req, udp, nil, &out)
	first, second := elsewhere(t, &out, 0), elsewhere(t, &out, 2)
	same(t, "Via of the first", rawVia(first), rawVia(req))
	same(t, "Via of the third", rawVia(second), strings.Replace(rawVia(req), "77a", "77a.2", 1))
	same(t, "number", Number(second.Append(nil), "z9hG4bK77a"), 2)
	same(t, "number of the first", Number(first.Append(nil), "z9hG4bK77a"), 0)
	for via, want := range map[string]bool{"77a": true, "77a.2": true, "77a.0": false, "77a.22": false, "77a.x": false, "77a2": false, "77": false, "77a.": false} {
		r := response(request("BYE", "77a", via), 200)
		same(t, "answer to branch "+via, c.Matches(r), want)
	}
	same(t, "taken", c.Receive(at(1), response(second, 200), &out), true)
}

// The ACK to a refusal is for who has refused: it has that branch (RFC 3261 §17.1.1.3).
func TestRFC3263_4_3_ACK(t *testing.T) {
	for n, want := range []string{"z9hG4bK77a", "z9hG4bK77a.1"} {
		var out Out
		var c InviteClient
		c.Start(at(0), request("INVITE"), udp, nil, &out)
		r := response(elsewhere(t, &out, n), 486)
		same(t, "matches", c.Matches(r), true)
		same(t, "up", c.Receive(at(1), r, &out), true)
		ack := elsewhere(t, &out, 0)
		same(t, "method", ack.Method, "ACK")
		v, _ := ack.TopVia()
		same(t, "branch of the ACK", v.Branch(), want)
		same(t, "number of the ACK", Number(ack.Append(nil), c.Branch()), n)
	}
}
