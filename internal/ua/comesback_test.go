package ua_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/ua"
)

// TestLegComesBack: a leg that a call of another shard has refused is found by what its peer sends, also when that call is over.
func TestLegComesBack(t *testing.T) {
	s := newShards(t)
	one, two := s.call(0), s.call(1)
	inv := request("INVITE", "1", "third", "2-third", "tag", "", bodies[0])
	inv = bytes.Replace(inv, []byte("Max-Forwards"), []byte("Replaces: "+one.a+";to-tag="+one.ourA+";from-tag="+one.tagA+"\r\nMax-Forwards"), 1)
	ok := s.pick(s.agree(s.in(s.uc, inv)), "SIP/2.0 200 OK")
	ours := tagOf(header(ok, "To"))
	s.agree(s.in(s.uc, request("ACK", "1", "ack", "2-third", "tag", ours, "")))

	list := s.in(s.pstn, s.fromCallee(&one, "REFER", "Refer-To: <sip:+14255550100@198.51.100.2?Replaces="+two.b+"%3Bto-tag%3D"+two.ourB+"%3Bfrom-tag%3D"+two.tagB+">"))
	s.pick(list, "SIP/2.0 202")
	s.agree(s.in(s.uc, response("488 Not Acceptable Here", s.pick(list, "INVITE"), "", "")))
	s.agree(s.in(s.uc, request("BYE", "2", "bye", two.a, two.tagA, two.ourA, "")))
	s.now = s.now.Add(time.Minute)
	s.do(1, func(c *ua.Core, out *ua.Out) { c.Advance(s.now, out) })
	if s.cores[1].Held() != 0 {
		t.Fatal("the other call is still there")
	}
	s.pick(s.in(s.uc, request("BYE", "2", "bye", "2-third", "tag", ours, "")), "SIP/2.0 200")
}
