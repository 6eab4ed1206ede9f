package digest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// RFC 7616 §3.3, nc: credentials are taken once, then they are stale, as long as their nonce is good and beyond.
func TestRFC7616_3_3_CredentialsAreTakenOnce(t *testing.T) {
	var spent Spent
	s := Server{Realm: "r", Key: []byte("0123456789abcdef"), Life: time.Minute, Spent: &spent}
	a := NewAccount("alice", "secret", "")
	var c Client
	c.Learn(challenged(401, s.Challenge(now, "c1", false)...), a, new(Round))
	first, second := invite(), invite()
	c.Authorize(first, a, 1)
	c.Authorize(second, a, 2)
	same(t, "first", s.Check(now, first, false, a), Accepted)
	same(t, "first again", s.Check(now, first, false, a), Stale)
	same(t, "next count", s.Check(now, second, false, a), Accepted)
	for at := time.Duration(0); at <= 5*time.Minute; at += 7 * time.Second {
		same(t, fmt.Sprint("first after ", at), s.Check(now.Add(at), first, false, a), Stale)
		same(t, fmt.Sprint("second after ", at), s.Check(now.Add(at), second, false, a), Stale)
	}
}

// A nonce proves its time: who has an old one cannot make a new one of it (RFC 7616 §5.5), nor one of another call.
func TestNonceProvesItsTime(t *testing.T) {
	s := Server{Realm: "r", Key: []byte("0123456789abcdef")}
	old := s.nonce(now.Unix()-3600, "c1")
	same(t, "old", s.fresh(now, old, "c1"), false)
	raw, err := base64.RawURLEncoding.DecodeString(old)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(raw, uint64(now.Unix()))
	same(t, "with another time", s.fresh(now, base64.RawURLEncoding.EncodeToString(raw), "c1"), false)
	same(t, "made by the server", s.fresh(now, s.nonce(now.Unix(), "c1"), "c1"), true)
	same(t, "of another call", s.fresh(now, s.nonce(now.Unix(), "c1"), "c2"), false)
	for _, row := range []struct {
		age  time.Duration
		want bool
	}{{time.Minute, true}, {61 * time.Second, false}, {-time.Minute, true}, {-61 * time.Second, false}} {
		same(t, fmt.Sprint("made ", row.age, " ago"), s.fresh(now, s.nonce(now.Add(-row.age).Unix(), "c1"), "c1"), row.want)
	}
}

// Credentials that name no algorithm are of MD5 (RFC 7616 §3.3), and good where that is offered alone.
func TestCredentialsWithoutAlgorithm(t *testing.T) {
	for want, algorithms := range map[bool][]string{true: {"MD5"}, false: {"SHA-256"}} {
		s := Server{Algorithms: algorithms}
		same(t, fmt.Sprint("of ", algorithms), s.offers(""), want)
	}
}

// A flood of good credentials takes a bounded place, and the latest are remembered.
func TestSpentIsBounded(t *testing.T) {
	var s Spent
	for i := range 5 * maxSpent {
		if !s.take(now, time.Minute, fmt.Sprint(i)) || i > 0 && s.take(now, time.Minute, fmt.Sprint(i-1)) {
			t.Fatalf("use %d", i)
		}
	}
	if n := len(s.young) + len(s.old); n > 2*maxSpent {
		t.Errorf("%d are remembered", n)
	}
}

// A source has maxGuesses wrong passwords in a minute at an address of ours; other sources are not concerned, nor is one with the same address in another network of ours.
func TestGuessesAreCountedBySource(t *testing.T) {
	var g Guesses
	here, there := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("198.51.100.10")
	bad, good := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for i := range maxGuesses {
		same(t, fmt.Sprint("locked after ", i), g.Locked(now, here, bad), false)
		same(t, fmt.Sprint("told after ", i+1), g.Guessed(now, here, bad), i == maxGuesses-1)
	}
	for _, row := range []struct {
		at, from netip.Addr
		after    time.Duration
		want     bool
	}{{here, bad, 0, true}, {here, good, 0, false}, {there, bad, 0, false}, {here, bad, guessTime - 1, true}, {here, bad, guessTime, false}} {
		same(t, fmt.Sprint(row.at, row.from, row.after), g.Locked(now.Add(row.after), row.at, row.from), row.want)
	}
	same(t, "anew", g.Guessed(now.Add(guessTime), here, bad), false)
	same(t, "not locked", g.Locked(now.Add(guessTime), here, bad), false)
	a := netip.MustParseAddr("2001:db8::")
	for range 3 * maxGuessers {
		a = a.Next()
		g.Guessed(now.Add(guessTime), here, a)
		if len(g.by) > maxGuessers {
			t.Fatalf("%d sources are remembered", len(g.by))
		}
	}
}
