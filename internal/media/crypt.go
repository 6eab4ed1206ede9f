package media

import "slices"

// Suite is a crypto suite of SRTP (RFC 4568 §6.2, RFC 7714 §14.2).
type Suite uint8

// The suites.
const (
	AESCM128HMACSHA180 Suite = iota + 1
	AESCM128HMACSHA132
	AEADAES128GCM
	AEADAES256GCM
)

// Suites is how many there are.
const Suites = 4

var suites = [Suites]struct {
	name      string
	size, tag int
}{
	{"AES_CM_128_HMAC_SHA1_80", 30, 10}, {"AES_CM_128_HMAC_SHA1_32", 30, 4}, {"AEAD_AES_128_GCM", 28, LongestTag}, {"AEAD_AES_256_GCM", 44, LongestTag},
}

// SuiteNamed finds a suite by its registered name.
func SuiteNamed(name string) (s Suite, ok bool) {
	for i := range suites {
		if suites[i].name == name {
			return Suite(i + 1), true
		}
	}
	return 0, false
}

// String is the registered name.
func (s Suite) String() string {
	if s < 1 || s > Suites {
		return ""
	}
	return suites[s-1].name
}

// KeySize is the length of master key and master salt together, in octets.
func (s Suite) KeySize() int {
	if s < 1 || s > Suites {
		return 0
	}
	return suites[s-1].size
}

// LongestTag is that of the suite that adds most to a packet, in octets.
const LongestTag = 16

// TagSize is what the authentication tag adds to a packet of RTP, in octets (RFC 4568 §6.2, RFC 7714 §13.1); a key's MKI comes on top.
func (s Suite) TagSize() int {
	if s < 1 || s > Suites {
		return 0
	}
	return suites[s-1].tag
}

// Crypt is the protection of RTP and RTCP toward one side. It is not changed once it is made. With the zero value nothing passes in either
// direction: the side will have keys, and they are not known yet.
type Crypt struct {
	Suite Suite
	Send  string      // our master key and salt, octets
	Recv  []MasterKey // the peer's
}

// MasterKey is one of the peer's keys.
type MasterKey struct {
	Key string // master key and salt, octets
	MKI string // octets that name it in each packet (RFC 3711 §3.1); empty: none
}

// Same tells whether two are the same keys.
func (c *Crypt) Same(o *Crypt) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.Suite == o.Suite && c.Send == o.Send && slices.Equal(c.Recv, o.Recv)
}

// Name is the suite's; "" for RTP.
func (c *Crypt) Name() string {
	if c == nil {
		return ""
	}
	return c.Suite.String()
}

// String is Name: no key is ever printed.
func (c *Crypt) String() string { return c.Name() }

// GoString is String, for %#v.
func (c *Crypt) GoString() string { return c.String() }
