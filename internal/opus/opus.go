// Package opus is Opus (RFC 6716) by libopus.so.0, which is loaded when the program runs: where the library is missing, Opus is not offered, and
// all else works. Its functions are called without cgo.
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
	applicationVoIP = 2048
	setBitrate      = 4002
	setComplexity   = 4010
)

// bitrate of speech in bit/s, and complexity: at 8 kHz half the time of the highest one, for a difference that nobody hears on a telephone. What
// peers send of earlier packets (in-band FEC) is used when one was lost; to send it would take half as long again for each packet.
const (
	bitrate    = 24000
	complexity = 5
)

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
	r, _, _ := purego.SyscallN(fn, c.args[:n]...)
	runtime.KeepAlive(c)
	c.pcm, c.bytes = nil, nil
	return int(int32(r))
}

// Encoder codes one direction of a call.
type Encoder struct {
	caller
	room [maxPacket]byte
}

// NewEncoder returns an encoder of mono samples at 8, 12, 16, 24 or 48 kHz. nil: the library refuses.
func (l *Library) NewEncoder(rate int) *Encoder {
	e := &Encoder{caller: caller{lib: l, state: l.state(l.encoderSize)}}
	e.args = [6]uintptr{1: uintptr(rate), 2: 1, 3: applicationVoIP}
	if e.call(l.encoderInit, 4) != 0 {
		return nil
	}
	for _, set := range [...][2]uintptr{{setBitrate, bitrate}, {setComplexity, complexity}} {
		e.args[1], e.args[2] = set[0], set[1]
		e.call(l.encoderCtl, 3)
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
