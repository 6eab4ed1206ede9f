package siptest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Direction is that of RFC 3264 §5.1, as seen by who writes it.
type Direction string

// The directions.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly" // hold
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

func direction(send, recv bool) Direction {
	switch {
	case send && recv:
		return SendRecv
	case send:
		return SendOnly
	case recv:
		return RecvOnly
	}
	return Inactive
}

// description is what an agent reads of an SDP: the first audio stream.
type description struct {
	rtp, rtcp netip.AddrPort
	dir       Direction
	codecs    []codec
	dtmf      uint8    // payload type of telephone-event, 0: none
	proto     string   // RTP/AVP or RTP/SAVP
	cryptos   []crypto // lines with a suite that is known
	ice       credentials
	others    []string // m= lines of further streams, to be refused
	known     bool
}

type codec struct {
	pt   uint8
	name string
}

// parseSDP reads what is needed and checks what RFC 8866 demands of every description.
func parseSDP(body string) (d description, err error) {
	d.dir = SendRecv
	var session, media netip.Addr
	formats, names, port, rtcpPort, audio := []string(nil), map[string]string{}, 0, 0, 0
	for i, line := range strings.Split(strings.TrimSuffix(strings.ReplaceAll(body, "\r\n", "\n"), "\n"), "\n") {
		kind, v, ok := strings.Cut(line, "=")
		if !ok || len(kind) != 1 || i == 0 && line != "v=0" {
			return d, fmt.Errorf("SDP line %d: %q", i+1, line)
		}
		f := strings.Fields(v)
		switch {
		case kind == "m" && len(f) >= 4:
			if f[0] == "audio" && audio == 0 {
				audio, formats, d.proto = 1, f[3:], f[2]
				if port, err = strconv.Atoi(f[1]); err != nil || port < 0 || port > 65535 {
					return d, fmt.Errorf("SDP port %q", f[1])
				}
			} else {
				audio = min(audio*2, 2)
				d.others = append(d.others, "m="+f[0]+" 0 "+strings.Join(f[2:], " "))
			}
		case kind == "c" && len(f) == 3:
			ip, err := netip.ParseAddr(f[2])
			if err != nil {
				return d, fmt.Errorf("SDP connection %q", v)
			}
			if audio == 1 {
				media = ip
			} else if audio == 0 {
				session = ip
			}
		case kind == "a" && audio < 2:
			name, value, _ := strings.Cut(v, ":")
			switch name {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				d.dir = Direction(name)
			case "rtpmap":
				pt, enc, _ := strings.Cut(value, " ")
				names[pt] = strings.ToUpper(strings.Split(enc, "/")[0])
			case "crypto":
				if c, ok := parseCrypto(value); ok {
					d.cryptos = append(d.cryptos, c)
				}
			case "ice-ufrag", "ice-pwd", "ice-lite", "candidate":
				d.ice.read(name, value)
			case "rtcp":
				rtcpPort, _ = strconv.Atoi(strings.Split(value, " ")[0])
			}
		}
	}
	if audio == 0 {
		return d, fmt.Errorf("SDP without audio")
	}
	if !media.IsValid() {
		media = session
	}
	if !media.IsValid() {
		return d, fmt.Errorf("SDP without connection address")
	}
	if rtcpPort == 0 {
		rtcpPort = port + 1
	}
	d.rtp, d.rtcp, d.known = netip.AddrPortFrom(media, uint16(port)), netip.AddrPortFrom(media, uint16(rtcpPort)), true
	if media.IsUnspecified() { // hold of RFC 2543
		d.dir = direction(d.dir.sends(), false)
	}
	d.codecs, d.dtmf = payloads(formats, names)
	return d, nil
}

func payloads(formats []string, names map[string]string) (codecs []codec, dtmf uint8) {
	static := map[string]string{"0": "PCMU", "8": "PCMA"}
	for _, f := range formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			continue
		}
		name := names[f]
		if name == "" {
			name = static[f]
		}
		if name == "TELEPHONE-EVENT" {
			dtmf = uint8(pt)
		} else {
			codecs = append(codecs, codec{uint8(pt), name})
		}
	}
	return codecs, dtmf
}

// choose is the codec of the agent's list, best first, that the peer has too.
func (d *description) choose(ours []string) (codec, bool) {
	for _, name := range ours {
		if i := slices.IndexFunc(d.codecs, func(c codec) bool { return c.name == name }); i >= 0 {
			return d.codecs[i], true
		}
	}
	return codec{}, false
}

// held tells whether the writer of the description holds.
func (d *description) held() bool { return d.known && !d.dir.receives() }

// write is the description as text.
func (d *description) write(name string, version int) string {
	family := "IP4"
	if d.rtp.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	lite := ""
	if d.ice.lite {
		lite = "a=ice-lite\r\n"
	}
	fmt.Fprintf(&b, "v=0\r\no=%s 1 %d IN %s %s\r\ns=-\r\nc=IN %[3]s %[4]s\r\nt=0 0\r\n%sm=audio %d %s", name, version, family,
		d.rtp.Addr(), lite, d.rtp.Port(), d.proto)
	for _, c := range d.codecs {
		fmt.Fprintf(&b, " %d", c.pt)
	}
	if d.dtmf != 0 {
		fmt.Fprintf(&b, " %d", d.dtmf)
	}
	b.WriteString("\r\n")
	for _, c := range d.codecs {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", c.pt, c.name)
	}
	if d.dtmf != 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%[1]d 0-15\r\n", d.dtmf)
	}
	for i := range d.cryptos {
		b.WriteString("a=crypto:" + d.cryptos[i].String() + "\r\n")
	}
	if d.ice.known() {
		d.ice.write(&b)
	}
	fmt.Fprintf(&b, "a=ptime:20\r\na=%s\r\n", d.dir)
	for _, o := range d.others {
		b.WriteString(o + "\r\n")
	}
	return b.String()
}

// summary is one line for a ladder.
func (d *description) summary() string {
	var names []string
	for _, c := range d.codecs {
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	return fmt.Sprintf("%s %s %s", strings.Join(names, ","), d.rtp, d.dir)
}
