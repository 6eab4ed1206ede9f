package ua_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/sdp"
)

// page is a page of a browser in a call: what it says of its audio, and perhaps of video.
type page struct{ group, print, video string }

// of is a description of it. The video is that of Chromium: on a transport of its own, or on that of the audio.
func (p page) of(setup string) string {
	line := func(port int, lines string) string {
		at := fmt.Sprintf("a=candidate:1 1 udp 2122260223 198.51.100.1 %d typ host generation 0\r\n", port)
		if port == 9 {
			at = ""
		}
		return at + "a=ice-ufrag:xnIe\r\na=ice-pwd:0123456789abcdefghijkl\r\n" + p.print + "a=setup:" + setup + "\r\na=rtcp-mux\r\n" + lines
	}
	body := strings.Replace(withProto(bodies[0], "UDP/TLS/RTP/SAVPF", line(49170, "a=mid:0\r\n")), "t=0 0\r\n", "t=0 0\r\n"+p.group, 1)
	switch p.video {
	case "":
		return body
	case "refused":
		return body + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
	}
	port := map[string]int{"shared": 9, "own": 5006}[p.video]
	return body + fmt.Sprintf("m=video %d UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n", port) + line(port, "a=mid:1\r\n")
}

// groupOf is what a description says of groups.
func groupOf(s *sdp.Session) (group string) {
	for name, value := range s.Attributes(-1) {
		if name == "group" {
			group += value
		}
	}
	return group
}

// videoIn is the port of the second m-line; 0: there is none, or it is refused.
func videoIn(s *sdp.Session) uint16 {
	if len(s.Media) < 2 {
		return 0
	}
	return s.Media[1].Port
}

const vp8 = "m=video 5008 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"

// TestRFC8843: a browser that has agreed on a group of m-lines takes no description without it, whoever of the two says it, and with max-bundle none at all without a group. Each m-line has a transport
// of its own here, so that of the audio is the group, and what can only be had on its transport is refused. Where both have one there is no group, unless it was agreed on before.
func TestRFC8843(t *testing.T) {
	other := strings.Replace(theirPrint, "74:", "75:", 1)
	both, one := "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0\r\n"
	for name, c := range map[string]struct {
		first       page
		group       string // that we answer
		video       bool   // that the callee is offered
		then        page
		groupThen   string
		videoThen   bool
		groupOfOurs string // in an offer of ours afterwards
	}{
		"audio":                      {page{one, theirPrint, ""}, "BUNDLE 0", false, page{one, theirPrint, ""}, "BUNDLE 0", false, "BUNDLE 0"},
		"no group":                   {page{"", theirPrint, ""}, "", false, page{"", theirPrint, ""}, "", false, "BUNDLE 0"},
		"max-bundle":                 {page{both, theirPrint, "shared"}, "BUNDLE 0", false, page{one, theirPrint, "refused"}, "BUNDLE 0", false, "BUNDLE 0"},
		"two transports":             {page{both, theirPrint, "own"}, "", true, page{both, theirPrint, "own"}, "", true, ""},
		"video is added":             {page{one, theirPrint, ""}, "BUNDLE 0", false, page{both, theirPrint, "shared"}, "BUNDLE 0", false, "BUNDLE 0"},
		"video that goes by itself":  {page{one, theirPrint, ""}, "BUNDLE 0", false, page{both, theirPrint, "own"}, "BUNDLE 0", false, "BUNDLE 0"},
		"video outside of the group": {page{one, theirPrint, ""}, "BUNDLE 0", false, page{one, theirPrint, "own"}, "BUNDLE 0", true, "BUNDLE 0"},
		"the page is loaded anew":    {page{one, theirPrint, ""}, "BUNDLE 0", false, page{both, other, "own"}, "", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := iced(t, "lite", "off")
			r.env.Fingerprint = ourPrint
			takes := func(s *sdp.Session) string {
				answer := bodies[1]
				switch {
				case videoIn(s) != 0:
					answer += vp8
				case len(s.Media) > 1:
					answer += "m=video 0 RTP/AVP 96\r\n"
				}
				return answer
			}
			r.out.Reset()
			r.in(r.uc, request("INVITE", "1", "i1", "call", "from", "", c.first.of("actpass")))
			inv, offered := r.told("INVITE")
			r.out.Reset()
			r.in(r.pstn, response("200 OK", inv, "to", takes(offered)))
			ok, answer := r.told("SIP/2.0 200")
			if groupOf(answer) != c.group || (videoIn(offered) != 0) != c.video || (videoIn(answer) != 0) != c.video {
				t.Errorf("offered\n%s\nanswered\n%s", offered.Body(), ok)
			}
			caller := &end{r: r, src: r.uc, callID: "call", from: header(ok, "From"), to: header(ok, "To"), seq: 1}
			callee := &end{r: r, src: r.pstn, callID: header(inv, "Call-ID"), from: header(inv, "To") + ";tag=to", to: header(inv, "From"), seq: 100}
			caller.ack(1)

			caller.says("INVITE", strings.NewReplacer("20518 0", "20518 1", "a=sendrecv", "a=sendonly").Replace(c.then.of("actpass")))
			inv, offered = r.told("INVITE")
			callee.answers("200 OK", inv, takes(offered))
			ok, answer = r.told("SIP/2.0 200")
			if groupOf(answer) != c.groupThen || (videoIn(offered) != 0) != c.videoThen || (videoIn(answer) != 0) != c.videoThen {
				t.Errorf("then offered\n%s\nanswered\n%s", offered.Body(), ok)
			}
			caller.ack(2)

			callee.says("INVITE", strings.Replace(takes(offered), "a=sendrecv", "a=inactive", 1))
			if _, ours := r.told("INVITE"); groupOf(ours) != c.groupOfOurs {
				t.Errorf("then we offer\n%s", ours.Body())
			}
		})
	}
}

// The same of a call that comes to a browser, whose group is of our offer: it holds, and the other side adds video.
func TestRFC8843GroupOfOurs(t *testing.T) {
	for name, group := range map[string]string{"a browser": "a=group:BUNDLE m0\r\n", "who knows none": ""} {
		t.Run(name, func(t *testing.T) {
			r := iced(t, "off", "lite, srtpMode: required, srtpKeying: dtls")
			r.env.Fingerprint = ourPrint
			browser := func(setup string) string {
				return strings.Replace(page{group, theirPrint, ""}.of(setup), "a=mid:0", "a=mid:m0", 1)
			}
			caller, callee := r.endsOf(bodies[0], browser("active"))
			caller.ack(1)
			want := strings.TrimSuffix(strings.TrimPrefix(group, "a=group:"), "\r\n")
			callee.says("INVITE", strings.Replace(browser("actpass"), "a=sendrecv", "a=sendonly", 1))
			inv, _ := r.told("INVITE")
			caller.answers("200 OK", inv, bodies[0])
			if ok, answer := r.told("SIP/2.0 200"); groupOf(answer) != want {
				t.Errorf("answered\n%s", ok)
			}
			callee.ack(101)
			caller.says("INVITE", bodies[0]+vp8)
			if inv, offer := r.told("INVITE"); groupOf(offer) != want || bytes.Count(inv, []byte("a=mid:")) != 2 || videoIn(offer) == 0 {
				t.Errorf("offered\n%s", inv)
			}
		})
	}
}
