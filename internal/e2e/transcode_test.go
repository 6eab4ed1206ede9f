package e2e

import (
	"fmt"
	"testing"
)

const transcodeDocument = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [10.99.0.1]}
gateways:
  a: {kind: pbx, host: 10.99.0.11, root: {transport: UDP}}
  b: {kind: gateway, host: 10.99.0.12, root: {transport: UDP}}
usages: [all]
routes:
  - {name: b, pattern: '^\+14255550102$', usages: [all], trunks: [b]}
trunkSettings:
  global: {options: false}
  trunk:a: {usages: [all], options: false, codecs: [%s]%s}
  trunk:b: {options: false, codecs: [%s]%s}
`

// MED-01, MED-02, DR-22: two real telephones that have no codec in common hear each other, whole and in time: as well as two that have.
func TestMED02Transcoding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b string }{
		{"PCMU", "PCMU"}, {"PCMU", "PCMA"}, {"PCMU", "G722"}, {"G722", "PCMA"}, {"G722", "G722"}, {"PCMA", "opus"}, {"opus", "G722"}, {"opus", "opus"},
	} {
		t.Run(c.a+" to "+c.b, func(t *testing.T) { speechConverted(t, newNetwork(t), c.a, c.b, "", "") })
	}
	t.Run("pcmu to g722 over SRTP", func(t *testing.T) {
		speechConverted(t, newNetwork(t), "PCMU", "G722", ", srtpMode: required", ";mediaenc=srtp-mand")
	})
}

// sets are telephones that have one codec, as baresip names it, and a sound card of its rate, so that no telephone resamples.
var sets = map[string]struct {
	rate  int
	codec string
}{"PCMU": {8000, "pcmu"}, "PCMA": {8000, "pcma"}, "G722": {16000, "g722/16000"}, "opus": {48000, "opus/48000/2"}}

// closest compares at several places within a frame, as codecs delay by parts of one.
func closest(heard, said []int16) (best comparison) {
	for skip := 0; skip < 160; skip += 20 {
		if c := compare(heard[skip:], said); c.correlation > best.correlation {
			best = c
		}
	}
	return best
}

func speechConverted(t *testing.T, n *network, codecA, codecB, settings, media string) {
	s := n.serveAt(1, "med1.test", fmt.Sprintf(transcodeDocument, codecA, "", codecB, settings))
	const fox = "The quick brown fox jumps over the lazy dog, and seven silver ships sail slowly south."
	const sea = "She sells sea shells by the sea shore. Around the rugged rocks the ragged rascal ran today."
	b := n.phone(phoneConfig{host: 12, number: "+14255550102", wav: speechAt(n.lab, "sea", sea, sets[codecB].rate), rate: sets[codecB].rate, codecs: sets[codecB].codec, media: media})
	a := n.phone(phoneConfig{host: 11, number: "+14255550101", wav: speechAt(n.lab, "fox", fox, sets[codecA].rate), rate: sets[codecA].rate, codecs: sets[codecA].codec,
		dial: "sip:+14255550102@10.99.0.1"})
	a.wait("Call established")
	b.wait("Call established")
	r := s.record()
	for _, p := range []*phone{a, b} {
		p.wait("session closed", "terminated (duration")
	}
	saidFox, saidSea := readWAV(t, speech(n.lab, "fox", fox)), readWAV(t, speech(n.lab, "sea", sea))
	for who, c := range map[string]comparison{"b hears a": closest(b.heard(), saidFox), "a hears b": closest(a.heard(), saidSea)} {
		t.Logf("%s: frames %d to %d of %d, shifted by %d, correlation %.6f, gap %d", who, c.from, c.to, c.said, c.shift, c.correlation, c.gap)
		if c.correlation < 0.97 {
			t.Errorf("%s: the envelopes correlate only by %.3f", who, c.correlation)
		}
		for _, f := range c.faults() {
			t.Errorf("%s: %s", who, f)
		}
	}
	for _, m := range r.Media {
		if m.Packets < 200 || m.Lost > 0 {
			t.Errorf("media in the record: %+v", m)
		}
	}
	if r.In.Codec != codecA || r.Out.Codec != codecB {
		t.Errorf("the record has %s in and %s out", r.In.Codec, r.Out.Codec)
	}
}
