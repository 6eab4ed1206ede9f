package sip

import (
	"errors"
	"strings"
	"testing"
)

func TestRFC3261_18_3_Stream(t *testing.T) {
	one := request("Content-Length: 3\n", "abc")
	two := request("l: 0\n", "")
	stream := "\r\n\r\n" + one + "\r\n" + two
	start, n, err := Frame([]byte(stream), nil)
	if err != nil || stream[start:start+n] != one {
		t.Fatalf("first: %d %d %v", start, n, err)
	}
	rest := stream[start+n:]
	start, n, err = Frame([]byte(rest), nil)
	if err != nil || rest[start:start+n] != two || start+n != len(rest) {
		t.Fatalf("second: %d %d %v", start, n, err)
	}
	if start, n, err = Frame([]byte("\r\n\r\n"), nil); start != 4 || n != 0 || err != nil {
		t.Errorf("keep-alive: %d %d %v", start, n, err)
	}
}

// TestFramerByteByByte feeds a stream of three messages octet by octet, with the keep-alive octets dropped
// and kept, and wants each message at its last octet and not before.
func TestFramerByteByByte(t *testing.T) {
	one, two := request("Content-Length: 3\n", "abc"), strings.ReplaceAll(request("l: 4\n", "\n\n\n\n"), "\r\n", "\n")
	stream := "\r\n" + one + "\r\n\r\n" + two + inviteText
	for _, drop := range []bool{false, true} {
		var f Framer
		var got []string
		from := 0
		for to := 1; to <= len(stream); to++ {
			start, n, err := f.Next([]byte(stream[from:to]), nil)
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				got = append(got, stream[from+start:from+start+n])
				from += start + n
				if from != to {
					t.Errorf("a message of %d octets came %d late", n, to-from)
				}
			} else if drop {
				from += start
			}
		}
		if len(got) != 3 || got[0] != one || got[1] != two || got[2] != inviteText {
			t.Errorf("drop %v: %q", drop, got)
		}
	}
}

// TestFramerWork counts what the Framer has left to search after each octet: nothing is searched twice,
// but for the line end that may be the last.
func TestFramerWork(t *testing.T) {
	text := request("X: "+strings.Repeat("x", 4000)+"\nl: 0\n", "")
	var f Framer
	for to := 1; to < len(text); to++ {
		if _, n, err := f.Next([]byte(text[:to]), nil); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if f.seen < to-2 {
			t.Fatalf("after %d octets the next call begins at %d", to, f.seen)
		}
	}
}

func TestFrameCloses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		lim        *Limits
	}{
		{"no Content-Length", request("", ""), nil},
		{"above the limit", request("Content-Length: 65536\n", ""), nil},
		{"far above the limit", request("Content-Length: 2147483647\n", ""), nil},
		{"line without end", strings.Repeat("x", 8193), nil},
		{"line without end behind others", request("Subject: "+strings.Repeat("x", 9000), "")[:9000], nil},
		{"headers without end", "OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 200), &Limits{MaxSize: 1000}},
		{"long headers at once", request(strings.Repeat("X: y\n", 200)+"l: 0\n", ""), &Limits{MaxSize: 1000}},
	} {
		_, n, err := Frame([]byte(c.text), c.lim)
		var e *SyntaxError
		if !errors.As(err, &e) || n != 0 {
			t.Errorf("%s: %d octets, %v", c.name, n, err)
		}
	}
}

func TestFrameWaits(t *testing.T) {
	whole := request("Content-Length: 3\n", "abc")
	for to := range whole {
		if start, n, err := Frame([]byte(whole[:to]), nil); start != 0 || n != 0 || err != nil {
			t.Fatalf("%d octets: %d %d %v", to, start, n, err)
		}
	}
	// Names that only look like Content-Length, and a line that only continues another, do not count.
	other := request("L-x: 9\nContent-Language: 9\nContent-Length2: 9\nSubject: a\n Content-Length: 9\nl: 0\n", "")
	if _, n, err := Frame([]byte(other), nil); n != len(other) || err != nil {
		t.Errorf("%d %v", n, err)
	}
}
