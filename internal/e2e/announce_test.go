package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/siptest"
)

// wav is a file of a sine: 16 bit PCM, mono.
func wav(rate int, hz float64, d time.Duration) string {
	n := int(d * time.Duration(rate) / time.Second)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+2*n))
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = append(b, "\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))))
	}
	return string(b)
}

// played is the only thing that the record says was played.
func played(t *testing.T, r *cdr.Record, to, what, codec string) time.Duration {
	t.Helper()
	if len(r.Played) != 1 || r.Played[0].To != to || r.Played[0].What != what || r.Played[0].Codec != codec || r.Played[0].Why != "" {
		t.Fatalf("the record says %+v, want %s to the %s in %s", r.Played, what, to, codec)
	}
	return r.Played[0].Took
}

// RTE-28, RTE-29: a number of ours that nobody has. The caller hears what a WAV file has in it, in early media or after a 200, and is then
// refused with the code of the rule; a file of 16 kHz, PCMA, and a tone of a country.
func TestRTE29Announcements(t *testing.T) {
	l := newLab(t)
	eight, sixteen := l.file("eight.wav", wav(8000, 640, 1200*time.Millisecond)), l.file("sixteen.wav", wav(16000, 820, 1200*time.Millisecond))
	s := l.serve(l.document("UDP") + `
announcements:
  moved: {file: ` + eight + `}
  closed: {file: ` + sixteen + `, answer: true}
  nobody: {tone: busy, country: uk, repeat: 2}
unassignedNumbers:
  - {name: moved, numberRangeStart: '+3310', to: {announcement: moved, code: 410, cause: 22}}
  - {name: closed, numberRangeStart: '+3311', to: {announcement: closed}}
  - {name: nobody, numberRangeStart: '+3312', to: {announcement: nobody}}
`)
	agents := siptest.T(t)
	agents.Allow("410")
	agents.Allow("404")
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060"})
	alaw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", Codecs: []string{"PCMA"}})
	dial := func(from *siptest.Agent, number string) *siptest.Call {
		return agents.Dial(from, l.ip(1)+":5060", "sip:"+number+"@"+l.ip(1))
	}

	call := dial(pbx, "+3310")
	agents.Wait(call, siptest.EarlyMedia)
	agents.Must(call.WaitTone(agents.Context(), 640))
	agents.Must(call.WaitPackets(agents.Context(), 60))
	agents.Wait(call, siptest.Failed)
	s.want = 1
	r := s.record()
	checkRecord(t, r, "unassigned-number", 410, "directsip")
	if took := played(t, r, "caller", "announcement moved", "PCMU"); took < 1200*time.Millisecond || r.Cause != 22 {
		t.Errorf("it was heard for %s, cause %d", took, r.Cause)
	}
	if got := call.Media(); got.Received != 60 || got.SSRCs != 1 || got.Lost != 0 || got.Malformed != 0 || got.Foreign != 0 {
		t.Errorf("the caller heard %+v", got)
	}

	call = dial(alaw, "+3311")
	agents.Wait(call, siptest.Acked)
	agents.Must(call.WaitTone(agents.Context(), 820))
	agents.Wait(call, siptest.HungUp, siptest.Ended)
	s.want = 2
	r = s.records(2)[1]
	checkRecord(t, r, "unassigned-number", 200, "directsip")
	played(t, r, "caller", "announcement closed", "PCMA")

	call = dial(pbx, "+3312")
	agents.Must(call.WaitTone(agents.Context(), 400))
	agents.Must(call.WaitPackets(agents.Context(), 76))
	agents.Wait(call, siptest.Failed)
	s.want = 3
	r = s.records(3)[2]
	checkRecord(t, r, "unassigned-number", 404, "directsip")
	took := played(t, r, "caller", "busy uk", "PCMU")
	if got := call.Media(); got.Received != 76 || got.SSRCs != 1 || got.Lost != 0 || took < 1500*time.Millisecond { // four times 19 packets, and what the machine is late
		t.Errorf("it was heard for %s: %+v", took, got)
	}
	if text := s.cli(0, "why", r.ID); !strings.Contains(text, "busy uk") || !strings.Contains(text, "PCMU for "+took.Round(time.Millisecond).String()) {
		t.Errorf("directsip why says\n%s", text)
	}
}

// A caller that hangs up during an announcement ends it; one that has no codec of ours is refused at once, and the record says why.
func TestRTE29CallerLeaves(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + `
announcements:
  long: {tone: ringback, repeat: 100}
unassignedNumbers:
  - {name: long, numberRangeStart: '+3310', to: {announcement: long}}
`)
	agents := siptest.T(t)
	agents.Allow("404")
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060"})
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+3310@"+l.ip(1))
	agents.Must(call.WaitTone(agents.Context(), 425))
	call.Cancel()
	agents.Wait(call, siptest.Failed)
	s.want = 1
	r := s.record()
	checkRecord(t, r, "caller-cancelled", 487, "caller")
	played(t, r, "caller", "ringback itu", "PCMU")

	a := l.udp(3, 0)
	offer := strings.NewReplacer("RTP/AVP 0", "RTP/AVP 18", "0 PCMU", "18 G729").Replace(audio(l.ip(3), 4000))
	a.send(a.invite(l, "+3310", "no-g711", offer))
	answer := a.final("INVITE")
	if status(answer) != 404 {
		t.Fatal(answer)
	}
	a.send(a.ack(answer))
	s.want = 2
	r = s.records(2)[1]
	if len(r.Played) != 1 || r.Played[0].Why != "the caller offers no codec that can be played" || r.Played[0].Codec != "" {
		t.Errorf("the record says %+v", r.Played)
	}
}

// An announcement to a caller that speaks SRTP, which ends here.
func TestRTE29OverSRTP(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + `
announcements:
  nobody: {tone: busy, country: uk, repeat: 2}
unassignedNumbers:
  - {name: nobody, numberRangeStart: '+3312', to: {announcement: nobody}}
`)
	agents := siptest.T(t)
	agents.Allow("404")
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", SRTP: "AES_CM_128_HMAC_SHA1_80"})
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+3312@"+l.ip(1))
	agents.Must(call.WaitTone(agents.Context(), 400))
	agents.Wait(call, siptest.Failed)
	s.want = 1
	r := s.record()
	checkRecord(t, r, "unassigned-number", 404, "directsip")
	played(t, r, "caller", "busy uk", "PCMU")
}

// An announcement with a target: the caller hears it before the answer, and then whoever the target reaches, in one call of one record.
func TestRTE29Target(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + `
announcements:
  moved: {tone: busy, country: uk, repeat: 2, target: {number: '+14255550100'}}
unassignedNumbers:
  - {name: moved, numberRangeStart: '+3312', to: {announcement: moved}}
`)
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", Audio: siptest.Tone(600)})
	gw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", Audio: siptest.Tone(1000)})
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+3312@"+l.ip(1))
	agents.Wait(call, siptest.EarlyMedia)
	agents.Must(call.WaitTone(agents.Context(), 400))
	agents.Wait(call, siptest.Acked)
	in := agents.Incoming(gw, 1)
	agents.Must(call.WaitTone(agents.Context(), 1000))
	agents.Must(in.WaitTone(agents.Context(), 600))
	r := s.hungUp(agents, call, in)
	if took := played(t, r, "caller", "busy uk", "PCMU"); took < 1500*time.Millisecond || len(r.Attempts) != 1 || r.Called.Normalized != "+14255550100" {
		t.Errorf("it was heard for %s, then %+v", took, r.Attempts)
	}
	if text := strings.Join(r.Decision, "\n"); !strings.Contains(text, `is heard first, then +3312 goes to number "+14255550100"`) {
		t.Errorf("the record explains\n%s", text)
	}
}

// … or after an answer of ours: it is connected from the announcement on, hears ring-back while the target rings, and then the target.
func TestRTE29TargetAfterAnswer(t *testing.T) {
	l := newLab(t)
	s := l.serve(l.document("UDP") + `
announcements:
  moved: {file: ` + l.file("moved.wav", wav(8000, 640, 1200*time.Millisecond)) + `, answer: true, target: {number: '+14255550100'}}
unassignedNumbers:
  - {name: moved, numberRangeStart: '+3312', to: {announcement: moved}}
`)
	agents := siptest.T(t)
	pbx := agents.Agent(siptest.Config{Name: "pbx", Listen: l.ip(2) + ":5060", Audio: siptest.Tone(600)})
	gw := agents.Agent(siptest.Config{Name: "gw1", Listen: l.ip(3) + ":5060", Audio: siptest.Tone(1000)})
	heard := make(chan struct{})
	gw.Answer(siptest.Provisional(180), siptest.Custom(func(*siptest.Call) bool { <-heard; return true }), siptest.OK())
	call := agents.Dial(pbx, l.ip(1)+":5060", "sip:+3312@"+l.ip(1))
	agents.Wait(call, siptest.Acked)
	agents.Must(call.WaitTone(agents.Context(), 640))
	agents.Must(call.WaitTone(agents.Context(), 425))
	close(heard)
	in := agents.Incoming(gw, 1)
	agents.Must(call.WaitTone(agents.Context(), 1000))
	agents.Must(in.WaitTone(agents.Context(), 600))
	r := s.hungUp(agents, call, in)
	if len(r.Played) != 2 || r.Played[0].What != "announcement moved" || r.Played[1].What != "ringback itu" || len(r.Attempts) != 1 || r.Out == nil || r.Out.Trunk != "gw1" {
		t.Errorf("was heard: %+v, then %+v, answered on %+v", r.Played, r.Attempts, r.Out)
	}
}

// A real telephone that has only one codec hears an announcement in it, whole and in time, from a file as recorders write them: 44.1 kHz, stereo, 24 bits.
func TestRTE29InEveryCodec(t *testing.T) {
	t.Parallel()
	const text = "The number you have called is not in use. Please check it and call again."
	const document = `
pools:
  pool.test:
    servers:
      med1.test: {addresses: [10.99.0.1]}
gateways:
  a: {kind: pbx, host: 10.99.0.11, root: {transport: UDP}}
trunkSettings:
  global: {options: false}
announcements:
  free: {file: %s, answer: true}
unassignedNumbers:
  - {name: free, numberRangeStart: '+14255550102', to: {announcement: free}}
`
	for _, codec := range []string{"PCMU", "PCMA", "G722", "opus"} {
		t.Run(codec, func(t *testing.T) {
			n := newNetwork(t)
			file := filepath.Join(n.dir, "free.wav")
			if out, err := exec.Command(need(t, "sox", "sox"), speechAt(n.lab, "free", text, 22050), "-r", "44100", "-c", "2", "-b", "24", file).CombinedOutput(); err != nil {
				t.Fatalf("sox: %v\n%s", err, out)
			}
			s := n.serveAt(1, "med1.test", fmt.Sprintf(document, file))
			phone := n.phone(phoneConfig{host: 11, number: "+14255550101", wav: speechAt(n.lab, "long", text+text+text, sets[codec].rate), rate: sets[codec].rate, codecs: sets[codec].codec,
				dial: "sip:+14255550102@10.99.0.1"})
			phone.wait("Call established")
			r := s.record()
			phone.wait("session closed", "terminated (duration")
			checkRecord(t, r, "unassigned-number", 200, "directsip")
			if len(r.Played) != 1 || r.Played[0].Codec != codec || r.Played[0].Why != "" {
				t.Errorf("the record says %+v", r.Played)
			}
			c := closest(phone.heard(), readWAV(t, speech(n.lab, "free", text)))
			t.Logf("frames %d to %d of %d, shifted by %d, correlation %.6f, gap %d", c.from, c.to, c.said, c.shift, c.correlation, c.gap)
			if c.correlation < 0.97 {
				t.Errorf("the envelopes correlate only by %.3f", c.correlation)
			}
			for _, f := range c.faults() {
				t.Error(f)
			}
		})
	}
}
