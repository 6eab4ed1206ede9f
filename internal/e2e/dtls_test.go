package e2e

import "testing"

// variants are of the keyings that real telephones have.
var variants = map[string]keying{
	"RTP":  keyings["RTP"],
	"SDES": keyings["SDES"],
	"DTLS": keyings["DTLS"],
	"DTLS with a port for RTCP": {media: ";mediaenc=dtls_srtp", trunk: "srtpMode: required, srtpKeying: dtls, rtcpMux: off", record: "AES_CM_128_HMAC_SHA1_80",
		config: []string{"module dtls_srtp.so", "rtcp_mux no"}},
	"DTLS and ICE": {media: ";mediaenc=dtls_srtp;medianat=ice", trunk: "srtpMode: required, srtpKeying: dtls, ice: lite", record: "AES_CM_128_HMAC_SHA1_80",
		config: []string{"module dtls_srtp.so", "module ice.so", "rtcp_mux yes"}},
	"DTLS with each other":     {media: ";mediaenc=dtls_srtp", trunk: "srtpMode: pass", config: []string{"module dtls_srtp.so", "rtcp_mux yes"}},
	"full ICE toward full ICE": {media: ";medianat=ice", trunk: "ice: full", config: []string{"module ice.so"}},
	"RTP and ICE":              {media: ";medianat=ice", trunk: "ice: lite", config: []string{"module ice.so"}},
}

// MED-03, MED-04: speech between real telephones of which one has ICE, or DTLS with a port of its own for RTCP, and the other something else, and between two that
// shake hands with each other, as well as when they call each other directly.
func TestSpeechWithICE(t *testing.T) {
	t.Parallel()
	direct := speechDirectly(t)
	for _, c := range [][2]string{{"DTLS with a port for RTCP", "DTLS"}, {"RTP", "DTLS and ICE"}, {"DTLS and ICE", "SDES"}, {"RTP and ICE", "RTP"},
		{"RTP", "full ICE toward full ICE"}, {"full ICE toward full ICE", "DTLS"}, {"DTLS with each other", "DTLS with each other"}} {
		t.Run(c[0]+" to "+c[1], func(t *testing.T) {
			n := newNetwork(t)
			from, to := party{"PCMU", variants[c[0]]}, party{"PCMU", variants[c[1]]}
			twice(t, func(host int) []string {
				s := n.serveBetween(host, from, to, "")
				faults := append(worse(n.converse(host+1, from, to, host), direct), s.relayed(from, to)...)
				if m := s.record().Media[0]; c[0] == "RTP and ICE" && (m.Evidence == nil || !m.Evidence.ICE || m.Tier != "kernel") {
					t.Errorf("the telephone has no ICE, or its media was not in the kernel: %+v, %+v", m, m.Evidence)
				}
				return faults
			})
		})
	}
}

// speechDirectly is a call between two telephones without anything between them.
func speechDirectly(t *testing.T) (direct [2]comparison) {
	t.Helper()
	t.Run("directly", func(t *testing.T) {
		n := newNetwork(t)
		p := party{"PCMU", keyings["RTP"]}
		twice(t, func(host int) []string {
			direct = n.converse(host+1, p, p, host+2)
			return worse(direct)
		})
	})
	return direct
}
