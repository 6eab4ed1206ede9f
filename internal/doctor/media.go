package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/relay"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ways"
)

// Media is where the server has media, and how it can travel.
type Media struct {
	Addresses []MediaAddress `json:"addresses"`
	First     uint16         `json:"firstPort"`
	Last      uint16         `json:"lastPort"`
	Wanted    string         `json:"wantedTier"` // by the document
	Tier      string         `json:"tier"`       // that a relay of this process has; "" of another host
	TierWhy   string         `json:"tierWhy,omitempty"`
}

// MediaAddress is one address of ours.
type MediaAddress struct {
	Address netip.Addr     `json:"address"`
	Known   netip.Addr     `json:"known,omitzero"` // as what peers are told it, where that is another (public)
	Here    bool           `json:"here"`           // this host has it
	Held    []Held         `json:"held,omitempty"`
	Unheard []ways.Reverse `json:"unheard,omitempty"`
}

// Held is ports of the range that a program has.
type Held struct {
	By    string `json:"by"`
	Ours  bool   `json:"ours"` // a program like this one, most likely the server
	Ports int    `json:"ports"`
	First uint16 `json:"first"`
}

// media looks at our side: it asks nobody else.
func (x *examination) media() {
	begin, srv := time.Now(), x.Server
	m := &Media{First: srv.MediaPorts.First, Last: srv.MediaPorts.Last, Wanted: srv.MediaTier}
	x.Facts.Media = m
	var words []string
	toward := srv.Toward(x.trunk)
	for _, a := range toward.Media {
		at := MediaAddress{Address: a, Here: here(a)}
		if at.Here {
			at.Held = held(a, srv.MediaPorts)
		}
		word := a.String()
		if known := toward.KnownMedia(a); known != a {
			at.Known, word = known, word+" known as "+known.String()
		}
		m.Addresses = append(m.Addresses, at)
		words = append(words, word)
	}
	if slices.ContainsFunc(m.Addresses, func(a MediaAddress) bool { return a.Here }) {
		m.tier()
	}
	x.step("media", begin, false, "%s, ports %d-%d, tier %s", strings.Join(words, " and "), m.First, m.Last, cmp.Or(m.Tier, "not known here"))
}

// unheard looks for addresses of the peer whose media this host would drop.
func (x *examination) unheard() {
	for i := range x.Facts.Hops {
		h := &x.Facts.Hops[i]
		peers := []netip.Addr{h.Address.Addr()}
		if h.Answer != nil && h.Answer.Describes != nil {
			peers = append(peers, h.Answer.Describes.Addresses...)
		}
		for k := range x.Facts.Media.Addresses {
			at := &x.Facts.Media.Addresses[k]
			for _, peer := range peers {
				if r, dropped := ways.Reversed(peer, at.Address); at.Here && dropped && !slices.Contains(at.Unheard, r) {
					at.Unheard = append(at.Unheard, r)
				}
			}
		}
	}
}

// tier finds the best one.
func (m *Media) tier() {
	best := media.TierKernel
	for _, t := range [...]media.Tier{media.TierSockets, media.TierSteered} {
		if t.String() == m.Wanted {
			best = t
		}
	}
	t, why, err := relay.Possible(best)
	if err != nil {
		m.TierWhy = err.Error()
		return
	}
	m.Tier = t.String()
	if t < best || t == media.TierKernel {
		m.TierWhy = why
	}
}

// held groups the sockets in a range by who has them; what cannot be looked at counts for nobody.
func held(a netip.Addr, r topology.PortRange) (list []Held) {
	sockets, err := relay.Holders(a, r.First, r.Last)
	if err != nil || len(sockets) == 0 {
		return nil
	}
	slices.SortFunc(sockets, func(a, b relay.Holder) int { return cmp.Compare(a.Port, b.Port) })
	programs := map[uint32]string{}
	for _, s := range sockets {
		programs[s.Inode] = ""
	}
	nameSockets(programs)
	for _, s := range sockets {
		by := cmp.Or(programs[s.Inode], fmt.Sprintf("a program of user %d", s.User))
		i := slices.IndexFunc(list, func(h Held) bool { return h.By == by })
		if i < 0 {
			i, list = len(list), append(list, Held{By: by, Ours: by == command("self"), First: s.Port})
		}
		list[i].Ports++
	}
	return list
}

// nameSockets finds the programs of sockets by their inodes, of those processes that may be looked at (proc(5)).
func nameSockets(programs map[uint32]string) {
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		var inode uint32
		target, err := os.Readlink(file)
		if err != nil {
			continue
		}
		if n, _ := fmt.Sscanf(target, "socket:[%d]", &inode); n == 1 {
			if _, wanted := programs[inode]; wanted {
				programs[inode] = command(strings.Split(file, "/")[2])
			}
		}
	}
}

// command is the name of a process.
func command(pid string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/comm")
	return strings.TrimSpace(string(text))
}
