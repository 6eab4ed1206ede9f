package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// view is what one question sees: the blocks at its moment, and the files that it opened.
type view struct {
	blocks []*block
	marks  marks
	files  map[string]*os.File
}

// view opens what there is to see.
func (r *Reader) view() (*view, error) {
	if r.index != nil {
		return r.index.view(), nil
	}
	v := &view{}
	var err error
	if v.marks, err = readMarks(r.dir); err != nil {
		return nil, err
	}
	list, err := numbered(r.dir, recordSuffix, indexSuffix)
	if err != nil {
		return nil, err
	}
	for _, no := range list {
		blocks, err := r.seen.blocks(r.dir, no)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was purged by now
		}
		if err != nil {
			return nil, err
		}
		v.blocks = append(v.blocks, blocks...)
	}
	return v, nil
}

// seen remembers segments that a question has read, for the next one: a list of many pages would else read all records without an index for each.
type seen struct {
	mu   sync.Mutex
	segs map[int]*seenSegment
}

type seenSegment struct {
	records, index stamp
	blocks         []*block
}

// stamp tells a file from what it becomes when something is written to it.
type stamp struct {
	size int64
	at   time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{info.Size(), info.ModTime()}
}

// blocks are those of a segment, as its files are now.
func (x *seen) blocks(dir string, no int) ([]*block, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := &segment{no: no, dir: dir}
	is := seenSegment{records: stampOf(s.recordPath()), index: stampOf(s.indexPath())} // before they are read: what comes meanwhile is read the next time
	if had := x.segs[no]; had != nil && had.records == is.records && had.index == is.index {
		return had.blocks, nil
	}
	s, more, err := loadSegment(dir, no, false, nil)
	if err != nil {
		return nil, err
	}
	for _, b := range more.blocks {
		s.push(&block{header: b.header, at: -1, mem: &b.content})
	}
	is.blocks = s.blocks
	if x.segs == nil {
		x.segs = map[int]*seenSegment{}
	}
	x.segs[no] = &is
	return is.blocks, nil
}

func (v *view) close() {
	for _, f := range v.files {
		f.Close()
	}
}

// file opens a file once.
func (v *view) file(path string) (*os.File, error) {
	if f := v.files[path]; f != nil {
		return f, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if v.files == nil {
		v.files = map[string]*os.File{}
	}
	v.files[path] = f
	return f, nil
}

// hidden tells whether a row is purged.
func (v *view) hidden(b *block, i int, r row) bool { return v.marks.hide(b, i, r.end()) }

// content has a block from memory, from the index or, when that is damaged or gone, from the records.
func (v *view) content(b *block) (*content, error) {
	if b.mem != nil {
		return b.mem, nil
	}
	var damage error
	if b.at >= 0 {
		f, err := v.file(b.seg.indexPath())
		if err == nil {
			var c *content
			if c, err = readBlock(f, b); err == nil {
				return c, nil
			}
		}
		damage = fmt.Errorf("%s: %w", b.seg.indexPath(), err)
	}
	s, err := scan(b.seg.recordPath(), b.from, b.to, nil)
	switch {
	case errors.Is(err, os.ErrNotExist) && (damage == nil || errors.Is(damage, os.ErrNotExist)):
		return &content{}, nil // somebody has removed both
	case err != nil:
		return nil, errors.Join(err, damage)
	}
	return &s.blocks[0].content, nil
}

// look has the rows of a block with a key in [low, high], ascending, each once. Where the index is damaged or gone the
// records tell.
func (v *view) look(b *block, low, high uint64) (rows []uint16, err error) {
	if b.mem == nil && b.at >= 0 {
		if f, e := v.file(b.seg.indexPath()); e == nil {
			if rows, e = lookFile(f, b, low, high); e == nil {
				return rows, nil
			}
		}
	}
	c := b.mem
	if c == nil {
		s, err := scan(b.seg.recordPath(), b.from, b.to, nil)
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		c = &s.blocks[0].content
	}
	for i := range c.keys {
		if k := &c.keys[i]; k.key >= low && k.key <= high {
			rows = append(rows, k.row)
		}
	}
	return ordered(rows), nil
}

// keyed calls each for every row of a block with a key in [low, high], ascending, until it wants no more.
func (v *view) keyed(b *block, low, high uint64, each func(c *content, i int) (more bool)) error {
	rows, err := v.look(b, low, high)
	if err != nil || len(rows) == 0 {
		return err
	}
	c, err := v.content(b)
	if err != nil {
		return err
	}
	if int(rows[len(rows)-1]) >= c.len() {
		return fmt.Errorf("%s: records at %d to %d are missing", b.seg.recordPath(), b.from, b.to)
	}
	for _, i := range rows {
		if !each(c, int(i)) {
			return nil
		}
	}
	return nil
}

func ordered(rows []uint16) []uint16 {
	slices.Sort(rows)
	return slices.Compact(rows)
}

// page is a page of keys.
type page struct {
	data [pageSize]byte
	n    int // keys
}

func (p *page) key(i int) uint64 { return binary.LittleEndian.Uint64(p.data[i*8:]) }
func (p *page) row(i int) uint16 { return binary.LittleEndian.Uint16(p.data[p.n*8+i*2:]) }

func (p *page) read(f io.ReaderAt, b *block, no int) error {
	p.n = min(pageKeys, b.keys-no*pageKeys)
	at := b.at + frameHeader + headerSize + int64(b.header.rows)*rowSize + int64(no)*pageSize
	sum := p.n * keySize
	if _, err := f.ReadAt(p.data[:sum+4], at); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(p.data[sum:]) != crc32.Checksum(p.data[:sum], castagnoli) {
		return errDamaged
	}
	return nil
}

// lookFile searches the sorted keys of a block in its file.
func lookFile(f io.ReaderAt, b *block, low, high uint64) (rows []uint16, err error) {
	var p page
	from, to := 0, b.pages() // the first page that ends with low or more lies in [from, to]
	for from < to {
		mid := (from + to) / 2
		if err := p.read(f, b, mid); err != nil {
			return nil, err
		}
		if p.key(p.n-1) < low {
			from = mid + 1
		} else {
			to = mid
		}
	}
	for ; from < b.pages(); from++ {
		if err := p.read(f, b, from); err != nil {
			return nil, err
		}
		for i := range p.n {
			switch k := p.key(i); {
			case k > high:
				return ordered(rows), nil
			case k >= low:
				rows = append(rows, p.row(i))
			}
		}
	}
	return ordered(rows), nil
}

// record reads the record of a row.
func (v *view) record(b *block, r row) (*cdr.Record, error) { return v.decode(b, r, cdr.DecodeBinary) }

// outline reads it without decision and ladder.
func (v *view) outline(b *block, r row) (*cdr.Record, error) {
	return v.decode(b, r, cdr.DecodeOutline)
}

func (v *view) decode(b *block, r row, decode func([]byte) (*cdr.Record, error)) (*cdr.Record, error) {
	at, length := r.place()
	path := b.seg.recordPath()
	f, err := v.file(path)
	if err != nil {
		return nil, err
	}
	if length < frameHeader || length > frameHeader+maxFrame {
		return nil, fmt.Errorf("%s: the index is damaged at a record at %d; remove %s and start the server: it is made again", path, at,
			b.seg.indexPath())
	}
	data := make([]byte, length)
	if _, err := f.ReadAt(data, at); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the record at %d is gone: the file is shorter than it was", path, at)
	} else if err != nil { // which names the file
		return nil, fmt.Errorf("the record at %d cannot be read: %w", at, err)
	}
	kind, payload, n := frame(data)
	if n != length || kind != frameRecord {
		return nil, fmt.Errorf("%s: the record at %d is damaged", path, at)
	}
	return decode(payload)
}
