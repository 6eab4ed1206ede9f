package store

import (
	"encoding/binary"
	"hash/crc32"
)

// A journal segment is a row of frames:
//
//	length of the payload  4 bytes, little-endian
//	CRC-32C of kind and payload  4 bytes
//	kind  1 byte
//	payload
type frameKind byte

const (
	frameRecord frameKind = 'R' // a record, see cdr.AppendBinary
	frameBegin  frameKind = 'B' // the record that the call has if the server dies
	frameEnd    frameKind = 'E' // id of a call that has its record
	frameAlive  frameKind = 'A' // Unix nanoseconds, 8 bytes: the server lived
)

const (
	frameHeader = 9
	maxFrame    = 16 << 20 // more is not a frame of ours
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// beginFrame reserves the header; endFrame fills it in.
func beginFrame(b []byte, kind frameKind) (out []byte, at int) {
	at = len(b)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(kind)), at
}

func endFrame(b []byte, at int) []byte {
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-frameHeader))
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(b[at+8:], castagnoli()))
	return b
}

// frame reads the frame at the start of b. n is its whole length, 0 when there is none.
func frame(b []byte) (kind frameKind, payload []byte, n int) {
	if len(b) < frameHeader {
		return 0, nil, 0
	}
	size := int(binary.LittleEndian.Uint32(b))
	if size == 0 || size > maxFrame || frameHeader+size > len(b) {
		return 0, nil, 0
	}
	n = frameHeader + size
	if binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:n], castagnoli()) {
		return 0, nil, 0
	}
	return frameKind(b[8]), b[frameHeader:n], n
}

// frames calls each for every whole frame of b. Bytes that are no frame are skipped up to the next one and
// counted; cut tells that they were an unfinished write at the end and nothing else.
func frames(b []byte, each func(frameKind, []byte)) (skipped int, cut bool) {
	cut = true
	for len(b) > 0 {
		kind, payload, n := frame(b)
		if n > 0 {
			each(kind, payload)
			b = b[n:]
			continue
		}
		next := 1
		for next < len(b) {
			if _, _, n := frame(b[next:]); n > 0 {
				cut = false
				break
			}
			next++
		}
		skipped += next
		b = b[next:]
	}
	return skipped, cut
}
