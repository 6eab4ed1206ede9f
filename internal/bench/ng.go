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

func (c *ng) do(fields map[string]string) (map[string]string, error) {
	c.seq++
	cookie := strconv.Itoa(c.seq)
	var m strings.Builder
	m.WriteString(cookie + " d")
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&m, "%d:%s%d:%s", len(k), k, len(fields[k]), fields[k])
	}
	m.WriteString("e")
	if _, err := c.conn.Write([]byte(m.String())); err != nil {
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
func (c *ng) relayCall(at hosts, k keying, i int) (toCaller, toCallee string, err error) {
	id, from, to := "call"+strconv.Itoa(i), "f"+strconv.Itoa(i), "t"+strconv.Itoa(i)
	profile := map[bool]string{false: "RTP/AVP", true: "RTP/SAVP"}
	offer, err := c.do(map[string]string{"command": "offer", "call-id": id, "from-tag": from, "sdp": described(at.caller, k[0], ""), "ICE": "remove",
		"DTLS": "off", "transport-protocol": profile[k[1]]})
	if err != nil {
		return "", "", err
	}
	tag, _ := keyIn(offer["sdp"])
	answer, err := c.do(map[string]string{"command": "answer", "call-id": id, "from-tag": from, "to-tag": to, "sdp": described(at.probe, k[1], tag),
		"ICE": "remove"})
	if err != nil {
		return "", "", err
	}
	return answer["sdp"], offer["sdp"], nil
}
