package ua_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// RFC 3261 §8.2: what is said to a request that belongs to no call. A method of dialogs finds none, whatever its To says; Allow is that of the trunk;
// and Unsupported names what is not supported, nothing else.
func TestRequestsOutsideOfCalls(t *testing.T) {
	r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:uc": {reliableProvisional: off, `, 1))
	for i, row := range []struct {
		method, more string
		want         []string
	}{
		{"BYE", "", []string{"SIP/2.0 481"}},
		{"PRACK", "RAck: 1 1 INVITE\r\n", []string{"SIP/2.0 481"}},
		{"UPDATE", "", []string{"SIP/2.0 481"}},
		{"INFO", "", []string{"SIP/2.0 481"}},
		{"NOTIFY", "Event: refer\r\n", []string{"SIP/2.0 481"}},
		{"MESSAGE", "", []string{"SIP/2.0 405", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY\r\n"}},
		{"NONSENSE", "", []string{"SIP/2.0 501", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY\r\n"}},
		{"OPTIONS", "Require: timer, path\r\nRequire: gruu\r\n", []string{"SIP/2.0 420", "Unsupported: path\r\nUnsupported: gruu\r\n"}},
	} {
		r.out.Reset()
		id := fmt.Sprint("o", i)
		r.in(r.uc, bytes.Replace(request(row.method, "1", id, id, "from", "", ""), []byte("Max-Forwards"), []byte(row.more+"Max-Forwards"), 1))
		r.sent("SIP/2.0 ")
		for _, want := range row.want {
			if got := string(r.out.Sends[0].Data); !strings.Contains(got, want) || strings.Contains(got, "Unsupported: timer") {
				t.Errorf("%s: no %q in\n%s", row.method, want, got)
			}
		}
	}
	for _, method := range []string{"B", "INF", "NOT"} { // with which methods begin that are allowed
		r.out.Reset()
		r.in(r.pstn, request(method, "1", method, method, "from", "", ""))
		if got := string(r.out.Sends[0].Data); !strings.Contains(got, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, ") || !strings.Contains(got, "INFO, ") || !strings.Contains(got, "NOTIFY, PRACK\r\n") {
			t.Errorf("%s: %s", method, got)
		}
	}
	r.out.Reset()
	r.in(r.pstn, request("MESSAGE", "1", "m", "m", "from", "", ""))
	if got := string(r.out.Sends[0].Data); !strings.Contains(got, "NOTIFY, PRACK\r\n") {
		t.Error(got)
	}
}

// RFC 3261 §21.4.6: what is refused in a call with 405 does not stand in its Allow.
func TestRFC3261_21_4_6Allow(t *testing.T) {
	r := newRig(t)
	caller, _ := r.acknowledged()
	for _, method := range []string{"INFO", "MESSAGE", "NOTIFY"} {
		caller.says(method, "")
		if got := string(r.last()); !strings.HasPrefix(got, "SIP/2.0 405") || !strings.Contains(got, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, ") || strings.Contains(header([]byte(got), "Allow"), method) {
			t.Errorf("%s: %s", method, got)
		}
	}
}

// RFC 3261 §11.2: OPTIONS in a call is told the same as outside of it.
func TestRFC3261_11_2InCall(t *testing.T) {
	r := newRig(t)
	_, callee := r.acknowledged()
	callee.says("OPTIONS", "")
	in := r.last()
	r.out.Reset()
	r.in(r.pstn, request("OPTIONS", "1", "o", "o", "from", "", ""))
	for _, name := range []string{"Allow", "Accept", "Supported"} {
		if got, want := header(in, name), header(r.last(), name); got != want || got == "" {
			t.Errorf("%s: %q, outside of the call %q", name, got, want)
		}
	}
}
