package transport

import (
	"bytes"
	"errors"

	"github.com/directsip/directsip/internal/sip"
)

const (
	bufferStart = 4 << 10  // first size of a connection's buffer
	bufferKeep  = 16 << 10 // a larger one is given back when it is empty
)

var errNotSIP = errors.New("stream is not SIP")

// framer cuts a byte stream into messages (RFC 3261 §18.3) and takes the keep-alives out (RFC 5626 §3.5.1).
// What next returns is valid until space is called.
type framer struct {
	lim     *sip.Limits
	buf     []byte
	r       int // buf[:r] has been consumed
	head    sip.Framer
	eols    int  // line ends since the last message or ping
	started bool // buf[r:] begins with a message
	known   bool // … whose start line is one of SIP
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
		return nil, pings, errNotSIP
	}
	if !f.known {
		line, _, whole := bytes.Cut(rest, []byte("\n"))
		if whole && !isStartLine(line) {
			return nil, pings, errNotSIP
		}
		f.known = whole
	}
	start, n, err := f.head.Next(rest, f.lim)
	if err != nil || n == 0 {
		return nil, pings, err
	}
	f.r += start + n
	f.eols, f.started, f.known = 0, false, false
	return rest[start : start+n : start+n], pings, nil
}

// isStartLine tells whether a line begins a message: it names the version of SIP, first or last (RFC 3261 §7.1, §7.2). What is left of a body that is longer than
// its Content-Length does not, and would hide the message behind it.
func isStartLine(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r")
	last := line[bytes.LastIndexByte(line, ' ')+1:]
	named := func(b []byte) bool { return len(b) >= 4 && bytes.EqualFold(b[:4], []byte("SIP/")) }
	return named(line) || named(last)
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
