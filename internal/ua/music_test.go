package ua_test

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/media"
)

// SIG-12: who is held hears music of ours also where its media is SRTP whose keys end here, by SDES and by DTLS; where the keys are the peers' it hears nothing. A holder
// that says inactive is shown as sendonly where music is heard.
func TestSIG12MusicUnderKeys(t *testing.T) {
	sdes := keyed(bodies[1], strings.Replace(uc80, "crypto:3", "crypto:1", 1))
	dtls := strings.Replace(bodies[1], "RTP/AVP", "UDP/TLS/RTP/SAVP", 1) + theirPrint + "a=setup:active\r\n"
	for name, row := range map[string]struct {
		callee, offer, answer string
		heard                 bool
	}{
		"no keys":   {"srtpMode: accept", bodies[0], bodies[1], true},
		"SDES":      {"srtpMode: required", bodies[0], sdes, true},
		"DTLS":      {"srtpMode: required, srtpKeying: dtls", bodies[0], dtls, true},
		"passed on": {"srtpMode: pass", keyed(bodies[0], uc80), keyed(bodies[1], uc80), false},
	} {
		t.Run(name, func(t *testing.T) {
			caller := map[bool]string{true: "musicOnHold: generate, ", false: "musicOnHold: generate, srtpMode: pass, "}[row.heard]
			r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, `+row.callee+"}\n  "+`"trunk:uc": {`+caller, 1))
			r.env.Fingerprint = ourPrint
			holder, held := r.endsOf(row.offer, row.answer)
			holder.ack(1)
			holder.says("INVITE", strings.NewReplacer("sendrecv", "inactive", "20518 0", "20518 1").Replace(row.offer))
			inv, shown := r.told("INVITE")
			want := map[bool]string{true: "sendonly", false: "inactive"}[row.heard]
			if got := shown.Media[0].Direction.String(); got != want {
				t.Errorf("who is held is told %s, want %s", got, want)
			}
			answer := map[bool]string{true: "recvonly", false: "inactive"}[row.heard]
			held.answers("200 OK", inv, strings.NewReplacer("sendrecv", answer, "20518 0", "20518 1").Replace(row.answer))
			if p := r.session.Play; (p != nil) != row.heard || p != nil && (p.To != 1 || p.Codec != media.PCMA) {
				t.Errorf("it is played %+v", p)
			}
		})
	}
}

// SIG-12: who takes the seat of one that is held is told to listen, too, when the holder goes on saying inactive: it hears the music.
func TestSIG12MusicForWhoTakesASeat(t *testing.T) {
	inactive := strings.NewReplacer("sendrecv", "inactive", "20518 0", "20518 1").Replace(bodies[1])
	for name, comes := range map[string]func(r *rig, holder, held *end) (told string){
		"by INVITE with Replaces": func(r *rig, holder, held *end) string {
			r.out.Reset()
			r.in(r.uc, with(request("INVITE", "1", "i2", "other", "other", "", bodies[0]), "Replaces: "+held.callID+";to-tag="+tagOf(held.to)+";from-tag="+tagOf(held.from)))
			holder.answers("200 OK", r.first("INVITE"), inactive)
			return "SIP/2.0 200"
		},
		"called": func(r *rig, holder, held *end) string {
			inv := refer(r, held)
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "second", bodies[1]))
			holder.answers("200 OK", r.first("INVITE"), inactive)
			return "INVITE"
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := rigOf(t, strings.Replace(document, `"trunk:uc": {`, `"trunk:pstn": {options: false, musicOnHold: generate}`+"\n  "+`"trunk:uc": {acceptRefer: true, `, 1))
			held, holder := r.acknowledged()
			_, shown := r.told(comes(r, holder, held))
			if got := shown.Media[0].Direction.String(); got != "sendonly" {
				t.Errorf("who comes is told %s, want sendonly", got)
			}
			if p := r.session.Play; p == nil || p.To != 0 {
				t.Errorf("it is played %+v", p)
			}
		})
	}
}
