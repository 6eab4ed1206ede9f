package store

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

// asBefore writes an index as one of an earlier version, which did not know of a flag.
func asBefore(t *testing.T, path string, version, flag byte) {
	t.Helper()
	blocks, _, err := loadIndex(path, true)
	if err != nil || len(blocks) == 0 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var old []byte
	for _, b := range blocks {
		payload := data[b.at+frameHeader : b.at+frameHeader+b.size()]
		payload[0] = version
		binary.LittleEndian.PutUint32(payload[64:], crc32.Checksum(payload[:64], castagnoli))
		for i := range b.rows {
			payload[headerSize+i*rowSize+rowFlags] &^= flag
		}
		var at int
		old, at = beginFrame(old, frameIndex)
		old = append(old, payload...)
		endFrame(old, at)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOldIndexTellsOfTriedTrunks: a call is found by a trunk that was tried in vain although the index is of a version that does not know of it.
func TestOldIndexTellsOfTriedTrunks(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	for i := range 3 {
		r := sample(i)
		if i == 1 {
			r.Attempts = append([]cdr.Attempt{{Trunk: "itsp"}}, r.Attempts...)
		}
		s.Put(r)
	}
	mustClose(t, s)
	asBefore(t, filepath.Join(dir, recordsDir, fileName(1, indexSuffix)), 1, flagTried)
	s = mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	if b := s.index.view().blocks[0]; b.version != 1 || b.at < 0 {
		t.Fatalf("the index is not read as it is: %+v", b.header)
	}
	if list, err := s.List(t.Context(), Filter{Trunk: "itsp"}); err != nil || len(list) != 1 || list[0].ID != sample(1).ID {
		t.Errorf("%+v, %v", list, err)
	}
	if n, err := s.Count(t.Context(), Filter{Trunk: "uc"}); err != nil || n != 3 {
		t.Errorf("%d calls, %v", n, err)
	}
}
