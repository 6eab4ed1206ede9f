package fastpath

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" // of HMAC, by RFC 3711 §4.2.1
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"fmt"
)

// Cipher is what protects the RTP of one direction: the session keys of AES in counter mode and of HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1).
type Cipher struct {
	rounds       roundKeys    // of AES, where blocks are made together
	block        cipher.Block // where they are not
	salt         [saltSize]byte
	inner, outer [5]uint32 // states of SHA-1 behind the block that is the key (RFC 2104 §4)
	tag          uint8

	counter, out [aes.BlockSize]byte // scratch
}

const (
	saltSize = 14
	authSize = 20 // RFC 3711 §5.2

	labelCipher, labelAuth, labelSalt = 0, 1, 2 // RFC 3711 §4.3.2
)

// NewCipher derives the session keys from a master key of 16 octets and a salt of 14 (RFC 3711 §4.3). A tag has 10 octets or 4.
func NewCipher(key, salt []byte, tag int) (*Cipher, error) {
	master, err := aes.NewCipher(key)
	if err != nil || len(key) != 16 || len(salt) != saltSize || tag != 10 && tag != 4 {
		return nil, fmt.Errorf("fastpath: no keys of AES_CM_128_HMAC_SHA1: %d octets and a salt of %d, a tag of %d", len(key), len(salt), tag)
	}
	c := &Cipher{tag: uint8(tag)}
	var derived [aes.BlockSize]byte
	derive(master, salt, labelCipher, derived[:])
	if together {
		expand(&derived, &c.rounds)
	} else if c.block, err = aes.NewCipher(derived[:]); err != nil {
		return nil, err
	}
	derive(master, salt, labelSalt, c.salt[:])
	var auth [authSize]byte
	derive(master, salt, labelAuth, auth[:])
	c.inner, c.outer = behind(&auth, 0x36), behind(&auth, 0x5c)
	return c, nil
}

// derive is the key derivation of RFC 3711 §4.3.1 for a rate of 0.
func derive(master cipher.Block, salt []byte, label byte, to []byte) {
	var x, out [aes.BlockSize]byte
	copy(x[:], salt)
	x[7] ^= label
	for len(to) > 0 {
		master.Encrypt(out[:], x[:])
		to = to[copy(to, out[:]):]
		x[len(x)-1]++
	}
}

// behind is the state of SHA-1 behind the block of HMAC's key and a pad.
func behind(key *[authSize]byte, pad byte) (state [5]uint32) {
	var block [sha1.BlockSize]byte
	copy(block[:], key[:])
	for i := range block {
		block[i] ^= pad
	}
	h := sha1.New()
	_, _ = h.Write(block[:])
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // that it can is documented
	}
	for i := range state {
		state[i] = binary.BigEndian.Uint32(b[len("sha\x01")+4*i:])
	}
	return state
}

// add adds the key stream of a packet to b (RFC 3711 §4.1.1). One goroutine at a time may call it.
func (c *Cipher) add(b []byte, ssrc, rollovers uint32, number uint16) {
	x := &c.counter
	copy(x[:], c.salt[:])
	binary.BigEndian.PutUint32(x[4:], binary.BigEndian.Uint32(x[4:])^ssrc)
	binary.BigEndian.PutUint32(x[8:], binary.BigEndian.Uint32(x[8:])^rollovers)
	binary.BigEndian.PutUint16(x[12:], binary.BigEndian.Uint16(x[12:])^number)
	x[14], x[15] = 0, 0
	if blocks := len(b) / aes.BlockSize; together && blocks > 0 {
		addBlocks(&c.rounds, x, &b[0], blocks)
		b = b[blocks*aes.BlockSize:]
	}
	for ; len(b) > 0; b = b[subtle.XORBytes(b, b, c.out[:]):] {
		if together {
			c.out = [aes.BlockSize]byte{}
			addBlocks(&c.rounds, x, &c.out[0], 1)
			continue
		}
		c.block.Encrypt(c.out[:], x[:])
		x[15]++
	}
}

// roundKeys are those of AES-128 (FIPS 197 §5.2).
type roundKeys [11][aes.BlockSize]byte
