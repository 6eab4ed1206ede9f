// Package sound makes what the server itself lets a party hear: tones by country, and announcements from WAV files, encoded once
// by ITU-T G.711. Pure.
package sound

import (
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// Rate is the sampling rate of G.711 in Hz.
const Rate = 8000

// Law is one of the two encodings of G.711.
type Law uint8

// The laws.
const (
	NoLaw Law = iota
	MuLaw     // PCMU
	ALaw      // PCMA
)

// PayloadType is the static one of RFC 3551 §6.
func (l Law) PayloadType() uint8 {
	if l == ALaw {
		return 8
	}
	return 0
}

// Silence is the code of a sample of 0.
func (l Law) Silence() byte {
	if l == ALaw {
		return codec.EncodeA(0)
	}
	return codec.EncodeMu(0)
}

// String is the encoding name of RFC 3551 §6; "" for none.
func (l Law) String() string {
	switch l {
	case MuLaw:
		return "PCMU"
	case ALaw:
		return "PCMA"
	}
	return ""
}

// Clip is a piece of sound, ready to be sent. It never changes, and any number of calls may play it.
type Clip struct {
	Name  string // for call records: "ringback de", "announcement closed"
	mu, a []byte
}

// NewClip encodes samples in both laws.
func NewClip(name string, samples []int16) *Clip {
	c := &Clip{Name: name, mu: make([]byte, len(samples)), a: make([]byte, len(samples))}
	for i, s := range samples {
		c.mu[i], c.a[i] = codec.EncodeMu(s), codec.EncodeA(s)
	}
	return c
}

// Payload is the clip in a law, an octet a sample; the caller must not change it.
func (c *Clip) Payload(l Law) []byte {
	if l == ALaw {
		return c.a
	}
	return c.mu
}

// Duration is how long it takes once.
func (c *Clip) Duration() time.Duration { return time.Duration(len(c.mu)) * time.Second / Rate }
