package fastpath

import "golang.org/x/sys/cpu"

// together tells whether blocks of a key stream are made several at a time, with the processor's instructions: crypto/cipher has no way to begin at any block that takes no memory.
var together = cpu.X86.HasAES

//go:noescape
func expand(key *[16]byte, to *roundKeys)

// addBlocks adds as many blocks of a key stream to what is at to. The last octet of the counter goes on, and does not carry.
//
//go:noescape
func addBlocks(keys *roundKeys, counter *[16]byte, to *byte, blocks int)
