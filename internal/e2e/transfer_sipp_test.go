package e2e

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// dialog waits until SIPp, as the caller of one call, has its answer, and returns the dialog as directsip has it: for a Replaces header (RFC 3891 §6.1).
func (s *sipp) dialog() string {
	s.t.Helper()
	var answer string
	until(s.t, "SIPp "+s.scenario+" has its answer", func() bool {
		b, _ := os.ReadFile(s.messages)
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		i, j := strings.Index(text, "SIP/2.0 200 OK"), strings.LastIndex(text, "\nACK sip:")
		if i < 0 || j < i {
			return s.over()
		}
		answer = text[i:j]
		return true
	})
	value := func(pattern string) string {
		m := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(answer)
		if m == nil {
			s.t.Fatalf("SIPp %s has no %s in\n%s", s.scenario, pattern, answer)
		}
		return strings.TrimSpace(m[1])
	}
	return fmt.Sprintf("%s;to-tag=%s;from-tag=%s", value(`^Call-ID:(.*)$`), value(`^To:.*;tag=(.*)$`), value(`^From:.*;tag=(.*)$`))
}

// NEW-03, SIG-10, RFC 3515, RFC 5589 §6: SIPp transfers blindly and follows the NOTIFYs; who stays is told the new party's media.
func TestNEW_03BlindTransferBySIPp(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport, "acceptRefer: true", "forwardCallHistory: true"))
		stays := l.sipp(peer{scenario: "uas-moved", n: 3, tcp: tcp})
		target := l.sipp(peer{scenario: "uas-bye", n: 2, tcp: tcp, expect: "Referred-By"})
		by := l.sipp(peer{scenario: "uac-refer", n: 2, port: 5070, tcp: tcp, args: []string{"-key", "refer_to", "<sip:+493055550100@" + l.ip(1) + ">"}})
		together(by, target, stays)
		r := s.record()
		checkRecord(t, r, "normal-clearing", 200, "caller")
		if len(r.Transfers) != 1 || r.Transfers[0].How != "invite" || r.Transfers[0].Status != 200 || r.Transfers[0].By != "caller" {
			t.Errorf("transfers %+v", r.Transfers)
		}
	})
}

// NEW-03, RFC 5589 §7: SIPp joins the two calls that it has made by REFER with Replaces.
func TestNEW_03AttendedTransferBySIPp(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport, "acceptRefer: true"), "--shards", "4")
		first := l.sipp(peer{scenario: "uas-moved", n: 3, tcp: tcp})
		second := l.sipp(peer{scenario: "uas-moved-leaves", n: 2, tcp: tcp})
		consult := l.sipp(peer{scenario: "uac-hears-bye", n: 2, port: 5071, tcp: tcp, number: "+493055550100"})
		to := fmt.Sprintf("<sip:+493055550100@%s?Replaces=%s>", l.ip(1), url.QueryEscape(consult.dialog()))
		by := l.sipp(peer{scenario: "uac-refer", n: 2, port: 5070, tcp: tcp, args: []string{"-key", "refer_to", to}})
		together(by, consult, first, second)
		reasons := map[string]int{}
		for _, r := range s.records(2) {
			reasons[r.Reason]++
			if len(r.Transfers) != 1 || r.Transfers[0].How != "join" || r.Transfers[0].Status != 200 {
				t.Errorf("transfers %+v", r.Transfers)
			}
		}
		if reasons["transferred"] != 1 || reasons["normal-clearing"] != 1 {
			t.Errorf("the records say %v", reasons)
		}
	})
}

// DR-17, RFC 3891: SIPp takes the place of another SIPp's dialog.
func TestDR_17ReplacesBySIPp(t *testing.T) {
	transports(t, func(t *testing.T, l *lab, transport string, tcp bool) {
		s := l.serve(l.document(transport), "--shards", "4")
		callee := l.sipp(peer{scenario: "uas-moved", n: 3, tcp: tcp})
		first := l.sipp(peer{scenario: "uac-hears-bye", n: 2, port: 5070, tcp: tcp})
		second := l.sipp(peer{scenario: "uac-replaces", n: 2, port: 5071, tcp: tcp, args: []string{"-key", "replaces", first.dialog()}})
		together(second, first, callee)
		r := s.record()
		checkRecord(t, r, "normal-clearing", 200, "caller")
		if len(r.Transfers) != 1 || r.Transfers[0].How != "replaces" || r.Transfers[0].Status != 200 {
			t.Errorf("transfers %+v", r.Transfers)
		}
	})
}
