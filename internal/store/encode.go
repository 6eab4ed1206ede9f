package store

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// blockEncoder turns the content of a block into the frame of an index. Its buffers serve one block after the other.
type blockEncoder struct {
	keys, spare []keyRow
	frame       []byte
}

// encode returns the frame, which is valid until the next call.
func (e *blockEncoder) encode(h *header, c *content, pace *pacer) []byte {
	e.sort(c.keys, pace)
	b, at := beginFrame(slices.Grow(e.frame[:0], frameHeader+int(h.size())), frameIndex)
	pace.pause()
	b = append(h.append(b), c.rows...)
	for page := range slices.Chunk(e.keys, pageKeys) {
		b = appendPage(b, page)
	}
	pace.pause()
	b = append(b, c.heap...)
	pace.pause()
	e.frame = endFrame(b, at)
	pace.pause()
	return e.frame
}

func appendPage(b []byte, page []keyRow) []byte {
	from := len(b)
	for i := range page {
		b = binary.LittleEndian.AppendUint64(b, page[i].key)
	}
	for i := range page {
		b = binary.LittleEndian.AppendUint16(b, page[i].row)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

// sort brings keys in order by their bytes, the lowest first; those that are equal stay in the order of their rows. A
// pass over a block takes some 100 µs, so there is a place to rest behind each.
func (e *blockEncoder) sort(keys []keyRow, pace *pacer) {
	e.keys = append(e.keys[:0], keys...)
	if cap(e.spare) < len(keys) {
		e.spare = make([]keyRow, len(keys))
	}
	pace.pause()
	from, to := e.keys, e.spare[:len(keys)]
	for shift := 0; shift < 64; shift += 8 {
		var at [256]int
		for i := range from {
			at[byte(from[i].key>>shift)]++
		}
		sum := 0
		for i, n := range at {
			at[i], sum = sum, sum+n
		}
		for i := range from {
			digit := byte(from[i].key >> shift)
			to[at[digit]] = from[i]
			at[digit]++
		}
		from, to = to, from
		pace.pause()
	}
}
