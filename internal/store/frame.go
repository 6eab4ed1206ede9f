package store

import (
	"encoding/binary"
	"hash/crc32"
)

// Every file of the store is a row of frames:
//
//	length of the payload  4 bytes, little-endian
//	CRC-32C of kind and payload  4 bytes
//	kind  1 byte
//	payload
type frameKind byte

const (
	frameRecord frameKind = 'R' // in a record segment: a record, see cdr.AppendBinary
	frameIndex  frameKind = 'I' // in an index: a block, see block.go
	frameBegin  frameKind = 'B' // in a call segment: the record that the call has if the server dies
	frameEnd    frameKind = 'E' // in a call segment: id of a call that has its record
	frameAlive  frameKind = 'A' // in a call segment: Unix nanoseconds, 8 bytes: the server lived
)

const (
	frameHeader = 9
	maxFrame    = 16 << 20 // more is not a frame of ours
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// beginFrame reserves the header; endFrame fills it in.
func beginFrame(b []byte, kind frameKind) (out []byte, at int) {
	at = len(b)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(kind)), at
}

func endFrame(b []byte, at int) []byte {
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-frameHeader))
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(b[at+8:], castagnoli))
	return b
}

// frame reads the frame at the start of b. n is its whole length, 0 when there is none.
func frame(b []byte) (kind frameKind, payload []byte, n int) {
	size := frameSize(b)
	if size == 0 || frameHeader+size > len(b) {
		return 0, nil, 0
	}
	n = frameHeader + size
	if binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:n], castagnoli) {
		return 0, nil, 0
	}
	return frameKind(b[8]), b[frameHeader:n], n
}

// frameSize is the length of the payload that the header at the start of b promises, 0 when b is no header. The
// kind is looked at so that a search through damage computes few checksums.
func frameSize(b []byte) int {
	if len(b) < frameHeader {
		return 0
	}
	switch frameKind(b[8]) {
	case frameRecord, frameIndex, frameBegin, frameEnd, frameAlive:
	default:
		return 0
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxFrame {
		return 0
	}
	return int(size)
}

// frames calls each for every whole frame of b, with its offset. Bytes that are no frame are skipped up to the
// next one and counted; cut tells that they were an unfinished write at the end and nothing else.
func frames(b []byte, each func(at int, kind frameKind, payload []byte)) (skipped int, cut bool) {
	cut = true
	for at := 0; at < len(b); {
		kind, payload, n := frame(b[at:])
		if n > 0 {
			each(at, kind, payload)
			at += n
			continue
		}
		if n = nextFrame(b[at:]); n > 0 {
			cut = false
		} else {
			n = len(b) - at
		}
		skipped += n
		at += n
	}
	return skipped, cut
}

// nextFrame is where the next whole frame begins in b; 0: there is none behind its start.
func nextFrame(b []byte) int {
	for at := 1; at < len(b); at++ {
		if _, _, n := frame(b[at:]); n > 0 {
			return at
		}
	}
	return 0
}
