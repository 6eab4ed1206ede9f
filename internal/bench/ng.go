package bench

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ng speaks rtpengine's control protocol: a cookie and a bencoded dictionary in a datagram.
type ng struct {
	conn net.Conn
	seq  int
}

// dictionary holds strings, lists of them, and dictionaries.
type dictionary map[string]any

// bencode is the form of it that ng has.
func bencode(v any) string {
	var b strings.Builder
	switch v := v.(type) {
	case string:
		return strconv.Itoa(len(v)) + ":" + v
	case []string:
		b.WriteByte('l')
		for _, s := range v {
			b.WriteString(bencode(s))
		}
	case dictionary:
		b.WriteByte('d')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(bencode(k) + bencode(v[k]))
		}
	}
	return b.String() + "e"
}

func (c *ng) do(fields dictionary) (map[string]string, error) {
	c.seq++
	cookie := strconv.Itoa(c.seq)
	if _, err := c.conn.Write([]byte(cookie + " " + bencode(fields))); err != nil {
		return nil, err
	}
	c.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	buf := make([]byte, 65536)
	n, err := c.conn.Read(buf)
	if err != nil {
		return nil, err
	}
	_, text, _ := strings.Cut(string(buf[:n]), " ")
	answer := make(map[string]string)
	if text, ok := strings.CutPrefix(text, "d"); ok {
		for key, rest, ok := bencoded(text); ok; key, rest, ok = bencoded(rest) {
			answer[key], rest, _ = bencoded(rest)
			if text = rest; text == "" || text[0] == 'e' {
				break
			}
		}
	}
	if answer["result"] != "ok" && answer["result"] != "pong" {
		return nil, fmt.Errorf("rtpengine: %s %s", answer["result"], answer["error-reason"])
	}
	return answer, nil
}

// bencoded cuts a string off; lists and numbers end the reading, nothing here needs them.
func bencoded(text string) (value, rest string, ok bool) {
	size, rest, ok := strings.Cut(text, ":")
	n, err := strconv.Atoi(size)
	if !ok || err != nil || n < 0 || n > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}

// relayCall makes rtpengine relay one call and tells the ports to send to.
func (c *ng) relayCall(at hosts, k parties, i int) (toCaller, toCallee string, err error) {
	id, from, to := "call"+strconv.Itoa(i), "f"+strconv.Itoa(i), "t"+strconv.Itoa(i)
	profile := map[bool]string{false: "RTP/AVP", true: "RTP/SAVP"}
	ask := dictionary{"command": "offer", "call-id": id, "from-tag": from, "sdp": described(at.caller, k[0], ""), "ICE": "remove", "DTLS": "off",
		"transport-protocol": profile[k[1].secure]}
	if caller, callee := k[0].format, k[1].format; caller.name != callee.name {
		ask["codec"] = dictionary{"mask": []string{caller.name}, "transcode": []string{callee.name}}
	}
	offer, err := c.do(ask)
	if err != nil {
		return "", "", err
	}
	tag, _ := keyIn(offer["sdp"])
	answer, err := c.do(dictionary{"command": "answer", "call-id": id, "from-tag": from, "to-tag": to, "sdp": described(at.probe, k[1], tag),
		"ICE": "remove"})
	if err != nil {
		return "", "", err
	}
	return answer["sdp"], offer["sdp"], nil
}
