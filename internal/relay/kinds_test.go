package relay

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/directsip/directsip/internal/media"
)

// kinds are sessions of each kind of media that a relay has something to remember of, and what a sends first to them.
func kinds(t *testing.T, r *rig) []func(s *media.Session) []byte {
	plain := rtpPacket(8, 1, 160, 7)
	opusFormat := media.Format{PayloadType: 111, Codec: media.Opus, Clock: 48000}
	locks := [2]*lock{newLock(t, media.AESCM128HMACSHA180, ""), newLock(t, media.AEADAES128GCM, "")}
	shaker := newShaker(t, true, 1)
	music := clip(50)
	converted := func(a, b *media.Speech) func(*media.Session) []byte {
		return func(s *media.Session) []byte {
			s.Streams[0].Side[0].Speech, s.Streams[0].Side[1].Speech = a, b
			return plain
		}
	}
	list := []func(*media.Session) []byte{
		func(*media.Session) []byte { return plain },
		func(s *media.Session) []byte { // keys, and packets of which one waits for another
			s.Streams[0].Side[0].Crypt, s.Streams[0].Side[1].Crypt = locks[0].crypt, locks[1].crypt
			return locks[0].rtp(t, plain)
		},
		func(s *media.Session) []byte { // a handshake of ours that nobody answers
			side := &s.Streams[0].Side[0]
			side.DTLS, side.Mux = shaker.dtls(""), true
			side.DTLS.Active = true
			return plain
		},
		func(s *media.Session) []byte { // a handshake that the peer never begins
			side := &s.Streams[0].Side[0]
			side.DTLS, side.Mux = shaker.dtls(""), true
			return plain
		},
		func(s *media.Session) []byte { // checks of ours that nobody answers
			side := &s.Streams[0].Side[0]
			side.ICE = &media.ICE{Ufrag: "left", Pwd: ourPwd, Full: true, Controls: true, PeerUfrag: "rght", PeerPwd: theirPwd,
				Candidates: []media.Candidate{{Component: 1, Priority: 100, Address: side.Remote}, {Component: 2, Priority: 99, Address: side.RemoteRTCP}}}
			return plain
		},
		func(s *media.Session) []byte { // the peer has described its silence, so there is noise to make
			s.Streams[0].Side[0].Speech = speech(pcma, media.Format{PayloadType: 13, Codec: media.ComfortNoise, Clock: 8000})
			s.Streams[0].Side[1].Speech = speech(g722)
			return spoken(13, 1, 160, []byte{40})
		},
		func(s *media.Session) []byte { // keys to press
			s.Streams[0].Side[0].Speech, s.Streams[0].Side[1].Speech = speech(pcma, event), speech(pcma)
			s.Streams[0].Side[1].Speech.Keys = media.KeysBySIP
			s.Presses = []media.Press{{ID: 1, To: 0, Key: '7', Long: time.Second}, {ID: 2, To: 0, Key: '8', Long: time.Second}}
			return plain
		},
		func(s *media.Session) []byte { // music
			s.Play = &media.Play{ID: 1, Clip: music, To: 1, Codec: media.PCMA, PayloadType: 8}
			return plain
		},
		func(s *media.Session) []byte {
			s.Streams[0].Opaque = true
			return []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
		},
		func(s *media.Session) []byte {
			s.Streams[0].Sealed = true
			return plain
		},
		converted(speech(pcma, event), speech(g722)),
		converted(speech(pcma), speech(pcmu)),
	}
	if r.Opus() {
		list = append(list, converted(speech(pcma), speech(opusFormat)))
	}
	return list
}

// TestNothingIsLeftOfAnyKind opens and closes a thousand sessions of every kind while packets flow into them, and nothing remembers one of them afterwards.
func TestNothingIsLeftOfAnyKind(t *testing.T) {
	relay, err := New(withTier(Config{Workers: 2, SweepInterval: 5 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Shutdown)
	r := &rig{Relay: relay, t: t}
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	list := kinds(t, r)
	var locals [][2]netip.AddrPort
	round := func() (gone []weak.Pointer[session]) {
		var open []media.SessionID
		locals = locals[:0]
		for i, kind := range list {
			s := call(media.SessionID(1+i), a, b)
			first := kind(s)
			r.open(s)
			locals = append(locals, [2]netip.AddrPort{s.Streams[0].Side[0].Local, s.Streams[0].Side[1].Local})
			open = append(open, s.ID)
			gone = append(gone, weak.Make(r.find(s.ID)))
			a.send(a.rtp, s.Streams[0].Side[0].Local, first)
			b.send(b.rtp, s.Streams[0].Side[1].Local, rtpPacket(8, 1, 160, 9))
		}
		for _, id := range open {
			if _, ok := r.Close(id); !ok {
				t.Fatalf("session %d is gone", id)
			}
		}
		return gone
	}
	round() // what is there once for all is made
	r.settle()
	goroutines, open := runtime.NumGoroutine(), descriptors(t)
	var all []weak.Pointer[session]
	for len(all) < 1000 {
		all = append(all, round()...)
	}
	left := func() (n int) {
		runtime.GC()
		for _, p := range all {
			if p.Value() != nil {
				n++
			}
		}
		return n
	}
	deadline := time.Now().Add(patience)
	for left() > 0 || runtime.NumGoroutine() > goroutines || r.count.handshakes.Load() > 0 {
		if time.Now().After(deadline) {
			for i, p := range all {
				if p.Value() != nil {
					t.Errorf("a session of kind %d is left", i%len(list))
				}
			}
			t.Fatalf("%d sessions are left of %d, %d goroutines of %d, %d handshakes", left(), len(all), runtime.NumGoroutine(), goroutines, r.count.handshakes.Load())
		}
	}
	r.cool()
	r.settle()
	if n := r.Totals(); n.Sessions != 0 || n.Sockets != 0 || n.Streams != 0 {
		t.Errorf("%+v", n)
	}
	if n := descriptors(t); n > open+10 { // of sessions it would be hundreds
		t.Errorf("%d descriptors, %d before", n, open)
	}
	for _, l := range locals {
		if bound(l[0]) || bound(l[1]) {
			t.Errorf("%v is still bound", l)
		}
	}
}
