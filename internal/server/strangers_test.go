package server

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestStrangersAreNamed: a peer that calls from an address that no gateway has is in no record; the status says from where it came, and how often.
func TestStrangersAreNamed(t *testing.T) {
	r := start(t, basic)
	if list := r.strangers(); len(list) > 0 {
		t.Fatalf("%+v", list)
	}
	began := time.Now()
	strange(t, "udp", r.net+"9", r.net+"1:5060")
	strange(t, "udp", r.net+"8", r.net+"1:5060")
	strange(t, "tcp", r.net+"7", r.net+"1:5070")
	var list []StrangerView
	until(t, "three strangers", func() bool {
		list = r.strangers()
		return len(list) == 2 && list[0].Refused+list[1].Refused == 3
	})
	for i, want := range []struct {
		listener, from string
		refused        uint64
	}{{"TCP " + r.net + "1:5070", r.net + "7:", 1}, {"UDP " + r.net + "1:5060", r.net + "8:", 2}} {
		if v := list[i]; v.Listener != want.listener || v.Refused != want.refused || !strings.HasPrefix(v.Last, want.from) ||
			v.LastAt.Before(began.Add(-time.Second)) || v.LastAt.After(time.Now()) {
			t.Errorf("%+v, want %+v", v, want)
		}
	}
}

// TestStrangersThatAreToldAreNamed: with refuseUnknownSource 403 too.
func TestStrangersThatAreToldAreNamed(t *testing.T) {
	r := start(t, strings.Replace(basic, "global: {", "global: {refuseUnknownSource: '403', ", 1))
	for range 2 {
		strange(t, "udp", r.net+"9", r.net+"1:5060")
	}
	var list []StrangerView
	until(t, "two strangers", func() bool {
		list = r.strangers()
		return len(list) == 1 && list[0].Refused == 2
	})
	if v := list[0]; v.Listener != "UDP "+r.net+"1:5060" || !strings.HasPrefix(v.Last, r.net+"9:") {
		t.Errorf("%+v", v)
	}
}

// strange sends something from one address to another.
func strange(t *testing.T, network, here, there string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(here)}}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(here)}
	}
	c, err := d.Dial(network, there)
	if network == "tcp" { // it is reset, by then or soon
		if err == nil {
			c.Close()
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:x>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
}
