package siptest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/srtp/v3"
)

// suite is what an agent knows of a crypto suite of RFC 4568 or RFC 7714.
type suite struct {
	profile   srtp.ProtectionProfile
	key, salt int // octets
}

var suites = map[string]suite{
	"AES_CM_128_HMAC_SHA1_80": {srtp.ProtectionProfileAes128CmHmacSha1_80, 16, 14},
	"AES_CM_128_HMAC_SHA1_32": {srtp.ProtectionProfileAes128CmHmacSha1_32, 16, 14},
	"AEAD_AES_128_GCM":        {srtp.ProtectionProfileAeadAes128Gcm, 16, 12},
	"AEAD_AES_256_GCM":        {srtp.ProtectionProfileAeadAes256Gcm, 32, 12},
}

// crypto is one a=crypto line.
type crypto struct {
	tag   int
	suite string
	key   []byte
}

// parseCrypto reads the value of a=crypto with a single key; what follows the key is left out.
func parseCrypto(value string) (crypto, bool) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return crypto{}, false
	}
	tag, err := strconv.Atoi(f[0])
	key, _, _ := strings.Cut(strings.TrimPrefix(f[2], "inline:"), "|")
	raw, err2 := base64.RawStdEncoding.DecodeString(strings.TrimRight(key, "="))
	s, known := suites[f[1]]
	return crypto{tag, f[1], raw}, err == nil && err2 == nil && known && len(raw) == s.key+s.salt
}

// newCrypto is a line with a new key.
func newCrypto(tag int, name string) *crypto {
	s := suites[name]
	c := &crypto{tag, name, make([]byte, s.key+s.salt)}
	_, _ = rand.Read(c.key)
	return c
}

func (c *crypto) String() string {
	return fmt.Sprintf("%d %s inline:%s|2^31", c.tag, c.suite, base64.StdEncoding.EncodeToString(c.key))
}

func (c *crypto) same(o *crypto) bool {
	return c == o || c != nil && o != nil && c.tag == o.tag && c.suite == o.suite && string(c.key) == string(o.key)
}

func (c *crypto) context(options ...srtp.ContextOption) (*srtp.Context, error) {
	s := suites[c.suite]
	return srtp.CreateContext(c.key[:s.key], c.key[s.key:], s.profile, options...)
}

// secret is the SRTP of a call's media.
type secret struct {
	ours, theirs *crypto
	seal, open   *srtp.Context
}

// key makes the media use the keys of both descriptions; nil, nil: RTP. Contexts whose key stays are kept.
func (m *media) key(ours, theirs *crypto) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ours == nil || theirs == nil {
		m.secret = nil
		return nil
	}
	next := &secret{ours: ours, theirs: theirs}
	var err error
	if was := m.secret; was != nil && was.ours.same(ours) {
		next.seal = was.seal
	} else if next.seal, err = ours.context(); err != nil {
		return err
	}
	if was := m.secret; was != nil && was.theirs.same(theirs) {
		next.open = was.open
	} else if next.open, err = theirs.context(srtp.SRTPReplayProtection(64), srtp.SRTCPReplayProtection(64)); err != nil {
		return err
	}
	m.secret = next
	return nil
}

// unseal is a packet as it was before it was protected; nil when it cannot be opened.
func (m *media) unseal(b []byte, rtcp bool) []byte {
	if m.secret == nil {
		return b
	}
	var out []byte
	var err error
	if rtcp {
		out, err = m.secret.open.DecryptRTCP(nil, b, nil)
	} else {
		out, err = m.secret.open.DecryptRTP(nil, b, nil)
	}
	if err != nil {
		m.stats.Unauthentic++
		return nil
	}
	return out
}

// sealed is a packet as it is sent.
func (m *media) sealed(b []byte, rtcp bool) []byte {
	if m.secret == nil {
		return b
	}
	var out []byte
	if rtcp {
		out, _ = m.secret.seal.EncryptRTCP(nil, b, nil)
	} else {
		out, _ = m.secret.seal.EncryptRTP(nil, b, nil)
	}
	return out
}
