package store

import (
	"strings"

	"github.com/directsip/directsip/internal/cdr"
)

// A search key is a number, which is compared, sorted and stored at a fraction of the price of text. The highest
// two bits are the kind. Different texts may have one key: who looks something up compares the texts too.
//
//	id, Call-ID   7 characters of 6 bits (a beginning is a range of keys), 20 bits of a hash of the whole text
//	number        its last 15 characters, backwards, of 4 bits (an end is a range of keys)
type keyKind uint64

const (
	keyID     keyKind = 0
	keyCallID keyKind = 1
	keyNumber keyKind = 2

	keyShift = 62
	idChars  = 7
	hashBits = 20
	numChars = 15
)

// keyRow is a key and the row of a block that it leads to.
type keyRow struct {
	key uint64
	row uint16
}

// keyRange is the first and the last key of texts that begin with v, or only that of v itself.
func (k keyKind) keyRange(v string, exact bool) (low, high uint64) {
	code := uint64(0)
	for i := range min(len(v), idChars) {
		code |= charCode(v[i]) << (hashBits + 6*(idChars-1-i))
	}
	code |= uint64(k) << keyShift
	if exact {
		code |= uint64(fnv32a(v) >> (32 - hashBits))
		return code, code
	}
	free := hashBits + 6*(idChars-min(len(v), idChars))
	return code, code | (1<<free - 1)
}

// fnv32a is the FNV-1a hash.
func fnv32a(v string) uint32 {
	h := uint32(2166136261)
	for i := range len(v) {
		h = (h ^ uint32(v[i])) * 16777619
	}
	return h
}

// charCode is 1..63; upper and lower case are one.
func charCode(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c-'0') + 1
	case c >= 'a' && c <= 'z':
		return uint64(c-'a') + 11
	case c >= 'A' && c <= 'Z':
		return uint64(c-'A') + 11
	}
	return 37 + uint64(c)%27
}

// numberRange is the first, which is that of v itself, and the last key of numbers that end with v. exact tells
// that all of these end with v.
func numberRange(v string) (low, high uint64, exact bool) {
	code, free := uint64(keyNumber)<<keyShift, keyShift
	exact = len(v) <= numChars
	for i := range min(len(v), numChars) {
		c := v[len(v)-1-i]
		free -= 4
		switch {
		case c >= '0' && c <= '9':
			code |= uint64(c-'0'+1) << free
		case c == '+':
			code |= 11 << free
		case c == '*':
			code |= 12 << free
		case c == '#':
			code |= 13 << free
		default:
			code |= uint64(14|c&1) << free
			exact = false
		}
	}
	return code, code | (1<<free - 1), exact
}

// appendKeys adds what rec, of the row, is found by, each once.
func appendKeys(keys []keyRow, rec *cdr.Record, row uint16) []keyRow {
	from := len(keys)
	add := func(k uint64) {
		for i := range keys[from:] {
			if keys[from+i].key == k {
				return
			}
		}
		keys = append(keys, keyRow{k, row})
	}
	text := func(kind keyKind, v string) {
		if v != "" {
			k, _ := kind.keyRange(v, true)
			add(k)
		}
	}
	text(keyID, rec.ID)
	text(keyCallID, rec.In.CallID)
	text(keyCallID, rec.In.Session)
	if rec.Out != nil {
		text(keyCallID, rec.Out.CallID)
		text(keyCallID, rec.Out.Session)
	}
	for _, n := range [...]*cdr.Number{&rec.Called, &rec.Calling} {
		for i, v := range [...]string{n.Normalized, n.Received, n.Sent} {
			covered := v == "" || i > 0 && strings.HasSuffix(n.Normalized, v) || i > 1 && strings.HasSuffix(n.Received, v)
			if !covered {
				k, _, _ := numberRange(v)
				add(k)
			}
		}
	}
	return keys
}

// hasNumber tells whether a number of r ends with v.
func hasNumber(r *cdr.Record, v string) bool {
	for _, n := range [...]*cdr.Number{&r.Called, &r.Calling} {
		if strings.HasSuffix(n.Normalized, v) || strings.HasSuffix(n.Received, v) || strings.HasSuffix(n.Sent, v) {
			return true
		}
	}
	return false
}
