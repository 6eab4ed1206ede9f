package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/directsip/directsip/internal/cdr"
)

// FuzzBlock: a block of the index, damaged in any way that its checksum does not show, gives rows within it.
func FuzzBlock(f *testing.F) {
	b := newBuilder(0, &header{})
	b.add(&cdr.Record{ID: "1", Called: cdr.Number{Received: "+14255550100"}, Reason: "busy"}, 100, 50)
	f.Add(bytes.Clone((&blockEncoder{}).encode(&b.header, &b.content, nil))[frameHeader:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) < headerSize || len(payload) > 1<<16 {
			return
		}
		payload = bytes.Clone(payload)
		binary.LittleEndian.PutUint32(payload[64:], crc32.Checksum(payload[:64], castagnoli))
		c, err := parseContent(payload)
		if err != nil {
			return
		}
		for i := range c.len() {
			r := c.row(i)
			for _, field := range [...]int{rowID, rowCalled, rowCalling, rowIn, rowOut, rowReason} {
				if text := c.text(r, field); len(text) > len(c.heap) {
					t.Fatalf("text of %d octets in a heap of %d", len(text), len(c.heap))
				}
			}
			r.place()
		}
	})
}
