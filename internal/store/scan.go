package store

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/directsip/directsip/internal/cdr"
)

// scanned is what the records of a part of a segment say.
type scanned struct {
	blocks  []*builder
	records int
	skipped int64 // bytes that are no frame
	cut     bool  // these are an unfinished write at the end and nothing else
	missing bool  // there is no file
	broken  error // of the index; nil: it is well, or there is none
}

// scan builds the blocks of the bytes [from, to) of a segment; what the file does not have counts as skipped. A pacer that is told to stop ends it.
func scan(path string, from, to int64, pace *pacer) (*scanned, error) {
	data, err := readRange(path, from, to)
	if err != nil {
		return nil, err
	}
	s := &scanned{}
	b := newBuilder(from, &header{})
	skipped, cut := frames(data, func(at int, kind frameKind, payload []byte) {
		if err == nil && pace.stopped() {
			err = errStopped
		}
		if err != nil || kind != frameRecord {
			return
		}
		pace.pause()
		rec, e := cdr.DecodeOutline(payload)
		if e != nil {
			err = fmt.Errorf("%s: the record at %d: %w", path, from+int64(at), e)
			return
		}
		if b.full() {
			s.blocks = append(s.blocks, b)
			b = newBuilder(b.to, &b.header)
		}
		b.add(rec, from+int64(at), frameHeader+len(payload))
		s.records++
	})
	b.to = to
	s.blocks = append(s.blocks, b)
	s.skipped, s.cut = int64(skipped)+to-from-int64(len(data)), cut
	return s, err
}

// readRange is shorter where the file is.
func readRange(path string, from, to int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, max(0, min(to, info.Size())-from))
	n, err := f.ReadAt(data, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n], nil
}

// loadIndex has the blocks of a segment's index and the length of the part of the file that they fill. What follows
// the first one that is not whole is left out. With check the last block is read as a whole too: it may have been
// written right before a power cut.
func loadIndex(path string, check bool) (blocks []*block, size int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	var head [frameHeader + headerSize]byte
	covered := int64(0)
	for {
		if _, err := f.ReadAt(head[:], size); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, 0, err
		}
		b := &block{at: size}
		whole := b.parse(head[frameHeader:]) && frameKind(head[8]) == frameIndex && int64(frameSize(head[:])) == b.size() &&
			size+frameHeader+b.size() <= info.Size() && b.from == covered && b.to >= b.from
		if !whole {
			break
		}
		blocks, covered, size = append(blocks, b), b.to, size+frameHeader+b.size()
	}
	if n := len(blocks); check && n > 0 {
		if _, err := readBlock(f, blocks[n-1]); err != nil {
			return blocks[:n-1], blocks[n-1].at, nil
		}
	}
	return blocks, size, nil
}

var errStopped = errors.New("the store is being closed")

var errDamaged = errors.New("a block of the index is damaged")

// readBlock reads a block from its index.
func readBlock(f io.ReaderAt, b *block) (*content, error) {
	data := make([]byte, frameHeader+b.size())
	if _, err := f.ReadAt(data, b.at); err != nil {
		return nil, err
	}
	_, payload, n := frame(data)
	if n == 0 {
		return nil, errDamaged
	}
	return parseContent(payload)
}
