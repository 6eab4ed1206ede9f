package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/siptest"
)

// speakers are a PBX and a gateway that send tones, each with a crypto suite or RTP.
func speakers(t *testing.T, l *lab, pbxSuite, gwSuite string) (agents *siptest.Tester, pbx, gw *siptest.Agent) {
	agents = siptest.T(t)
	pbx = agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", SRTP: pbxSuite, Audio: siptest.Tone(400)})
	gw = agents.Agent(siptest.Config{Name: "gw", Listen: l.ip(3) + ":5060", SRTP: gwSuite, Audio: siptest.Tone(700)})
	return agents, pbx, gw
}

// secured is a document whose trunks have an srtpMode each.
func (l *lab) secured(pbx, gw string) string {
	return l.document("UDP") + "  trunk:pbx: {usages: [all], options: false, srtpMode: " + pbx + "}\n  trunk:gw1: {usages: [all], options: false, srtpMode: " + gw + "}\n"
}

// TRK-03, MED-03, MED-04: each side has RTP or SRTP of its own, with every suite; audio goes both ways, also after hold, and in a call from
// the other side. Keys are in no log, record or answer of ours to who may see calls.
func TestTRK03SRTPOnEachSide(t *testing.T) {
	t.Parallel()
	const cm80, cm32, gcm128, gcm256 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"
	for _, c := range []struct{ name, pbx, gw, pbxMode, gwMode string }{
		{"SRTP to RTP", cm80, "", "accept", "accept"},
		{"SRTP to RTP that may be neither", cm32, "", "required", "notSupported"},
		{"RTP to SRTP", "", gcm256, "notSupported", "required"},
		{"SRTP to SRTP", gcm128, cm80, "required", "required"},
		{"keys offered, RTP taken", "", "", "optional", "optional"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.secured(c.pbxMode, c.gwMode))
			agents, pbx, gw := speakers(t, l, c.pbx, c.gw)
			out := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
			in := agents.Incoming(gw, 1)
			agents.Wait(in, siptest.Acked)
			hear := func() {
				t.Helper()
				agents.Must(out.WaitTone(agents.Context(), 700))
				agents.Must(in.WaitTone(agents.Context(), 400))
			}
			hear()
			for _, d := range []siptest.Direction{siptest.SendOnly, siptest.SendRecv} {
				if r, err := out.Reinvite(agents.Context(), d); err != nil || r.Status != 200 {
					t.Fatal(r, err)
				}
			}
			hear()
			out.Hangup()
			agents.Wait(in, siptest.Ended)
			if c.pbx != "" && c.pbxMode == "accept" { // it takes SRTP only, and is offered RTP
				checkRecord(t, s.record(), "normal-clearing", 200, "caller")
				s.tellsNoKey()
				return
			}
			back := agents.Dial(gw, l.ip(1)+":5060", "sip:+493012345@"+l.ip(1))
			there := agents.Incoming(pbx, 1)
			agents.Wait(there, siptest.Acked)
			agents.Must(back.WaitTone(agents.Context(), 400))
			agents.Must(there.WaitTone(agents.Context(), 700))
			back.Hangup()
			agents.Wait(there, siptest.Ended)
			for _, call := range []*siptest.Call{out, in, back, there} {
				if m := call.Media(); m.Unauthentic > 0 || m.Malformed > 0 {
					t.Errorf("%+v", m)
				}
			}
			for i, r := range s.records(2) {
				checkRecord(t, r, "normal-clearing", 200, "caller")
				if len(r.Media) != 2 || r.Media[i].SRTP != c.pbx || r.Media[1-i].SRTP != c.gw {
					t.Errorf("media of the record: %+v", r.Media)
				}
			}
			s.tellsNoKey()
		})
	}
}

// tellsNoKey looks for keys wherever the server writes: its log, and its records in every form.
func (s *server) tellsNoKey() {
	s.t.Helper()
	check := func(where, text string) {
		if i := strings.Index(text, "inline:"); i >= 0 {
			s.t.Errorf("%s has a key: %s", where, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	s.mu.Lock()
	check("the log", strings.Join(s.log, "\n"))
	s.mu.Unlock()
	_ = filepath.WalkDir(s.data, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if b, err := os.ReadFile(path); err == nil {
				check(path, string(b))
			}
		}
		return nil
	})
}

// TRK-03: what the mode of a trunk does not allow is refused with 488 and the reason, on either side.
func TestTRK03Refused(t *testing.T) {
	t.Parallel()
	const suite = "AES_CM_128_HMAC_SHA1_80"
	for _, c := range []struct{ name, pbx, gw, pbxMode, gwMode, reason string }{
		{"RTP from a caller who must have SRTP", "", "", "required", "accept", "srtp-required"},
		{"SRTP from a caller who must not", suite, "", "notSupported", "accept", "srtp-not-supported"},
		{"a suite that the trunk does not have", "AEAD_AES_128_GCM", "", "accept, srtpSuites: [" + suite + "]", "accept", "srtp-no-keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(l.secured(c.pbxMode, c.gwMode))
			agents, pbx, _ := speakers(t, l, c.pbx, c.gw)
			out := agents.Dial(pbx, l.ip(1)+":5060", "sip:+14255550100@"+l.ip(1))
			agents.Wait(out, siptest.Failed)
			if out.Status() != 488 {
				t.Errorf("status %d", out.Status())
			}
			checkRecord(t, s.record(), c.reason, 488, "directsip")
		})
	}
}
