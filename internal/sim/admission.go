package sim

import (
	"math"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/topology"
)

// counts checks that a call in which nothing changes has on the links of the network what its two ends speak, by arithmetic of its own: of the link at the site of
// each end, to which the servers are in another one.
func (w *World) counts(name string, n *Node, id media.SessionID, ends ...*Party) {
	if !w.snap.Network.Admits() {
		return
	}
	told, asked := 20, 20 // of what one end asks for the other is not told where its offer in a 200 has no room
	for _, p := range ends {
		told, asked = min(told, p.speaker.remote.pace()), min(asked, p.speaker.mine.pace())
	}
	got := n.board.account.Has(id)
	if want := w.needs(told, ends); got != want && got != w.needs(min(told, asked), ends) {
		w.fail("%s: the call has %d kbit/s of audio and video on links, and needs %d", name, got, want)
	}
}

// needs is what the ends of a call need whose packets have so many ms.
func (w *World) needs(pace int, ends []*Party) (kbps [topology.MediaKinds]int) {
	for _, p := range ends {
		if site := w.snap.Network.SiteOf(p.host.Addr); site == nil || site.Link == nil || site.Link.Profile == nil {
			continue
		}
		kbps[topology.Audio] += p.speaker.audio(pace)
		if ends[0].speaker.sees() && ends[1].speaker.sees() {
			kbps[topology.Video] += 600
		}
	}
	return kbps
}

// pace is how many ms are in a packet that a description asks for.
func (d *desc) pace() int {
	_, rest, _ := strings.Cut(d.rest, "a=ptime:")
	if ms, err := strconv.Atoi(rest[:max(0, strings.IndexByte(rest, '\n'))]); err == nil {
		return ms
	}
	return 20
}

// audio is what the speech of a party takes in kbit/s: G.711 or G.729, headers of 40 octets and 10 of SRTP in each packet, and 5 for RTCP.
func (s *speaker) audio(pace int) int {
	voice, octets := 64.0, 40.0
	if s.mine.media[0].fmts[0] == "18" {
		voice = 8
	}
	if s.mine.media[0].safe {
		octets += 10
	}
	return int(math.Ceil(voice + octets*8/float64(pace) + 5))
}

// sees tells whether a party has live video.
func (s *speaker) sees() bool {
	for i, m := range s.mine.media {
		if m.kind == "video" && m.port != 0 && s.remote.media[i].port != 0 {
			return true
		}
	}
	return false
}
