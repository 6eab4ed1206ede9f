package relay

import (
	"slices"

	pionrtcp "github.com/pion/rtcp"
	pionrtp "github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/directsip/directsip/internal/media"
)

const (
	replayWindow = 64 // packets (RFC 3711 §3.3.2)
	// maxOverhead is what protection adds: a tag of 16 octets, the SRTCP index and an MKI.
	maxOverhead = 16 + 4 + 16
	// maxSources bounds the SSRCs that are sent to one side under one key: each has a rollover counter that lasts as long as the key, for one
	// that came back with a counter of 0 would use a key stream twice.
	maxSources = 256
)

// crypt protects the packets of one side (RFC 3711): what comes from it is opened, what goes to it is sealed. The session is locked.
type crypt struct {
	keys *media.Crypt
	recv *srtp.Context  // nil: no keys yet
	send *sender        // nil: no keys yet
	rtp  pionrtp.Header // scratch
	rtcp pionrtcp.Header
}

// sender is one key of ours. A side keeps it to its end: should the key come back after RTP or another key, its counters go on, for an index
// that was used twice would use a key stream twice (RFC 3711 §9.1).
type sender struct {
	key     string
	context *srtp.Context
	sources []uint32
}

// maxSenders bounds the keys of ours on one side: some for each leg that has sat there.
const maxSenders = 64

var profiles = [media.Suites + 1]srtp.ProtectionProfile{
	media.AESCM128HMACSHA180: srtp.ProtectionProfileAes128CmHmacSha1_80,
	media.AESCM128HMACSHA132: srtp.ProtectionProfileAes128CmHmacSha1_32,
	media.AEADAES128GCM:      srtp.ProtectionProfileAeadAes128Gcm,
	media.AEADAES256GCM:      srtp.ProtectionProfileAeadAes256Gcm,
}

// protect gives the side other keys. A key of the peer's that stays keeps its context, for its rollover counter and what was replayed.
func (sd *side) protect(want *media.Crypt) {
	was := sd.crypt
	switch {
	case want == nil:
		sd.crypt = nil
		return
	case was != nil && was.keys.Same(want):
		return
	}
	sd.crypt = &crypt{keys: want}
	if want.Suite == 0 || len(want.Recv) == 0 {
		return
	}
	sd.crypt.send = sd.sender(want)
	if was != nil && was.keys.Suite == want.Suite && slices.Equal(was.keys.Recv, want.Recv) {
		sd.crypt.recv = was.recv
	} else {
		sd.crypt.recv = receiving(want)
	}
}

// sender is nil for a key that does not fit the suite, or is one too many: then nothing is sent.
func (sd *side) sender(want *media.Crypt) *sender {
	for _, s := range sd.senders {
		if s.key == want.Send {
			return s
		}
	}
	c := context(want.Suite, want.Send)
	if c == nil || len(sd.senders) == maxSenders {
		return nil
	}
	s := &sender{key: want.Send, context: c}
	sd.senders = append(sd.senders, s)
	return s
}

// context is nil for a key that does not fit the suite: then nothing passes.
func context(s media.Suite, key string, options ...srtp.ContextOption) *srtp.Context {
	if int(s) >= len(profiles) || len(key) != s.KeySize() {
		return nil
	}
	n, err := profiles[s].KeyLen()
	if err != nil {
		return nil
	}
	c, err := srtp.CreateContext([]byte(key[:n]), []byte(key[n:]), profiles[s], options...)
	if err != nil {
		return nil
	}
	return c
}

func receiving(want *media.Crypt) *srtp.Context {
	first := want.Recv[0]
	options := []srtp.ContextOption{srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow)}
	if first.MKI != "" {
		options = append(options, srtp.MasterKeyIndicator([]byte(first.MKI)))
	}
	c := context(want.Suite, first.Key, options...)
	if c == nil {
		return nil
	}
	n, _ := profiles[want.Suite].KeyLen()
	for _, k := range want.Recv[1:] {
		if len(k.Key) != want.Suite.KeySize() || c.AddCipherForMKI([]byte(k.MKI), []byte(k.Key[:n]), []byte(k.Key[n:])) != nil {
			return nil
		}
	}
	return c
}

// open takes the protection off a packet, in place. False: the keys do not fit, or it was here before.
func (c *crypt) open(b []byte, k kind) ([]byte, bool) {
	if c.recv == nil {
		return nil, false
	}
	var err error
	switch k {
	case rtp:
		b, err = c.recv.DecryptRTP(b, b, &c.rtp)
	case rtcp:
		b, err = c.recv.DecryptRTCP(b, b, &c.rtcp)
	default:
		return nil, false
	}
	return b, err == nil
}

// seal protects a packet in place, in the capacity of b.
func (c *crypt) seal(b []byte, k kind) ([]byte, bool) {
	if c.send == nil || len(b) < rtcpHeader || cap(b)-len(b) < maxOverhead {
		return nil, false
	}
	var err error
	switch k {
	case rtp:
		if !c.send.admits(peek(b).ssrc) {
			return nil, false
		}
		b, err = c.send.context.EncryptRTP(b, b, &c.rtp)
	case rtcp:
		if !c.send.admits(senderOf(b)) {
			return nil, false
		}
		b, err = c.send.context.EncryptRTCP(b, b, &c.rtcp)
	default:
		return nil, false
	}
	return b, err == nil
}

// admits bounds the sources.
func (s *sender) admits(ssrc uint32) bool {
	if slices.Contains(s.sources, ssrc) {
		return true
	}
	if len(s.sources) == maxSources {
		return false
	}
	s.sources = append(s.sources, ssrc)
	return true
}
