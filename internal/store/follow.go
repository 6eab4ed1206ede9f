package store

import (
	"os"
	"path/filepath"

	"github.com/directsip/directsip/internal/cdr"
)

// Position is a place between two records, in the order in which they were written.
type Position struct {
	Segment int   `json:"segment"`
	Offset  int64 `json:"offset"`
}

// Before tells whether a place is in front of another one.
func (p Position) Before(o Position) bool {
	return p.Segment < o.Segment || p.Segment == o.Segment && p.Offset < o.Offset
}

// followed is how much of a segment is read at a time; a record that is larger is read whole, and so is what is damaged with the record behind it.
const followed = 1 << 20

// End is behind the last record that is written.
func (s *Store) End() (Position, error) {
	list, err := numbered(s.index.dir, recordSuffix)
	if err != nil || len(list) == 0 {
		return Position{}, storeError(err)
	}
	last := list[len(list)-1]
	info, err := os.Stat(filepath.Join(s.index.dir, fileName(last, recordSuffix)))
	if err != nil {
		return Position{}, storeError(err)
	}
	return Position{last, info.Size()}, nil
}

// Follow has the records behind a position, in the order in which they were written, at most so many, and the position behind them. None: there are no more yet.
// Those of segments that were purged are left out, and so is what is damaged.
func (s *Store) Follow(p Position, most int) ([]*cdr.Record, Position, error) {
	list, err := numbered(s.index.dir, recordSuffix)
	if err != nil {
		return nil, p, storeError(err)
	}
	if n := len(list); n > 0 && list[n-1] < p.Segment { // somebody has taken the records away, and they begin anew
		p = Position{}
	}
	for i, no := range list {
		if no < p.Segment {
			continue
		}
		if no > p.Segment {
			p = Position{Segment: no}
		}
		records, err := s.follow(&p, most)
		if err != nil && !os.IsNotExist(err) { // purged meanwhile
			return nil, p, storeError(err)
		}
		if len(records) > 0 || i == len(list)-1 {
			return records, p, nil
		}
	}
	return nil, p, nil
}

// follow reads on in one segment, and past what is damaged; at its end is what may still be being written.
func (s *Store) follow(p *Position, most int) (list []*cdr.Record, err error) {
	path, room := filepath.Join(s.index.dir, fileName(p.Segment, recordSuffix)), int64(followed)
	for {
		data, err := readRange(path, p.Offset, p.Offset+room)
		if err != nil {
			return nil, err
		}
		whole, at := int64(len(data)) < room, 0 // the segment ends here
		for at < len(data) && len(list) < most {
			kind, payload, n := frame(data[at:])
			if n == 0 {
				if need := frameHeader + frameSize(data[at:]); need > frameHeader && need > len(data)-at && !whole {
					break // it goes on in what follows
				}
				if n = nextFrame(data[at:]); n == 0 {
					break
				}
				at += n
				continue
			}
			if kind == frameRecord {
				if r, err := cdr.DecodeBinary(payload); err == nil {
					list = append(list, r)
				}
			}
			at += n
		}
		if p.Offset += int64(at); at > 0 {
			room = followed
		}
		switch {
		case len(list) > 0 || whole:
			return list, nil
		case at == 0 && frameHeader+frameSize(data) > len(data):
			room = int64(frameHeader + frameSize(data))
		case at == 0:
			room *= 2 // nothing but damage, so far: where it ends is a record that this did not reach
		}
	}
}
