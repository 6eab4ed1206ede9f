package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/ways"
)

// TestJudgeMedia is the table of what is thought of media, ours and that of the answer.
func TestJudgeMedia(t *testing.T) {
	addr := netip.MustParseAddr
	here := func(list ...string) []MediaAddress {
		var out []MediaAddress
		for _, a := range list {
			out = append(out, MediaAddress{Address: addr(a), Here: true})
		}
		return out
	}
	hold := func(h ...Held) []MediaAddress {
		return []MediaAddress{{Address: addr("203.0.113.1"), Here: true, Held: h}}
	}
	for name, c := range map[string]struct {
		settings string
		ours     Media
		peer     string
		accept   []string
		says     *Description
		want     string // of the only finding but "answers"; "" none
	}{
		"good":             {"", Media{Addresses: here("203.0.113.1"), Tier: "kernel"}, "198.51.100.1", []string{"application/sdp"}, &Description{Codecs: []string{"PCMA"}, Plain: true, Addresses: []netip.Addr{addr("198.51.100.2")}}, ""},
		"not of this host": {"", Media{Addresses: []MediaAddress{{Address: addr("203.0.113.1")}}}, "198.51.100.1", nil, nil, "warning media-not-here: does not have the media address 203.0.113.1"},
		"held by ours":     {"", Media{Addresses: hold(Held{"directsip", true, 9, 49152})}, "198.51.100.1", nil, nil, ""},
		"held by another":  {"", Media{Addresses: hold(Held{"baresip", false, 9, 49154})}, "198.51.100.1", nil, nil, "note media-ports-held: 9 of the ports 49152-49251 at 203.0.113.1 are held by baresip (9, from 49154)"},
		"held too many":    {"", Media{Addresses: hold(Held{"baresip", false, 60, 49154}, Held{"named", false, 20, 49300})}, "198.51.100.1", nil, nil, "warning media-ports-held: 20 ports are left, and 10 calls need 40"},
		"no rights":        {"", Media{Addresses: here("203.0.113.1"), Wanted: "kernel", Tier: "sockets", TierWhy: "this process has no CAP_BPF"}, "198.51.100.1", nil, nil, "note media-tier: in the tier sockets, and mediaTier is kernel: this process has no CAP_BPF"},
		"half of them":     {"", Media{Addresses: here("203.0.113.1"), Wanted: "kernel", Tier: "kernel", TierWhy: "not steered"}, "198.51.100.1", nil, nil, "note media-tier: in the tier kernel, but not all of it: not steered"},
		"no relay":         {"", Media{Addresses: here("203.0.113.1"), TierWhy: "too many open files"}, "198.51.100.1", nil, nil, "warning media-relay: too many open files"},
		"ours is private":  {"", Media{Addresses: here("10.0.0.1")}, "198.51.100.1", nil, nil, "warning media-private: 10.0.0.1 is private"},
		"known by another": {"", Media{Addresses: []MediaAddress{{Address: addr("10.0.0.1"), Known: addr("203.0.113.1"), Here: true}}}, "198.51.100.1", nil, nil, ""},
		"dropped here": {"", Media{Addresses: []MediaAddress{{Address: addr("203.0.113.1"), Here: true, Unheard: []ways.Reverse{{From: addr("198.51.100.1"), To: addr("203.0.113.1"), Arrives: "eth1", Leaves: "eth0"}}}}}, "198.51.100.1", nil, nil,
			"warning media-reverse: drops what 198.51.100.1 sends to the media address 203.0.113.1 of eth1"},
		"dropped at a VLAN": {"", Media{Addresses: []MediaAddress{{Address: addr("203.0.113.1"), Here: true, Unheard: []ways.Reverse{{From: addr("198.51.100.1"), To: addr("203.0.113.1"), Arrives: "eth1.20", Leaves: "eth0"}}}}}, "198.51.100.1", nil, nil,
			"warning media-reverse: of eth1.20: its own packets to there leave by eth0, and rp_filter of eth1.20 is strict; the peer is not heard; Set net.ipv4.conf.eth1/20.rp_filter to 2"},
		"both are private":  {"", Media{Addresses: here("10.0.0.1")}, "10.0.0.2", nil, nil, ""},
		"another family":    {"", Media{Addresses: here("203.0.113.1")}, "2001:db8::1", nil, nil, "warning media-family: no media address of that family"},
		"takes no SDP":      {"", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", []string{"text/plain", "message/sipfrag"}, nil, "warning accept-sdp: accepts text/plain, message/sipfrag, and not application/sdp"},
		"takes anything":    {"", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", []string{"*/*;q=0.1"}, nil, ""},
		"no common codec":   {"codecs: [G722, telephone-event]", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Codecs: []string{"G729", "telephone-event"}, Plain: true}, "warning sdp-codecs: has G729, and codecs of the trunk are G722"},
		"a codec less":      {"codecs: [G722, pcma]", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Codecs: []string{"PCMA"}, Plain: true}, "note sdp-codecs: and not G722 of codecs"},
		"no SRTP":           {"srtpMode: required", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Plain: true}, "warning sdp-srtp: RTP without SRTP"},
		"SRTP alone":        {"srtpMode: notSupported", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Secure: true}, "warning sdp-srtp: SRTP alone"},
		"private behind":    {"", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Addresses: []netip.Addr{addr("100.64.1.1")}}, "note sdp-private: at 100.64.1.1, a private address"},
		"private, strictly": {"rtpLatching: off", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Addresses: []netip.Addr{addr("192.168.1.1")}}, "warning sdp-private: rtpLatching is off"},
		"no address":        {"", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Addresses: []netip.Addr{addr("0.0.0.0")}}, ""},
		"media elsewhere":   {"", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Addresses: []netip.Addr{addr("2001:db8::2")}}, "warning sdp-family: at 2001:db8::2"},
		"cannot be read":    {"", Media{Addresses: here("203.0.113.1")}, "198.51.100.1", nil, &Description{Error: "no v="}, "warning sdp: cannot be read: no v="},
	} {
		snap := compile(t, "gateways: {gw: {host: 192.0.2.20, root: {transport: UDP}}}\ntrunkSettings: {global: {"+c.settings+"}}")
		snap.Servers[0].MaxCalls = 10
		c.ours.First, c.ours.Last = 49152, 49251
		at := netip.AddrPortFrom(addr(c.peer), 5060)
		f := Facts{Media: &c.ours, Hops: []Hop{{Address: at, Local: netip.MustParseAddrPort("203.0.113.1:5060"), CountsFor: "gw", Answer: &Answer{Status: 200, From: at, Sent: 1, Accept: c.accept, Describes: c.says}}}}
		var got []string
		for _, f := range Judge(snap.Trunks[0], snap.Servers[0], &f, time.Now()) {
			if f.ID != "answers" && f.ID != "allow-absent" {
				got = append(got, fmt.Sprintf("%s %s: %s; %s; %s", f.Severity, f.ID, f.What, f.Why, f.Fix))
			}
		}
		head, words, _ := strings.Cut(c.want, ": ")
		if text := strings.Join(got, "\n"); len(got) > 1 || !strings.HasPrefix(text, head) || !strings.Contains(text, words) || (text == "") != (c.want == "") {
			t.Errorf("%s:\n%s\nwant %q", name, text, c.want)
		}
	}
}

// TestMediaOfPeer: what an answer describes is read, ports that somebody holds are found, and the peer is asked nothing but OPTIONS.
func TestMediaOfPeer(t *testing.T) {
	c := newClinic(t)
	c.media = true
	taken, err := net.ListenPacket("udp", "127.0.0.2:49160")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	asked := make(chan string, 16)
	peer := serve(t, func(m *sip.Message) []*sip.Message {
		asked <- m.Method
		r := sip.NewResponse(m, 200, "")
		r.Add(sip.IDAllow, "INVITE, ACK, BYE, CANCEL")
		r.Add(sip.IDAccept, "application/sdp, text/plain")
		r.SetBody("application/sdp", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 8 0 96\r\na=rtpmap:96 opus/48000/2\r\n")
		return []*sip.Message{r}
	})
	r := c.examine("host: 127.0.0.1", fmt.Sprintf("transport: UDP, gatewayPort: %d", peer.Port()), quiet)
	a := r.Facts.Hops[0].Answer
	if a == nil || len(a.Accept) != 2 || a.Describes == nil || fmt.Sprint(*a.Describes) != "{[PCMA PCMU opus] [127.0.0.1] true false }" {
		t.Errorf("answer: %+v", a)
	}
	m := r.Facts.Media
	comm, _ := os.ReadFile("/proc/self/comm")
	if len(m.Addresses) != 1 || !m.Addresses[0].Here || len(m.Addresses[0].Held) != 1 || m.Tier == "" || m.First != 49152 {
		t.Fatalf("ours: %+v", m)
	}
	if h := m.Addresses[0].Held[0]; h.By != strings.TrimSpace(string(comm)) || !h.Ours || h.Ports != 1 || h.First != 49160 {
		t.Errorf("held: %+v", h)
	}
	if r.Steps[0].What != "media" || len(asked) != 1 || <-asked != "OPTIONS" {
		t.Errorf("steps %+v, asked %d times", r.Steps, len(asked))
	}
	for _, f := range r.Findings {
		if f.ID != "answers" && f.ID != "media-tier" { // which says what this process may not
			t.Errorf("%+v", f)
		}
	}
}
