package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// format is a codec as an end of a call has it. The empty one is PCMU that says nothing: what only passes need not be speech.
type format struct {
	name        string // as it is written in tables and asked for
	encoding    string // of a=rtpmap
	payloadType uint8
	ticks       uint32   // of its clock in 20 ms
	rate        int      // of the samples, Hz
	coder       []string // of ffmpeg
	octets      int      // of 20 ms; 0: as the packets of an Ogg stream have it
	speech      *speech
	narrow      *speech // of the telephone's band, as it is asked for by the name of RFC 7587 §6.1; nil: it always sends the whole band
}

// sends is what an end says that was told so.
func (f format) sends(told string) *speech {
	if f.narrow != nil && strings.Contains(told, "maxplaybackrate=8000") {
		return f.narrow
	}
	return f.speech
}

// The codecs that are converted. Opus is what telephones of WebRTC send: 24 kbit/s of 48 kHz.
var (
	pcmu = format{name: "PCMU", encoding: "PCMU/8000", payloadType: 0, ticks: 160, rate: 8000, coder: []string{"pcm_mulaw", "-f", "mulaw"}, octets: 160}
	pcma = format{name: "PCMA", encoding: "PCMA/8000", payloadType: 8, ticks: 160, rate: 8000, coder: []string{"pcm_alaw", "-f", "alaw"}, octets: 160}
	g722 = format{name: "G722", encoding: "G722/8000", payloadType: 9, ticks: 160, rate: 16000, coder: []string{"g722", "-f", "g722"}, octets: 160}
	opus = format{name: "opus", encoding: "opus/48000/2", payloadType: 111, ticks: 960, rate: 48000, coder: []string{"libopus", "-application", "voip",
		"-b:a", "24k", "-f", "ogg"}}
)

// speech is what is sent as a format, 20 ms each. It is real, because silence and noise are quicker to code than speech is, or slower.
type speech struct {
	payloads    [][]byte
	payloadType uint8
	ticks       uint32
}

// said is what is said, over and over.
const said = "The boy was there when the sun rose. A rod is used to catch pink salmon. The source of the huge river is the clear spring. " +
	"Kick the ball straight and follow through. Help the woman get back to her feet. A pot of tea helps to pass the evening."

// speak has espeak-ng say it and ffmpeg code it.
func (f format) speak(dir string) (format, error) {
	text, coded := filepath.Join(dir, "said.wav"), filepath.Join(dir, f.name)
	if err := run("espeak-ng", "-w", text, said); err != nil {
		return f, err
	}
	var err error
	if f.speech, err = f.code(text, coded); err != nil || f.octets > 0 {
		return f, err
	}
	f.narrow, err = f.code(text, coded, "-cutoff", "4000")
	return f, err
}

// code has a file coded into another, and reads the packets.
func (f format) code(text, coded string, options ...string) (*speech, error) {
	argv := slices.Concat([]string{"ffmpeg", "-v", "error", "-y", "-i", text, "-ac", "1", "-ar", strconv.Itoa(f.rate), "-c:a"}, f.coder, options)
	if err := run(append(argv, coded)...); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(coded)
	if err != nil {
		return nil, err
	}
	s := &speech{payloadType: f.payloadType, ticks: f.ticks}
	if f.octets == 0 {
		s.payloads = oggPackets(b)
		s.payloads = s.payloads[min(len(s.payloads), 2):] // the two of its head (RFC 7845 §3)
	}
	for ; f.octets > 0 && len(b) >= f.octets; b = b[f.octets:] {
		s.payloads = append(s.payloads, b[:f.octets])
	}
	for _, p := range s.payloads {
		if len(p) > rtpSize-12 {
			return nil, fmt.Errorf("%s: a packet of %d octets", f.name, len(p))
		}
	}
	if len(s.payloads) < 100 {
		return nil, fmt.Errorf("%s: %d packets of speech", f.name, len(s.payloads))
	}
	return s, nil
}

// oggPackets are the packets of a stream in Ogg (RFC 3533 §6).
func oggPackets(b []byte) (list [][]byte) {
	const head = 27
	var packet []byte
	for len(b) >= head && bytes.HasPrefix(b, []byte("OggS")) {
		table := b[head:]
		n := int(b[head-1])
		if len(table) < n {
			break
		}
		body := table[n:]
		for _, size := range table[:n] {
			part := body[:min(int(size), len(body))]
			body = body[len(part):]
			if packet = append(packet, part...); size < 255 {
				list, packet = append(list, packet), nil
			}
		}
		b = body
	}
	return list
}
