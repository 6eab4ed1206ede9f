package opus

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/codec"
)

// Settings of the encoder (opus_defines.h) that peers have and we have not.
const (
	setInbandFEC  = 4012
	setLossShare  = 4014
	setDTX        = 4016
	peerBitrate   = 24000
	peerRate      = 16000
	peerLossShare = 20
)

// peer is the encoder of a telephone that speaks Opus.
func peer(l *Library, what, value uintptr) *Encoder {
	e := l.newEncoder(peerRate, settings{application: applicationVoIP, signal: signalVoice, complexity: 5, bitrate: peerBitrate})
	for _, s := range [][2]uintptr{{what, value}, {setLossShare, peerLossShare}} {
		e.args[1], e.args[2] = s[0], s[1]
		e.call(l.encoderCtl, 3)
	}
	return e
}

// toPCMU is a path from Opus.
func toPCMU(l *Library) *codec.Path {
	return codec.NewPath(codec.PathConfig{Rate: 8000, Encoder: codec.MuLaw, Output: codec.Output{Clock: 8000}, Samples: 160,
		Inputs: []codec.Input{{PayloadType: 111, Clock: 48000, Decoder: l.NewDecoder(8000)}}})
}

// hear collects what a path sends, each packet at its time.
func hear(p *codec.Path, now time.Duration, out *codec.Out, pcm []int16) []int16 {
	for out.Reset(); p.Next(now, out); out.Reset() {
		pcm = heard(out, pcm)
	}
	return pcm
}

func heard(out *codec.Out, pcm []int16) []int16 {
	for _, s := range out.Packets {
		for len(pcm) < int(s.Timestamp) {
			pcm = append(pcm, 0)
		}
		part := make([]int16, len(s.Payload))
		codec.MuLaw.Decode(part, s.Payload)
		pcm = append(pcm, part...)
	}
	return pcm
}

// TestLossesThatThePeerRepeats: of a lost packet that the next one has in it again (RFC 6716 §2.1.7) is heard what was said, however long packets are.
func TestLossesThatThePeerRepeats(t *testing.T) {
	l := library(t)
	said := voiced(6*peerRate, peerRate)
	for _, ms := range []int{20, 40, 60} {
		n := peerRate / 1000 * ms
		run := func(fec uintptr, lossy bool) (pcm []int16) {
			e, p, out := peer(l, setInbandFEC, fec), toPCMU(l), new(codec.Out)
			for i := range len(said) / n {
				packet := e.Encode(nil, said[i*n:(i+1)*n])
				if lossy && i%7 == 5 {
					continue
				}
				now := time.Duration(i*ms) * time.Millisecond
				p.Put(&codec.Packet{Sequence: uint16(i), Timestamp: uint32(48 * ms * i), PayloadType: 111, Payload: packet}, now)
				pcm = hear(p, now, out, pcm)
			}
			return pcm
		}
		distance := func(fec uintptr) float64 {
			whole, holey := run(fec, false), run(fec, true)
			var error, signal float64
			for i := range min(len(whole), len(holey)) {
				error += math.Pow(float64(whole[i])-float64(holey[i]), 2)
				signal += math.Pow(float64(whole[i]), 2)
			}
			return 10 * math.Log10(signal/error)
		}
		if with, without := distance(1), distance(0); with < 18 || with < without+5 {
			t.Errorf("packets of %d ms: %.1f dB with what the peer repeats, %.1f without", ms, with, without)
		}
	}
}

// TestPausesOfThePeer: who sends little of silence, or nothing, is heard without a hole, and what comes behind it in time.
func TestPausesOfThePeer(t *testing.T) {
	l := library(t)
	said := voiced(6*peerRate, peerRate)
	clear(said[2*peerRate : 4*peerRate])
	for _, ms := range []int{20, 60} {
		for _, sparing := range []bool{false, true} {
			e, p, out := peer(l, setDTX, 1), toPCMU(l), new(codec.Out)
			n, sequence, skipped, still := peerRate/1000*ms, uint16(0), 0, 0
			var pcm []int16
			for at := 0; at < 6000; at += 20 {
				now := time.Duration(at) * time.Millisecond
				if p.Restless() {
					out.Reset()
					p.Beat(now, out)
					pcm = hear(p, now, out, heard(out, pcm))
				}
				if at%ms != 0 {
					continue
				}
				packet := e.Encode(nil, said[at*peerRate/1000:at*peerRate/1000+n])
				if still++; len(packet) > 2 {
					still = 0
				}
				if sparing && still > 1 {
					skipped++
					continue
				}
				p.Put(&codec.Packet{Sequence: sequence, Timestamp: uint32(48 * at), PayloadType: 111, Payload: packet}, now)
				sequence++
				pcm = hear(p, now, out, pcm)
			}
			if sparing == (skipped == 0) || len(pcm) < 8*5900 || len(pcm) > 8*6100 {
				t.Errorf("packets of %d ms, %d not sent: %d samples of %d", ms, skipped, len(pcm), 8*6000)
			}
		}
	}
}

// TestKeysThroughLosses: where the peer repeats what is lost (in-band FEC) few keys that are pressed as tones are told twice or not at all, though every fifteenth packet is.
func TestKeysThroughLosses(t *testing.T) {
	const ms, key = 20, 320 // ms of packets; a key and the pause behind it
	l := library(t)
	random := rand.New(rand.NewPCG(5, 6))
	wrong := 0
	for range 40 {
		said, want := make([]int16, peerRate/2), ""
		for range 8 {
			k := "0123456789*#"[random.IntN(12)]
			tone, _ := codec.NewTone(k, -8, peerRate)
			pressed := make([]int16, peerRate/1000*key)
			tone.Fill(pressed[:len(pressed)*5/8])
			said, want = append(said, pressed...), want+string(k)
		}
		e, out, got := peer(l, setInbandFEC, 1), new(codec.Out), ""
		p := codec.NewPath(codec.PathConfig{Rate: 8000, Encoder: codec.MuLaw, Output: codec.Output{Clock: 8000}, Event: codec.Output{PayloadType: 101, Clock: 8000}, Listen: true,
			Samples: 160, Inputs: []codec.Input{{PayloadType: 111, Clock: 48000, Decoder: l.NewDecoder(8000)}}})
		n, lost := peerRate/1000*ms, false
		for i := range len(said) / n {
			packet := e.Encode(nil, said[i*n:(i+1)*n])
			if lost = !lost && random.IntN(15) == 0; lost {
				continue
			}
			now := time.Duration(i*ms) * time.Millisecond
			p.Put(&codec.Packet{Sequence: uint16(i), Timestamp: uint32(48 * ms * i), PayloadType: 111, Payload: packet}, now)
			for out.Reset(); p.Next(now, out); out.Reset() {
				for _, k := range out.Keys {
					got += string(k.Key)
				}
			}
		}
		if got != want {
			wrong++
			t.Logf("%q, want %q", got, want)
		}
	}
	if wrong > 6 {
		t.Errorf("%d of 40 rows of 8 keys are wrong", wrong)
	}
}
