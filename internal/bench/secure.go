package bench

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/pion/srtp/v3"
)

// party is how an end of the calls speaks.
type party struct {
	secure bool // SRTP
	format format
}

// parties are the caller and the callee.
type parties [2]party

const suite = "AES_CM_128_HMAC_SHA1_80"

// ourKey is that of both ends for all calls: each stream has an SSRC of its own.
var ourKey = []byte("a key of the bench, 30 octets.")

// cryptoLine offers a suite of RFC 4568, or answers with the tag of the offer.
var cryptoLine = regexp.MustCompile(`(?m)^a=crypto:(\d+) ` + suite + ` inline:([A-Za-z0-9+/=]+)`)

// described is what an end says of its audio; tag answers a line of the other end's, "" offers.
func described(host string, p party, tag string) string {
	body := sdp(host, p.format)
	if !p.secure {
		return body
	}
	if tag == "" {
		tag = "1"
	}
	return strings.Replace(body, "RTP/AVP", "RTP/SAVP", 1) + fmt.Sprintf("a=crypto:%s %s inline:%s\r\n", tag, suite, base64.StdEncoding.EncodeToString(ourKey))
}

// keyIn is the key and its tag in a description; empty when there is none.
func keyIn(body string) (tag string, key []byte) {
	m := cryptoLine.FindStringSubmatch(body)
	if m == nil {
		return "", nil
	}
	key, _ = base64.StdEncoding.DecodeString(m[2])
	return m[1], key
}

// streamsOf are those of a call by the descriptions that its ends were given, first what the caller sends, then what the callee sends.
func streamsOf(k parties, toCaller, toCallee string) (list []stream, err error) {
	bodies := [2]string{toCaller, toCallee} // what each end was told: where it sends to, and under which key it receives
	for end, body := range bodies {
		s := stream{from: end, to: mediaOf(body), speech: k[end].format.sends(body)}
		if k[end].secure {
			if s.seal, err = context(ourKey); err != nil {
				return nil, err
			}
		}
		if other := 1 - end; k[other].secure {
			_, key := keyIn(bodies[other])
			if s.open, err = context(key); err != nil {
				return nil, fmt.Errorf("%w: %s", err, bodies[other])
			}
		}
		list = append(list, s)
	}
	return list, nil
}

func context(key []byte) (*srtp.Context, error) {
	if len(key) != 30 {
		return nil, fmt.Errorf("a key of %d octets", len(key))
	}
	return srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
}
