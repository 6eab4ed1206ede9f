//go:build !amd64

package fastpath

// together is false where blocks are made one at a time, by crypto/aes.
var together = false

func expand(*[16]byte, *roundKeys) {}

func addBlocks(*roundKeys, *[16]byte, *byte, int) {}
