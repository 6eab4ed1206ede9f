package fastpath

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// TestRFC3711_B_3 derives the keys of the test vectors.
func TestRFC3711_B_3(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	master, err := aes.NewCipher(unhex("E1F97A0D3E018BE0D64FA32C06DE4139"))
	if err != nil {
		t.Fatal(err)
	}
	salt := unhex("0EC675AD498AFEEBB6960B3AABE6")
	for label, want := range map[byte]string{
		labelCipher: "C61E7A93744F39EE10734AFE3FF7A087",
		labelSalt:   "30CBBC08863D8C85D49DB34A9AE1",
		labelAuth:   "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
	} {
		got := make([]byte, len(want)/2)
		if derive(master, salt, label, got); !bytes.Equal(got, unhex(want)) {
			t.Errorf("label %d: %x, want %s", label, got, want)
		}
	}
}

// TestKeyStream compares every length with counter mode of crypto/cipher, however blocks are made.
func TestKeyStream(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	has := together
	defer func() { together = has }()
	for i := range 2 * (LongestPayload + 1) {
		size := i / 2
		together = has && i%2 == 0
		key, salt := bytesOf(16), bytesOf(14)
		c, err := NewCipher(key, salt, 10)
		if err != nil {
			t.Fatal(err)
		}
		master, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		session := make([]byte, 16)
		derive(master, salt, labelCipher, session)
		block, err := aes.NewCipher(session)
		if err != nil {
			t.Fatal(err)
		}
		ssrc, rollovers, number := r.Uint32(), r.Uint32(), uint16(r.Uint32())
		b := bytesOf(size)
		want := bytes.Clone(b)
		c.add(b, ssrc, rollovers, number)
		var first [16]byte
		copy(first[:], c.salt[:])
		for i, x := range []byte{byte(ssrc >> 24), byte(ssrc >> 16), byte(ssrc >> 8), byte(ssrc), byte(rollovers >> 24), byte(rollovers >> 16), byte(rollovers >> 8), byte(rollovers),
			byte(number >> 8), byte(number)} {
			first[4+i] ^= x
		}
		cipher.NewCTR(block, first[:]).XORKeyStream(want, want)
		if !bytes.Equal(b, want) {
			t.Fatalf("%d octets:\n got %x\nwant %x", size, b, want)
		}
	}
}
