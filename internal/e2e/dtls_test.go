package e2e

import (
	"fmt"
	"testing"
)

const keyingDocument = `
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
  trunk:a: {usages: [all], options: false, %s}
  trunk:b: {options: false, %s}
`

// keying is what a telephone has, and what its trunk says of it.
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
	"DTLS with a port for RTCP": {media: ";mediaenc=dtls_srtp", trunk: "srtpMode: required, srtpKeying: dtls, rtcpMux: off", record: "AES_CM_128_HMAC_SHA1_80",
		config: []string{"module dtls_srtp.so", "rtcp_mux no"}},
	"DTLS and ICE": {media: ";mediaenc=dtls_srtp;medianat=ice", trunk: "srtpMode: required, srtpKeying: dtls, ice: lite", record: "AES_CM_128_HMAC_SHA1_80",
		config: []string{"module dtls_srtp.so", "module ice.so", "rtcp_mux yes"}},
	"DTLS with each other":     {media: ";mediaenc=dtls_srtp", trunk: "srtpMode: pass", config: []string{"module dtls_srtp.so", "rtcp_mux yes"}},
	"full ICE toward full ICE": {media: ";medianat=ice", trunk: "ice: full", config: []string{"module ice.so"}},
	"RTP and ICE":              {media: ";medianat=ice", trunk: "ice: lite", config: []string{"module ice.so"}},
}

// MED-03, MED-04: speech between real telephones of which one has DTLS-SRTP, and the other that, SDES or RTP, in both directions at once and without a
// gap, as well as when they call each other directly.
func TestSpeechWithDTLS(t *testing.T) {
	direct := speechDirectly(t, newNetwork(t))
	for _, c := range [][2]string{{"RTP", "DTLS"}, {"DTLS", "RTP"}, {"SDES", "DTLS"}, {"DTLS", "SDES"}, {"DTLS", "DTLS"}, {"DTLS with a port for RTCP", "DTLS"},
		{"RTP", "DTLS and ICE"}, {"DTLS and ICE", "SDES"}, {"RTP and ICE", "RTP"}, {"RTP", "full ICE toward full ICE"}, {"full ICE toward full ICE", "DTLS"},
		{"DTLS with each other", "DTLS with each other"}} {
		t.Run(c[0]+" to "+c[1], func(t *testing.T) {
			n := newNetwork(t)
			from, to := keyings[c[0]], keyings[c[1]]
			s := n.serveAt(1, "med1.test", fmt.Sprintf(keyingDocument, from.trunk, to.trunk))
			heard := n.talk2(from, to, "sip:+14255550102@10.99.0.1")
			for i, got := range heard {
				if got.correlation < 0.97*direct[i].correlation {
					t.Errorf("direction %d: correlation %.4f, directly %.4f", i, got.correlation, direct[i].correlation)
				}
			}
			r := s.record()
			for _, m := range r.Media {
				if want := map[string]string{"caller": from.record, "callee": to.record}[m.From]; m.SRTP != want || m.Packets < 200 || m.Lost > 0 {
					t.Errorf("media in the record: %+v", m)
				}
			}
			if c[1] == "RTP" && c[0] == "RTP and ICE" && r.Media[0].TierWhy != "ICE" {
				t.Errorf("the telephone has no ICE: %+v", r.Media[0])
			}
			s.tellsNoKey()
		})
	}
}

// speechDirectly is a call between two telephones without anything between them.
func speechDirectly(t *testing.T, n *network) [2]comparison {
	t.Helper()
	return n.talk2(keyings["RTP"], keyings["RTP"], "sip:+14255550102@10.99.0.12")
}

// talk2 has one telephone call the other at an address, and tells what each has heard of the other.
func (n *network) talk2(from, to keying, uri string) (heard [2]comparison) {
	n.t.Helper()
	fox := speech(n.lab, "fox", "The quick brown fox jumps over the lazy dog, and seven silver ships sail slowly south.")
	sea := speech(n.lab, "sea", "She sells sea shells by the sea shore. Around the rugged rocks the ragged rascal ran today.")
	b := n.phone(phoneConfig{host: 12, number: "+14255550102", wav: sea, media: to.media, config: to.config})
	a := n.phone(phoneConfig{host: 11, number: "+14255550101", wav: fox, dial: uri, media: from.media, config: from.config})
	for _, p := range []*phone{a, b} {
		p.wait("Call established")
	}
	for _, p := range []*phone{a, b} {
		p.wait("session closed", "terminated (duration")
	}
	saidFox, saidSea := readWAV(n.t, fox), readWAV(n.t, sea)
	same(n.t, "b hears a", b.heard(), saidFox)
	same(n.t, "a hears b", a.heard(), saidSea)
	return [2]comparison{compare(b.heard(), saidFox), compare(a.heard(), saidSea)}
}
