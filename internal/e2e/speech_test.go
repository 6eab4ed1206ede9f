package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// keying is how media of a telephone is protected: what it has, and what its trunk says of it.
type keying struct {
	media  string   // of its account
	config []string // of the telephone
	trunk  string
	record string // suite in the record
}

var keyings = map[string]keying{
	"RTP":  {trunk: "srtpMode: accept"},
	"SDES": {media: ";mediaenc=srtp-mand", trunk: "srtpMode: required", record: "AES_CM_128_HMAC_SHA1_80"},
	"DTLS": {media: ";mediaenc=dtls_srtp", trunk: "srtpMode: required, srtpKeying: dtls", record: "AES_CM_128_HMAC_SHA1_80",
		config: []string{"module dtls_srtp.so", "rtcp_mux yes"}},
}

// sets are telephones that have one codec, as baresip names it, and a sound card of its rate, so that no telephone resamples.
var sets = map[string]struct {
	rate  int
	codec string
}{"PCMU": {8000, "pcmu"}, "PCMA": {8000, "pcma"}, "G722": {16000, "g722/16000"}, "opus": {48000, "opus/48000/2"}}

// party is a telephone: one of sets, with a keying.
type party struct {
	codec string
	keying
}

const conversationDocument = `
pools:
  pool.test:
    servers:
      %[1]s: {addresses: [%[2]s]%[9]s}
gateways:
  a: {kind: pbx, host: %[3]s, root: {transport: UDP}}
  b: {kind: gateway, host: %[4]s, root: {transport: UDP}}
usages: [all]
routes:
  - {name: b, pattern: '^\+14255550102$', usages: [all], trunks: [b]}
trunkSettings:
  trunk:a: {usages: [all], options: false, codecs: [%[5]s], %[6]s}
  trunk:b: {options: false, codecs: [%[7]s], %[8]s}
`

// serveBetween starts a server on the host before the two of a call, with further settings.
func (n *network) serveBetween(host int, from, to party, settings string) *server {
	n.t.Helper()
	name := fmt.Sprintf("med%d.test", host)
	return n.serveAt(host, name, fmt.Sprintf(conversationDocument, name, n.addr(host, false), n.addr(host+1, false), n.addr(host+2, false),
		from.codec, from.trunk, to.codec, to.trunk, settings))
}

// What is said in both directions at once.
const (
	fox = "The quick brown fox jumps over the lazy dog, and seven silver ships sail slowly south."
	sea = "She sells sea shells by the sea shore. Around the rugged rocks the ragged rascal ran today."
)

// converse has a telephone on a host call one on the next, at host via: the latter's, or that of a server. It tells what each has heard of the other: first what
// the called one has.
func (n *network) converse(host int, from, to party, via int) (heard [2]comparison) {
	n.t.Helper()
	b := n.phone(phoneConfig{host: host + 1, number: "+14255550102", wav: speechAt(n.lab, "sea", sea, sets[to.codec].rate), rate: sets[to.codec].rate,
		codecs: sets[to.codec].codec, media: to.media, config: to.config})
	a := n.phone(phoneConfig{host: host, number: "+14255550101", wav: speechAt(n.lab, "fox", fox, sets[from.codec].rate), rate: sets[from.codec].rate,
		codecs: sets[from.codec].codec, media: from.media, config: from.config, dial: "sip:+14255550102@" + n.addr(via, false)})
	for _, p := range []*phone{a, b} {
		p.wait("Call established")
	}
	for _, p := range []*phone{a, b} {
		p.wait("session closed", "terminated (duration")
	}
	for i, p := range []*phone{b, a} {
		said, recorded := readWAV(n.t, speech(n.lab, [2]string{"fox", "sea"}[i], [2]string{fox, sea}[i])), p.heard()
		heard[i] = closest(recorded, said)
		n.t.Logf("direction %d: frames %d to %d of %d, shifted by %d, correlation %.6f, gap %d", i, heard[i].from, heard[i].to, heard[i].said, heard[i].shift,
			heard[i].correlation, heard[i].gap)
		if most := min(len(recorded), len(said)); slices.Equal(recorded[:most], said[:most]) {
			n.t.Errorf("direction %d: the recording is the very file that was played, and has not been through a codec", i)
		}
	}
	return heard
}

// closest compares at several places within a frame, as codecs delay by parts of one.
func closest(heard, said []int16) (best comparison) {
	for skip := 0; skip < 160; skip += 20 {
		if c := compare(heard[skip:], said); c.correlation > best.correlation {
			best = c
		}
	}
	return best
}

// worse says where speech is not what it is in direct calls.
func worse(heard [2]comparison, direct ...[2]comparison) (list []string) {
	for i, got := range heard {
		for _, f := range got.faults() {
			list = append(list, fmt.Sprintf("direction %d: %s", i, f))
		}
		for _, want := range direct {
			if got.correlation < 0.97*want[i].correlation {
				list = append(list, fmt.Sprintf("direction %d: correlation %.4f, directly %.4f", i, got.correlation, want[i].correlation))
			}
		}
	}
	return list
}

// MED-01 to MED-04, DR-22, DR-23: speech between two real telephones, of which one has each keying with each codec, and the other the same codec or another: whole, in both
// directions at once, and as well as in a direct call with either codec.
//
// With the same codec the other one has the same keying and keys of its own, so that packets are opened and sealed anew. With another codec it has the next keying, so that what is
// converted was opened before or is sealed after: from the plain to the sealed and back, and between the two forms of keys. Its codec is one, two or three places on, by keying, so
// that each is met with each other in both directions. Of every other codec the one with the keying of the cell is called, and does not call, so that each keying is offered and
// answered.
//
// A busy machine makes gaps of its own, in the telephones as well as here. So a call that is not whole is made once more; what the record says holds for both.
func TestSpeechInEachCombination(t *testing.T) {
	t.Parallel()
	codecs, keys := []string{"PCMU", "PCMA", "G722", "opus"}, []string{"RTP", "SDES", "DTLS"}
	direct := map[string][2]comparison{}
	t.Run("directly", func(t *testing.T) {
		var mu sync.Mutex
		for _, codec := range codecs {
			t.Run(codec, func(t *testing.T) {
				n := newNetwork(t)
				p := party{codec, keyings["RTP"]}
				twice(t, func(host int) []string {
					heard := n.converse(host+1, p, p, host+2)
					mu.Lock()
					direct[codec] = heard
					mu.Unlock()
					return worse(heard)
				})
			})
		}
	})
	for k, key := range keys {
		for i, codec := range codecs {
			for name, other := range map[string]party{
				"the same": {codec, keyings[key]},
				"another":  {codecs[(i+1+k)%len(codecs)], keyings[keys[(k+1)%len(keys)]]},
			} {
				t.Run(strings.Join([]string{key, codec, name}, " "), func(t *testing.T) {
					n := newNetwork(t)
					from, to := party{codec, keyings[key]}, other
					if i%2 == 1 {
						from, to = to, from
					}
					twice(t, func(host int) []string {
						s := n.serveBetween(host, from, to, "")
						return append(worse(n.converse(host+1, from, to, host), direct[from.codec], direct[to.codec]), s.relayed(from, to)...)
					})
				})
			}
		}
	}
}

// again is held by who does once more what the machine was too busy for.
var again sync.Mutex

// twice does something that fails where the machine is too busy, on hosts from 1 on, and again on others if it did, one after the other. What it returns are its faults.
func twice(t *testing.T, do func(host int) []string) {
	t.Helper()
	faults := do(1)
	if len(faults) == 0 || t.Failed() {
		return
	}
	t.Logf("once more: %q", faults)
	again.Lock()
	defer again.Unlock()
	for _, f := range do(4) {
		t.Error(f)
	}
}

// relayed checks the record of a call, and returns what a busy machine may have done to it.
func (s *server) relayed(from, to party) (faults []string) {
	s.t.Helper()
	r := s.record()
	if r.In.Codec != from.codec || r.Out.Codec != to.codec {
		s.t.Errorf("the record has %s in and %s out", r.In.Codec, r.Out.Codec)
	}
	if len(r.Media) != 2 {
		s.t.Errorf("%d directions in the record", len(r.Media))
	}
	for _, m := range r.Media {
		if want := map[string]string{"caller": from.record, "callee": to.record}[m.From]; m.SRTP != want {
			s.t.Errorf("media of the record has %q, want %q: %+v", m.SRTP, want, m)
		}
		if m.Packets < 200 || m.Lost > 0 {
			faults = append(faults, fmt.Sprintf("media in the record: %+v", m))
		}
	}
	s.tellsNoKey()
	return faults
}
