package transport

import (
	"bytes"
	"errors"

	"github.com/directsip/directsip/internal/sip"
)

const (
	bufferStart = 4 << 10  // first size of a connection's buffer
	bufferKeep  = 16 << 10 // a larger one is given back when it is empty
	bufferMax   = 65535    // a message without a limit of its own; the limit of package sip
)

var (
	errTooLarge = errors.New("message is larger than the limit")
	headerEnd   = []byte("\n\r\n")
)

// framer cuts a byte stream into messages (RFC 3261 §18.3) and takes the keep-alives out (RFC 5626 §3.5.1).
// What next returns is valid until space is called.
type framer struct {
	lim     *sip.Limits
	buf     []byte
	r       int  // buf[:r] has been consumed
	scanned int  // buf[r:r+scanned] has no end of a header
	eols    int  // line ends since the last message or ping
	started bool // buf[r:] begins with a message
}

func (f *framer) max() int {
	if f.lim != nil && f.lim.MaxSize > 0 {
		return f.lim.MaxSize
	}
	return bufferMax
}

// partial tells whether a message has begun and not ended.
func (f *framer) partial() bool { return f.started }

// space is where the next bytes go; never empty.
func (f *framer) space() []byte {
	if f.r > 0 {
		n := copy(f.buf, f.buf[f.r:])
		f.buf, f.r = f.buf[:n], 0
	}
	switch {
	case len(f.buf) == 0 && (f.buf == nil || cap(f.buf) > bufferKeep):
		f.buf = make([]byte, 0, bufferStart)
	case len(f.buf) == cap(f.buf):
		f.buf = append(make([]byte, 0, 2*cap(f.buf)), f.buf...)
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

// filled says that n bytes of space have been written.
func (f *framer) filled(n int) { f.buf = f.buf[:len(f.buf)+n] }

// next returns the next whole message, or nil when more bytes are needed, and the number of keep-alive
// requests before it. After an error the stream cannot be read on.
func (f *framer) next() (msg []byte, pings int, err error) {
	pings = f.skipEmptyLines()
	rest := f.buf[f.r:]
	f.started = len(rest) > 0
	if !f.started {
		return nil, pings, nil
	}
	if !startsMessage(rest[0]) {
		return nil, pings, errors.New("stream is not SIP")
	}
	// The header is looked at again only when its end has come, so that a peer that trickles costs little.
	from := max(0, f.scanned-len(headerEnd)+1)
	if !bytes.Contains(rest[from:], headerEnd) {
		f.scanned = len(rest)
		if len(rest) > f.max() {
			return nil, pings, errTooLarge
		}
		return nil, pings, nil
	}
	start, n, err := sip.Frame(rest, f.lim)
	switch {
	case err != nil:
		return nil, pings, err
	case n == 0:
		if len(rest) > f.max() {
			return nil, pings, errTooLarge
		}
		return nil, pings, nil
	}
	f.r += start + n
	f.scanned, f.eols, f.started = 0, 0, f.r < len(f.buf)
	return rest[start : start+n : start+n], pings, nil
}

// skipEmptyLines consumes line ends before a message and counts the pairs.
func (f *framer) skipEmptyLines() (pings int) {
	for f.r < len(f.buf) && !f.started {
		switch f.buf[f.r] {
		case '\n':
			if f.eols++; f.eols == 2 {
				pings++
				f.eols = 0
			}
		case '\r':
		default:
			return pings
		}
		f.r++
	}
	return pings
}
