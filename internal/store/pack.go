package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"

	"github.com/directsip/directsip/internal/cdr"
)

// A stored record is one byte that names the form, and the record:
//
//	0  JSON
//	1  JSON packed with dictionary 1
//
// Packing is a byte-oriented LZ77 with a fixed dictionary. It costs less than the writing that it saves
// (journal, write-ahead log and database each take the record once); flate would cost five times as much.
// A packed record is its unpacked length (uvarint) and then a row of
//
//	literals  uvarint n, n bytes
//	copy      uvarint length-4, uvarint distance; left out at the end
//
// where the distance reaches back over the output and, before it, the dictionary.
const (
	formJSON   = 0
	formPacked = 1

	hashBits  = 12
	minMatch  = 4
	maxRecord = 8 << 20 // unpacked; bounds what a damaged length can ask for
)

var errPacked = errors.New("packed record is damaged")

// dictionary1 must never change: stored records refer to it. The more usual comes last.
const dictionary1 = `,"emergency":true,"detail":","calling_user":","pool":","cause":"gated":,"dropped":,"class":"peer-fault"` +
	`"congestion""number-fault""user-verdict""cancelled"],"transport":"TCP","CANCEL sip:ACK sip:UPDATE sip:PRACK sip:` +
	`183 Session Progress (INVITE)487 Request Terminated (INVITE)503 Service Unavailable (INVITE)404 Not Found (INVITE)` +
	`200 OK (BYE)BYE sip:100 Trying (INVITE)180 Ringing (INVITE)200 OK (INVITE)INVITE sip:+1;user=phone","sdp":true},` +
	`{"id":"","server":"","version":"2026-0","start":"2026-,"ringing":"2026-,"answered":"2026-,"end":"2026-` +
	`,"in":{"trunk":"","gateway":"","call_id":"","from_tag":"","to_tag":"","remote":"10.192.168.:5060","transport":"UDP",` +
	`"codec":"PCMU","user_agent":""},"out":{"trunk":"","transport":"TLS","codec":"PCMA"},"called":{"received":"+1","normalized":"+1` +
	`","sent":"+1"},"calling":{"received":"+1","normalized":"+1"},"user":"","usage":"","route":"","attempts":[{"trunk":"` +
	`","remote":":5061","called":"","calling":"","at":"2026-","took":,"status":200,"class":"answered"}],"reason":"normal` +
	`","status":200,"cause":16,"ended_by":"directsip","callee","caller","media":[{"stream":0,"from":"callee","source":"` +
	`","packets":,"bytes":,"rtcp":,"lost":,"jitter":,"first":"2026-,"last":"2026-"},{"stream":0,"from":"caller","source":` +
	`],"decision":["","],"ladder":[{"at":"2026-Z","leg":"a","out":false,"line":"Z","leg":"b1","out":true,"line":"`

// packer has the buffers of one goroutine.
type packer struct {
	text  []byte // dictionary and JSON
	table [1 << hashBits]uint32
	start [1 << hashBits]uint32 // table of the dictionary alone
}

func newPacker() *packer {
	p := &packer{text: []byte(dictionary1)}
	for i := 0; i+minMatch <= len(dictionary1); i++ {
		p.start[hash4(p.text, i)] = uint32(i)
	}
	return p
}

func hash4(b []byte, i int) uint32 {
	return binary.LittleEndian.Uint32(b[i:]) * 2654435761 >> (32 - hashBits)
}

// appendRecord appends the stored form of rec.
func (p *packer) appendRecord(b []byte, rec *cdr.Record) []byte {
	p.text = rec.AppendJSON(p.text[:len(dictionary1)])
	if len(p.text)-len(dictionary1) > maxRecord {
		return append(append(b, formJSON), p.text[len(dictionary1):]...)
	}
	return p.pack(append(b, formPacked))
}

// pack appends the packed text.
func (p *packer) pack(b []byte) []byte {
	p.table = p.start
	src := p.text
	b = binary.AppendUvarint(b, uint64(len(src)-len(dictionary1)))
	from := len(dictionary1) // of literals not yet written
	end := len(src) - 8      // what lies behind is literals
	for i := from; i < end; {
		h := hash4(src, i)
		at := int(p.table[h])
		p.table[h] = uint32(i)
		if binary.LittleEndian.Uint32(src[at:]) != binary.LittleEndian.Uint32(src[i:]) || at >= i {
			i += 1 + (i-from)>>5 // hurry through what does not repeat
			continue
		}
		n := minMatch + matchLen(src, at+minMatch, i+minMatch)
		for i > from && at > 0 && src[i-1] == src[at-1] {
			i, at, n = i-1, at-1, n+1
		}
		b = binary.AppendUvarint(b, uint64(i-from))
		b = append(b, src[from:i]...)
		b = binary.AppendUvarint(b, uint64(n-minMatch))
		b = binary.AppendUvarint(b, uint64(i-at))
		i += n
		from = i
		if i < end {
			p.table[hash4(src, i-2)] = uint32(i - 2)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(src)-from))
	return append(b, src[from:]...)
}

// matchLen is how far src[at:] and src[i:] agree; at < i.
func matchLen(src []byte, at, i int) int {
	n := 0
	for i+n+8 <= len(src) {
		x := binary.LittleEndian.Uint64(src[at+n:]) ^ binary.LittleEndian.Uint64(src[i+n:])
		if x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for i+n < len(src) && src[at+n] == src[i+n] {
		n++
	}
	return n
}

// unpackJSON is the JSON of a stored record.
func unpackJSON(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errPacked
	}
	switch b[0] {
	case formJSON:
		return b[1:], nil
	case formPacked:
		return unpack(b[1:])
	}
	return nil, fmt.Errorf("record has form %d, which this version does not know", b[0])
}

func unpack(b []byte) ([]byte, error) {
	size, b, ok := uvarint(b)
	if !ok || size > maxRecord {
		return nil, errPacked
	}
	out := make([]byte, len(dictionary1), len(dictionary1)+size)
	copy(out, dictionary1)
	whole := len(dictionary1) + size
	for {
		var n, dist int
		if n, b, ok = uvarint(b); !ok || n > len(b) || n > whole-len(out) {
			return nil, errPacked
		}
		out = append(out, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			break
		}
		if n, b, ok = uvarint(b); !ok {
			return nil, errPacked
		}
		n += minMatch
		if dist, b, ok = uvarint(b); !ok || dist == 0 || dist > len(out) || n > whole-len(out) {
			return nil, errPacked
		}
		for n > 0 { // a copy may overlap what it writes
			k := min(n, dist)
			out = append(out, out[len(out)-dist:len(out)-dist+k]...)
			n -= k
		}
	}
	if len(out) != whole {
		return nil, errPacked
	}
	return out[len(dictionary1):], nil
}

func uvarint(b []byte) (v int, rest []byte, ok bool) {
	u, n := binary.Uvarint(b)
	if n <= 0 || u > maxRecord {
		return 0, nil, false
	}
	return int(u), b[n:], true
}

// decode reads a stored record.
func decode(stored []byte) (*cdr.Record, error) {
	text, err := unpackJSON(stored)
	if err != nil {
		return nil, err
	}
	rec := &cdr.Record{}
	if err := json.Unmarshal(text, rec); err != nil {
		return nil, err
	}
	return rec, nil
}
