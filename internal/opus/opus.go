// Package opus is Opus (RFC 6716) by libopus.so.0, which is loaded when the program runs: where the library is missing, Opus is not offered, and
// all else works. Its functions are called without cgo, and on amd64 as if they were Go.
package opus

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// soname is Debian's libopus0. The functions used here have been the same since version 1.0.
const soname = "libopus.so.0"

// Library is libopus.
type Library struct {
	encoderSize, encoderInit, encode, encoderCtl uintptr
	decoderSize, decoderInit, decode             uintptr
	version                                      string
}

var load = sync.OnceValues(func() (*Library, error) { return open(soname) })

// Load loads the library, once for the process.
func Load() (*Library, error) { return load() }

func open(name string) (*Library, error) {
	runtime.LockOSThread() // why it cannot be loaded, the loader tells the thread that has asked
	defer runtime.UnlockOSThread()
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	l := &Library{}
	var version uintptr
	for function, to := range map[string]*uintptr{
		"opus_encoder_get_size": &l.encoderSize, "opus_encoder_init": &l.encoderInit, "opus_encode": &l.encode, "opus_encoder_ctl": &l.encoderCtl,
		"opus_decoder_get_size": &l.decoderSize, "opus_decoder_init": &l.decoderInit, "opus_decode": &l.decode,
		"opus_get_version_string": &version,
	} {
		if *to, err = purego.Dlsym(handle, function); err != nil {
			return nil, fmt.Errorf("opus: %w", err)
		}
	}
	var say func() string
	purego.RegisterFunc(&say, version)
	l.version = say()
	return l, nil
}

// Version is what the library says of itself: "libopus 1.3.1".
func (l *Library) Version() string { return l.version }

// state is memory for an encoder or decoder. The library keeps no pointer into it, so it lies where the garbage collector has it, and ends with the
// call.
func (l *Library) state(size uintptr) []uint64 {
	n, _, _ := purego.SyscallN(size, 1)
	return make([]uint64, (int(int32(n))+7)/8)
}

// Settings of the encoder (opus_defines.h).
const (
	applicationVoIP  = 2048
	applicationAudio = 2049
	setBitrate       = 4002
	setVBR           = 4006
	setComplexity    = 4010
	setSignal        = 4024
	signalVoice      = 3001
)

// settings are how speech is coded.
type settings struct {
	application uintptr
	signal      uintptr // 0: the encoder finds out
	complexity  uintptr // 0 to 10
	bitrate     uintptr // bit/s
	constant    bool
}

// settingsAt are the settings for samples at a rate in Hz, with most bit/s at most (0: as many as are good). They are chosen by what six voices of espeak-ng
// lost on the way there and back (libopus 1.3.1, 20 ms; BenchmarkSettings). SNR is that of 20 ms each; the distance of spectra is in dB over bands of the
// ear, without loss and with 5 % of the packets lost.
//
//	                      at 8 kHz                             at 16 kHz
//	                      µs   SNR dB   distance, with loss     µs   SNR dB   distance, with loss
//	VoIP, 5, 24 kbit/s    88     9.3      1.88        2.91     142     8.9      2.38        3.43
//	voice, 0, 24          42    19.9      1.52        2.69      56    14.4      2.74        3.74
//	voice, 1, 24          58    19.5      1.49        2.62      62    14.2      2.67        3.65
//	voice, 5, 24          89    20.5      1.48        2.54     140    16.6      2.06        3.12
//	voice, 10, 24        146    20.9      1.43        2.50     350    17.4      1.87        2.91
//	voice, 0, 32          43    23.6      1.07        2.34      67    17.6      2.08        3.19
//	unsaid, 0, 24         17    17.4      1.75        2.26      22    11.8      2.92        3.29
//	unsaid, 0, 28         23    20.1      1.36        1.91      18    13.1      2.38        2.79
//	unsaid, 0, 32         22    22.3      1.12        1.72      27    14.6      2.01        2.45
//	unsaid, 0, 40         21    25.6      0.86        1.48      26    17.4      1.54        2.03
//	unsaid, 1, 32         30    21.5      1.56        2.10      27    13.9      2.47        2.87
//	unsaid, 5, 32         48    23.3      1.42        2.34      47    15.6      2.19        2.93
//
// Unless it is told that it hears a voice, the encoder codes by MDCT at such rates. That takes half of the time or less, music is better for it (RFC 6716 §2), and
// a lost packet is heard for less long. With some kbit/s more it comes nearer to what was said than what takes a voice for one, and the least complexity
// comes nearest. With fewer kbit/s a voice is better coded as one. VoIP has a high-pass filter for microphones, which telephones have had already.
// What peers send of earlier packets (in-band FEC) is used when one was lost; to send it would take of the bits that speech has.
func settingsAt(rate, most int) settings {
	good, least := 32000, 28000
	if rate > 8000 {
		good, least = 40000, 32000
	}
	if most <= 0 || most > good {
		most = good
	}
	s := settings{application: applicationAudio, bitrate: uintptr(max(most, leastBitrate))}
	if most < least {
		s.signal = signalVoice
	}
	return s
}

// maxPacket is more than a packet of any of our settings has.
const maxPacket = 1275

// caller calls functions of the library without memory per call. What the arguments point to is kept in it, so that it lies on the heap, where
// nothing moves.
type caller struct {
	lib   *Library
	state []uint64
	args  [6]uintptr
	pcm   []int16
	bytes []byte
}

// call calls fn with the state and what is in args behind it.
func (c *caller) call(fn uintptr, n int) int {
	c.args[0] = uintptr(unsafe.Pointer(&c.state[0]))
	r, ok := direct(fn, &c.args)
	if !ok {
		r, _, _ = purego.SyscallN(fn, c.args[:n]...)
	}
	runtime.KeepAlive(c)
	c.pcm, c.bytes = nil, nil
	return int(int32(r))
}

// Encoder codes one direction of a call.
type Encoder struct {
	caller
	room [maxPacket]byte
}

// leastBitrate is that of the library, in bit/s.
const leastBitrate = 6000

// NewEncoder returns an encoder of mono samples at 8, 12, 16, 24 or 48 kHz, with bitrate bit/s at most (0: as many as are good), and always
// the same where constant. nil: the library refuses.
func (l *Library) NewEncoder(rate, bitrate int, constant bool) *Encoder {
	s := settingsAt(rate, bitrate)
	s.constant = constant
	return l.newEncoder(rate, s)
}

func (l *Library) newEncoder(rate int, s settings) *Encoder {
	e := &Encoder{caller: caller{lib: l, state: l.state(l.encoderSize)}}
	e.args = [6]uintptr{1: uintptr(rate), 2: 1, 3: s.application}
	if e.call(l.encoderInit, 4) != 0 {
		return nil
	}
	set := func(what, value uintptr) {
		e.args[1], e.args[2] = what, value
		e.call(l.encoderCtl, 3)
	}
	set(setBitrate, s.bitrate)
	set(setComplexity, s.complexity)
	if s.signal != 0 {
		set(setSignal, s.signal)
	}
	if s.constant {
		set(setVBR, 0)
	}
	return e
}

// Encode appends the packet of 10, 20, 40 or 60 ms to dst; nothing for another length.
func (e *Encoder) Encode(dst []byte, pcm []int16) []byte {
	if len(pcm) == 0 {
		return dst
	}
	e.pcm = pcm
	e.args = [6]uintptr{1: uintptr(unsafe.Pointer(&e.pcm[0])), 2: uintptr(len(pcm)), 3: uintptr(unsafe.Pointer(&e.room[0])), 4: maxPacket}
	return append(dst, e.room[:max(0, e.call(e.lib.encode, 5))]...)
}

// Decoder decodes one direction of a call.
type Decoder struct{ caller }

// NewDecoder returns a decoder to mono samples at 8, 12, 16, 24 or 48 kHz. nil: the library refuses.
func (l *Library) NewDecoder(rate int) *Decoder {
	d := &Decoder{caller{lib: l, state: l.state(l.decoderSize)}}
	d.args = [6]uintptr{1: uintptr(rate), 2: 1}
	if d.call(l.decoderInit, 3) != 0 {
		return nil
	}
	return d
}

// Decode writes the samples of a packet to pcm and returns how many; 0 for what is none, or does not fit.
func (d *Decoder) Decode(pcm []int16, packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	return d.decode(pcm, packet, 0)
}

// Conceal fills pcm, a multiple of 2.5 ms, with what may have been in a lost packet: what the next one says of it, if there is one and it does.
func (d *Decoder) Conceal(pcm []int16, next []byte) {
	fec := uintptr(0)
	if len(next) > 0 {
		fec = 1
	}
	clear(pcm[d.decode(pcm, next, fec):])
}

func (d *Decoder) decode(pcm []int16, packet []byte, fec uintptr) int {
	if len(pcm) == 0 {
		return 0
	}
	d.pcm, d.bytes = pcm, packet
	d.args = [6]uintptr{1: uintptr(unsafe.Pointer(unsafe.SliceData(d.bytes))), 2: uintptr(len(packet)), 3: uintptr(unsafe.Pointer(&d.pcm[0])),
		4: uintptr(len(pcm)), 5: fec}
	if len(packet) == 0 {
		d.args[1] = 0
	}
	return max(0, d.call(d.lib.decode, 6))
}
