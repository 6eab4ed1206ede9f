package txn

import (
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// An INVITE client from the request to its 200 and the end of timer M.
func BenchmarkInviteClient(b *testing.B) {
	req := request("INVITE")
	ringing, ok := response(req, 180), response(req, 200)
	var c InviteClient
	var out Out
	b.ReportAllocs()
	for b.Loop() {
		c.Start(epoch, req, udp, nil, &out)
		if !c.Matches(ringing) || !c.Receive(at(50), ringing, &out) || !c.Receive(at(100), ok, &out) {
			b.Fatal("not up")
		}
		c.Advance(at(40000), &out)
		out.Sends = out.Sends[:0]
	}
}

// The same, refused: the ACK is built from the bytes of the INVITE.
func BenchmarkInviteClientRefused(b *testing.B) {
	req := request("INVITE")
	busy := response(req, 486)
	var c InviteClient
	var out Out
	b.ReportAllocs()
	for b.Loop() {
		c.Start(epoch, req, udp, nil, &out)
		c.Receive(at(100), busy, &out)
		c.Advance(at(40000), &out)
		out.Sends = out.Sends[:0]
	}
}

// An INVITE server with three responses, its serialising included.
func BenchmarkInviteServer(b *testing.B) {
	req := request("INVITE")
	trying, ringing, ok := response(req, 100), response(req, 180), response(req, 200)
	var s InviteServer
	var out Out
	b.ReportAllocs()
	for b.Loop() {
		s.Start(epoch, req, udp, nil)
		s.Respond(epoch, trying, &out)
		s.Respond(at(50), ringing, &out)
		s.Respond(at(100), ok, &out)
		s.Advance(at(40000), &out)
		out.Sends = out.Sends[:0]
	}
}

// A repeated request, absorbed.
func BenchmarkServerRepetition(b *testing.B) {
	req := request("BYE")
	var s Server
	var out Out
	s.Start(epoch, req, udp, nil)
	s.Respond(epoch, response(req, 200), &out)
	b.ReportAllocs()
	for b.Loop() {
		out.Sends = out.Sends[:0]
		if !s.Matches(req) || s.Receive(at(1), req, &out) {
			b.Fatal("not absorbed")
		}
	}
}

// A BYE from request to 200, both machines.
func BenchmarkNonInvitePair(b *testing.B) {
	req := request("BYE")
	ok := response(req, 200)
	var c Client
	var s Server
	var out Out
	hop := sip.Hop{Transport: sip.TCP, Remote: udp.Remote}
	b.ReportAllocs()
	for b.Loop() {
		c.Start(epoch, req, hop, nil, &out)
		s.Start(epoch, req, hop, nil)
		s.Respond(epoch, ok, &out)
		if !c.Matches(ok) || !c.Receive(at(1), ok, &out) {
			b.Fatal("not up")
		}
		out.Sends = out.Sends[:0]
	}
}
