package relay

import (
	"encoding/binary"
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
	// maxSources bounds the SSRCs that are sent to one side, and come from it, under one key: each has a rollover counter that lasts as long as the key,
	// for one that came back with a counter of 0 would use a key stream twice. An exchange that has a source of its own for each piece of music and each announcement goes
	// through hundreds of them while somebody waits for an hour. One takes some 300 octets.
	maxSources = 2048
	// mostRollovers are tried for a source whose counter nobody knows: eleven hours of 20 ms. It is a prime, so that where sources take turns each has all of
	// them tried.
	mostRollovers = 31
	// maxGuessed bounds the sources that they are tried for. They need not be the peer's.
	maxGuessed = 16
)

// crypt protects the packets of one side (RFC 3711): what comes from it is opened, what goes to it is sealed. The session is locked.
type crypt struct {
	keys *media.Crypt
	recv *receiver      // nil: no keys yet
	send *sender        // nil: no keys yet
	rtp  pionrtp.Header // scratch
	rtcp pionrtcp.Header

	by    *receiver // opened the last packet
	again []byte    // a packet before it is opened
}

// receiver is the peer's keys. A side keeps the last two: should they come back after RTP or other keys, it is known what has come.
type receiver struct {
	suite   media.Suite
	keys    []media.MasterKey
	context *srtp.Context
	sources [2][]cryptSource // of which RTP, and of which RTCP was opened
	fast    cached
	before  *receiver // whose place it took; nil: none that has opened anything
	guessed []uint32  // sources whose counter was guessed
	last    uint32    // that was
	again   []byte    // a packet before it is opened
}

// sender is one key of ours. A side keeps it to its end: should the key come back after RTP or another key, its counters go on, for an index
// that was used twice would use a key stream twice (RFC 3711 §9.1). Under another key they begin at 0: RFC 4568 §7.1.4 wants that where our address is another one,
// and where it is not, as when the suite changes, most peers make a context anew with a key.
type sender struct {
	key     string
	context *srtp.Context
	sources []cryptSource
	fast    cached
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
	if sd.crypt.recv = sd.receiverOf(want); sd.crypt.recv != nil {
		sd.receiver = sd.crypt.recv
	}
}

// receiverOf finds or makes one; nil: the keys do not fit the suite.
func (sd *side) receiverOf(want *media.Crypt) *receiver {
	r := sd.receiver
	for r != nil && (r.suite != want.Suite || !slices.Equal(r.keys, want.Recv)) {
		r = r.before
	}
	if r == nil {
		r = receiving(want)
	}
	if r != nil && r != sd.receiver {
		r.follow(sd.receiver)
	}
	return r
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

// receiving is nil for keys that do not fit the suite: then nothing passes.
func receiving(want *media.Crypt) *receiver {
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
	return &receiver{suite: want.Suite, keys: want.Recv, context: c}
}

// follow takes the place of other keys, or if those have opened nothing, of the ones before. More are not kept.
func (r *receiver) follow(last *receiver) {
	if last != nil && len(last.sources[0]) == 0 {
		last = last.before
	}
	if r.before = nil; last != nil && last != r {
		r.before, last.before = last, nil
	}
}

// decrypt opens RTP. A source begins with a rollover counter of 0, but not where it was heard elsewhere under the same key, as when a transfer takes its call
// into another session. By RFC 3711 §3.3.1 its counter goes on under another key, too; many begin at 0 again. Its first packet tells.
func (r *receiver) decrypt(b []byte, h *pionrtp.Header, ssrc uint32, heard bool) ([]byte, error) {
	var few [2]uint32
	guesses := few[:0]
	if !heard {
		if guesses = r.guess(guesses, ssrc); len(guesses) > 0 {
			r.again = append(r.again[:0], b...) // what cannot be opened is not left as it was
		}
	}
	out, err := r.context.DecryptRTP(b, b, h)
	for _, roc := range guesses {
		if err == nil {
			return out, nil
		}
		copy(b, r.again)
		r.context.SetROC(ssrc, roc)
		out, err = r.context.DecryptRTP(b, b, h)
	}
	if err != nil && len(guesses) > 0 {
		r.context.SetROC(ssrc, 0)
	}
	return out, err
}

// guess is what the counter of a source may be, if not 0: where it was under the keys before, or while these have opened nothing, with each packet the next one.
func (r *receiver) guess(list []uint32, ssrc uint32) []uint32 {
	if r.before != nil {
		if roc, known := r.before.context.ROC(ssrc); known {
			return append(list, roc, roc+1)
		}
	}
	if len(r.sources[0]) > 0 {
		return list
	}
	if !slices.Contains(r.guessed, ssrc) {
		if len(r.guessed) == maxGuessed {
			return list
		}
		r.guessed = append(r.guessed, ssrc)
	}
	r.last = r.last%mostRollovers + 1
	return append(list, r.last)
}

// open takes the protection off a packet, in place. False: the keys do not fit, or it was here before. Until the first packet of RTP under other keys those before count, too: the peer has
// others from our answer on, and what it has sent until then is still on its way.
func (c *crypt) open(b []byte, k kind) ([]byte, bool) {
	if c.by = c.recv; c.recv == nil {
		return nil, false
	}
	last := c.recv.before
	if last == nil || len(c.recv.sources[0]) > 0 {
		return c.recv.open(b, k, c)
	}
	c.again = append(c.again[:0], b...) // what cannot be opened is not left as it was
	if out, ok := c.recv.open(b, k, c); ok {
		return out, true
	}
	copy(b, c.again)
	c.by = last
	return last.open(b, k, c)
}

func (r *receiver) open(b []byte, k kind, c *crypt) ([]byte, bool) {
	var ssrc uint32
	sources := &r.sources[0]
	switch k {
	case rtp:
		ssrc = peek(b).ssrc
	case rtcp:
		ssrc, sources = senderOf(b), &r.sources[1]
	default:
		return nil, false
	}
	source := find(*sources, ssrc)
	if source == nil && len(*sources) == maxSources {
		return nil, false
	}
	var err error
	if k == rtp {
		b, err = r.decrypt(b, &c.rtp, ssrc, source != nil)
	} else {
		b, err = r.context.DecryptRTCP(b, b, &c.rtcp)
	}
	if err != nil {
		return nil, false
	}
	if source == nil {
		*sources = append(*sources, cryptSource{ssrc: ssrc})
	}
	return b, true
}

// seal protects a packet in place, in the capacity of b.
func (c *crypt) seal(b []byte, k kind) ([]byte, bool) {
	if c.send == nil || len(b) < rtcpHeader || cap(b)-len(b) < maxOverhead {
		return nil, false
	}
	var err error
	switch k {
	case rtp:
		h := peek(b)
		number, ok := c.send.begins(h)
		if !ok {
			return nil, false
		}
		binary.BigEndian.PutUint16(b[2:], number)
		b, err = c.send.context.EncryptRTP(b, b, &c.rtp)
	case rtcp:
		if c.send.admit(senderOf(b)) == nil {
			return nil, false
		}
		b, err = c.send.context.EncryptRTCP(b, b, &c.rtcp)
	default:
		return nil, false
	}
	return b, err == nil
}

// admit bounds the sources. nil: it is one too many.
func (s *sender) admit(ssrc uint32) *cryptSource {
	if source := find(s.sources, ssrc); source != nil {
		return source
	}
	if len(s.sources) == maxSources {
		return nil
	}
	s.sources = append(s.sources, cryptSource{ssrc: ssrc})
	return &s.sources[len(s.sources)-1]
}
