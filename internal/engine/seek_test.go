package engine

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// seeking is a shard whose peers give a name with some addresses.
type seeking struct {
	t    *testing.T
	s    shard
	hops []resolve.Addr
	out  txn.Out
}

func newSeeking(t *testing.T, at ...string) *seeking {
	k := &seeking{t: t, s: shard{e: &Engine{}}}
	for _, a := range at {
		k.hops = append(k.hops, resolve.Addr{AddrPort: netip.MustParseAddrPort(a), Transport: sip.UDP})
	}
	return k
}

var named = sip.Hop{Transport: sip.UDP, Remote: netip.MustParseAddrPort("192.0.2.9:5060"), Host: "peer.test"}

func (k *seeking) request(method string) *sip.Message {
	m := sip.NewRequest(method, "sip:peer.test")
	m.Add(sip.IDVia, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKaaaaaaaaaaaaaaaa;rport")
	m.Add(sip.IDFrom, "<sip:a@192.0.2.1>;tag=1")
	m.Add(sip.IDTo, "<sip:b@peer.test>;tag=2")
	m.Add(sip.IDCallID, "c")
	m.Add(sip.IDCSeq, "1 "+method)
	return m
}

// sent is what leaves: method, last number of the address, and what stands behind the branch.
func (k *seeking) sent(now time.Time) (list string, last *sip.Message) {
	for i := range k.out.Sends {
		s := &k.out.Sends[i]
		k.s.aim(now, s, k.hops)
		m, err := sip.Parse(s.Data, nil)
		if err != nil {
			k.t.Fatal(err)
		}
		v, _ := m.TopVia()
		list += fmt.Sprintf("%s %d%s, ", m.Method, s.Hop.Remote.Addr().As4()[3], strings.TrimPrefix(v.Branch(), "z9hG4bKaaaaaaaaaaaaaaaa"))
		last = m
	}
	k.out.Sends = k.out.Sends[:0]
	return list, last
}

func (k *seeking) want(now time.Time, want string) *sip.Message {
	k.t.Helper()
	got, last := k.sent(now)
	if got != want {
		k.t.Errorf("sent %q, want %q", got, want)
	}
	return last
}

// Who does not answer is left for the next address of its name, and the request is another transaction there (RFC 3263 §4.3). With none left it goes where the
// dialog was set up. The answer of each is one.
func TestRFC3263_4_3_NextAddress(t *testing.T) {
	k := newSeeking(t, "192.0.2.3:5060", "192.0.2.4:5060")
	now := time.Now()
	var c txn.Client
	c.Start(now, k.request("BYE"), named, nil, &k.out)
	first := k.want(now, "BYE 3, ")
	var got string
	var last *sip.Message
	for k.s.aimed[c.Branch()].now < 2 {
		at, _ := c.Deadline()
		if c.Advance(at, &k.out) != txn.None {
			t.Fatalf("given up after %s", got)
		}
		list, m := k.sent(at)
		got, last = got+list, m
	}
	if want := "BYE 3, BYE 3, BYE 4.1, BYE 9.2, "; got != want {
		t.Errorf("repeated %q, want %q", got, want)
	}
	for _, m := range []*sip.Message{first, last} {
		if !c.Matches(sip.NewResponse(m, 200, "")) {
			t.Errorf("the answer to %s is not known", m.Get(sip.IDVia))
		}
	}
}

// The ACK to a refusal and its repetitions go to who has refused (RFC 3261 §17.1.1.3), a CANCEL stays with the address that rings.
func TestRFC3263_4_3_WhatFollowsAnINVITE(t *testing.T) {
	k := newSeeking(t, "192.0.2.3:5060", "192.0.2.4:5060")
	now := time.Now()
	var c txn.InviteClient
	c.Start(now, k.request("INVITE"), named, nil, &k.out)
	first := k.want(now, "INVITE 3, ")
	now = now.Add(silentAfter)
	c.Advance(now, &k.out)
	second := k.want(now, "INVITE 4.1, ")

	c.Receive(now, sip.NewResponse(second, 100, ""), &k.out)
	var cancel txn.Client
	cancel.Start(now, c.Cancel(), c.Hop(), nil, &k.out)
	k.want(now, "CANCEL 4.1, ")
	now = now.Add(2 * silentAfter)
	cancel.Advance(now, &k.out)
	k.want(now, "CANCEL 4.1, ")

	slow := sip.NewResponse(first, 486, "") // the first one was slow, and has refused
	for _, want := range []string{"ACK 3, ", "ACK 3, "} {
		now = now.Add(2 * silentAfter)
		c.Receive(now, slow, &k.out)
		k.want(now, want)
	}
}

// Addresses that change with each answer of DNS do not lead to ever more places.
func TestMovingNameIsLeft(t *testing.T) {
	k := newSeeking(t, "192.0.2.10:5060")
	now := time.Now()
	send := txn.Send{Hop: named, Data: k.request("BYE").Append(nil), Branch: "z9hG4bKaaaaaaaaaaaaaaaa", Again: true}
	for i := range byte(20) {
		k.hops[0].AddrPort = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 10 + i}), 5060)
		k.out.Sends = append(k.out.Sends, send)
		k.sent(now)
		now = now.Add(silentAfter)
	}
	if n := len(k.s.aimed[send.Branch].at); n != maxTried+1 {
		t.Errorf("%d addresses were tried, want %d", n, maxTried+1)
	}
}
