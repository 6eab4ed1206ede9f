package relay

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/directsip/directsip/internal/media"
)

// pseudonyms is the key by which sources get other names in RTCP. In a source description many telephones have their SIP address, others user and
// host (RFC 3550 §6.5.1): an anonymous caller would be named to the other side within seconds, and so would the network behind us. A CNAME is only
// there to be the same for all sources of one participant, and so is its keyed hash. Names of persons, their numbers and places are left out.
type pseudonyms [16]byte

func newPseudonyms() (key pseudonyms, err error) {
	if _, err = rand.Read(key[:]); err != nil {
		err = fmt.Errorf("relay: key of names in RTCP: %w", err)
	}
	return key, err
}

const (
	sourceDescription = 202 // packet type
	canonicalName     = 1   // item
	maxName           = 255
	pseudonymSize     = 16 // 96 bits in base64 (RFC 7022 §4.2)
)

// write is a compound of RTCP with other names, in its place. It is cut where it cannot be read, and a description that cannot be is left out.
func (key *pseudonyms) write(b []byte, call media.SessionID) []byte {
	done := 0
	for rest := b; len(rest) >= 4 && rest[0]>>6 == 2; {
		size := 4 * (int(binary.BigEndian.Uint16(rest[2:])) + 1)
		if size > len(rest) {
			break
		}
		n := size
		if rest[1] == sourceDescription {
			n = key.describe(rest[:size], call)
		}
		done += copy(b[done:], rest[:n])
		rest = rest[size:]
	}
	return b[:done]
}

// describe writes a source description anew in its place and returns its size; 0: it cannot be read (RFC 3550 §6.5).
func (key *pseudonyms) describe(p []byte, call media.SessionID) int {
	read, done := 4, 4
	for range p[0] & 0x1f {
		if read+4 > len(p) {
			return 0
		}
		done += copy(p[done:], p[read:read+4]) // SSRC
		read += 4
		named := false
		for {
			if read < len(p) && p[read] == 0 { // the last item of a chunk is followed by one octet of zero at least
				break
			}
			if read+2 > len(p) {
				return 0
			}
			item, size, text := p[read], int(p[read+1]), p[read+2:]
			if size >= len(text) {
				return 0
			}
			if item == canonicalName && !named {
				name := key.of(text[:size], call)
				p[done], p[done+1] = canonicalName, byte(min(size, len(name)))
				done += 2 + copy(p[done+2:done+2+size], name[:])
				named = true
			}
			read += 2 + size
		}
		read = (read + 4) &^ 3
		for more := true; more; more = done&3 != 0 {
			p[done] = 0
			done++
		}
	}
	p[0] &^= 0x20 // what padding there was is gone
	binary.BigEndian.PutUint16(p[2:], uint16(done/4-1))
	return done
}

// of is the other name of a participant in one call.
func (key *pseudonyms) of(name []byte, call media.SessionID) (other [pseudonymSize]byte) {
	var room [len(key) + 8 + maxName]byte
	n := copy(room[:], key[:])
	n += copy(room[n:], binary.BigEndian.AppendUint64(room[n:n], uint64(call)))
	n += copy(room[n:], name)
	sum := sha256.Sum256(room[:n])
	base64.StdEncoding.Encode(other[:], sum[:12])
	return other
}
