package store

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
)

// A block is the index of up to blockRows neighbouring records of a segment: what calls are searched by, and where
// their records lie. It is derived from them and can be built again at any time. All numbers are little-endian:
//
//	header  see below
//	rows    rowSize bytes each, in the order of the records
//	pages   of pageKeys keys, the last one of what is left: the keys, 8 bytes each, ascending over all pages; the row of
//	        each, 2 bytes; CRC-32C of the page. So a key is looked up in a page that is known to be whole
//	heap    texts, each with a uvarint length before it; rows hold offsets into it, of which 0 is the empty text
const (
	blockVersion = 2 // 1: flagTried is never set, so that of each call its record must be asked
	blockRows    = 8192
	headerSize   = 72
	rowSize      = 52
	pageKeys     = 128
	keySize      = 8 + 2
	pageSize     = pageKeys*keySize + 4

	maxIndexed = 255 // bytes of a number that are kept in the heap; the record has the whole
)

// Offsets in a row.
const (
	rowStart   = 0 // Unix microseconds
	rowEnd     = 8
	rowAt      = 16 // offset of the frame in the segment
	rowLength  = 20 // of the frame
	rowID      = 24
	rowCalled  = 28 // normalized, or as received
	rowCalling = 32
	rowIn      = 36 // trunk
	rowOut     = 40 // trunk
	rowReason  = 44
	rowFlags   = 48

	flagFailed = 1
	flagPoor   = 2
	flagTried  = 4 // on trunks that are not in the row; the record has them
	flagHeard  = 8 // nothing is to be said of its audio; not set: the record tells, as for every row that was written before there was the flag
)

// header tells what is in a block without reading it.
type header struct {
	version            byte
	rows, keys, heap   int
	from, to           int64 // the bytes of the segment that the block stands for
	minStart, maxStart int64 // Unix microseconds
	minEnd, maxEnd     int64
}

func newHeader(from int64) header {
	return header{version: blockVersion, from: from, to: from, minStart: math.MaxInt64, maxStart: math.MinInt64, minEnd: math.MaxInt64, maxEnd: math.MinInt64}
}

func (h *header) append(b []byte) []byte {
	at := len(b)
	le := binary.LittleEndian
	b = append(b, h.version, 0, 0, 0)
	b = le.AppendUint32(b, uint32(h.rows))
	b = le.AppendUint32(b, uint32(h.keys))
	b = le.AppendUint32(b, uint32(h.heap))
	for _, v := range [...]int64{h.from, h.to, h.minStart, h.maxStart, h.minEnd, h.maxEnd} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = le.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
	return append(b, 0, 0, 0, 0)
}

// parse reads what append wrote and tells whether it is whole and of a form that this version knows.
func (h *header) parse(b []byte) bool {
	le := binary.LittleEndian
	if len(b) < headerSize || b[0] < 1 || b[0] > blockVersion || le.Uint32(b[64:]) != crc32.Checksum(b[:64], castagnoli) {
		return false
	}
	h.version = b[0]
	h.rows, h.keys, h.heap = int(le.Uint32(b[4:])), int(le.Uint32(b[8:])), int(le.Uint32(b[12:]))
	for i, v := range [...]*int64{&h.from, &h.to, &h.minStart, &h.maxStart, &h.minEnd, &h.maxEnd} {
		*v = int64(le.Uint64(b[16+8*i:]))
	}
	return h.rows <= blockRows && h.keys <= maxFrame && h.heap <= maxFrame
}

// size is the length of the whole block.
func (h *header) size() int64 {
	return headerSize + int64(h.rows)*rowSize + h.pagesSize() + int64(h.heap)
}

// pages is the number of pages of keys.
func (h *header) pages() int { return (h.keys + pageKeys - 1) / pageKeys }

func (h *header) pagesSize() int64 { return int64(h.keys)*keySize + int64(h.pages())*4 }

// content is what a block holds.
type content struct {
	rows []byte
	heap []byte
	keys []keyRow // in no order; nil when the content was read from an index, where keys are searched in the file
}

// parseContent splits a block. Its texts may still be damaged: text checks them.
func parseContent(payload []byte) (*content, error) {
	var h header
	if !h.parse(payload) || h.size() != int64(len(payload)) {
		return nil, errDamaged
	}
	rows := headerSize + h.rows*rowSize
	return &content{rows: payload[headerSize:rows], heap: payload[rows+int(h.pagesSize()):]}, nil
}

// row is one row of a block.
type row []byte

func (c *content) len() int { return len(c.rows) / rowSize }

func (c *content) row(i int) row { return c.rows[i*rowSize : (i+1)*rowSize] }

func (r row) start() int64 { return int64(binary.LittleEndian.Uint64(r[rowStart:])) }
func (r row) end() int64   { return int64(binary.LittleEndian.Uint64(r[rowEnd:])) }

// place is where the record lies.
func (r row) place() (at int64, length int) {
	return int64(binary.LittleEndian.Uint32(r[rowAt:])), int(binary.LittleEndian.Uint32(r[rowLength:]))
}

func (r row) failed() bool { return r[rowFlags]&flagFailed != 0 }
func (r row) poor() bool   { return r[rowFlags]&flagPoor != 0 }
func (r row) tried() bool  { return r[rowFlags]&flagTried != 0 }
func (r row) heard() bool  { return r[rowFlags]&flagHeard != 0 }

// text is the text of a row's field.
func (c *content) text(r row, field int) []byte {
	at := int(binary.LittleEndian.Uint32(r[field:]))
	if at >= len(c.heap) {
		return nil
	}
	n, k := binary.Uvarint(c.heap[at:])
	if k <= 0 || n > uint64(len(c.heap)-at-k) {
		return nil
	}
	return c.heap[at+k : at+k+int(n)]
}

// builder grows a block.
type builder struct {
	header
	content
	names map[string]uint32 // offsets of texts that many rows have: trunks, reasons
}

// newBuilder begins a block at an offset of a segment, with room for as much as the block before it had.
func newBuilder(from int64, like *header) *builder {
	b := &builder{header: newHeader(from), names: map[string]uint32{"": 0}}
	b.content.rows = make([]byte, 0, like.rows*rowSize)
	b.content.keys = make([]keyRow, 0, like.keys)
	b.content.heap = append(make([]byte, 0, like.heap+like.heap/16+1), 0)
	return b
}

// add takes a record, the frame of which lies at an offset of the segment.
func (b *builder) add(r *cdr.Record, at int64, length int) {
	start, end := r.Start.UnixMicro(), r.End.UnixMicro()
	b.minStart, b.maxStart = min(b.minStart, start), max(b.maxStart, start)
	b.minEnd, b.maxEnd = min(b.minEnd, end), max(b.maxEnd, end)
	b.to = at + int64(length)
	b.content.keys = appendKeys(b.content.keys, r, uint16(b.header.rows))
	out := ""
	if r.Out != nil {
		out = r.Out.Trunk
	}
	flags := uint32(0)
	if failed(r) {
		flags = flagFailed
	}
	if r.Poor() {
		flags |= flagPoor
	}
	if len(tried(r)) > 0 {
		flags |= flagTried
	}
	if len(r.Audio) == 0 {
		flags |= flagHeard
	}
	le := binary.LittleEndian
	rows := le.AppendUint64(le.AppendUint64(b.content.rows, uint64(start)), uint64(end))
	for _, v := range [...]uint32{uint32(at), uint32(length), b.put(r.ID), b.put(indexed(r.Called)), b.put(indexed(r.Calling)),
		b.name(r.In.Trunk), b.name(out), b.name(r.Reason), flags} {
		rows = le.AppendUint32(rows, v)
	}
	b.content.rows = rows
	b.header.rows, b.header.keys, b.header.heap = b.header.rows+1, len(b.content.keys), len(b.content.heap)
}

// put adds a text to the heap.
func (b *builder) put(s string) uint32 {
	if s == "" {
		return 0
	}
	at := len(b.content.heap)
	b.content.heap = append(binary.AppendUvarint(b.content.heap, uint64(len(s))), s...)
	return uint32(at)
}

// name is put for texts that come again.
func (b *builder) name(s string) uint32 {
	at, known := b.names[s]
	if !known {
		at = b.put(s)
		b.names[s] = at
	}
	return at
}

// full tells that no row has room any more. A heap is full before its block is too long for a frame.
func (b *builder) full() bool { return b.header.rows >= blockRows || b.header.heap >= maxFrame/4 }

// failed is what Filter.Failed selects.
func failed(r *cdr.Record) bool {
	return hasFailed(!r.Answered.IsZero(), r.Status, r.EndedBy, r.Reason)
}

// hasFailed: an answered call has if no party wished its end. What is ended on account of a party that is silent counts as ended by it, and was not its wish. 487
// is the caller's wish, unless it was the called side that said so.
func hasFailed(answered bool, status int, endedBy, reason string) bool {
	if answered {
		return endedBy == "directsip" || reason == diag.PeerVanished.ID || reason == diag.AckMissing.ID
	}
	return status != 487 || endedBy == "callee"
}

func number(n cdr.Number) string {
	if n.Normalized != "" {
		return n.Normalized
	}
	return n.Received
}

func indexed(n cdr.Number) string {
	s := number(n)
	return s[:min(len(s), maxIndexed)]
}
