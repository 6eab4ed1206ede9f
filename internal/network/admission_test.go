package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
	"github.com/directsip/directsip/internal/topology"
)

// A call needs what its packets cost: the voice, the headers of RTP, UDP and IP, the tag of SRTP, and RTCP.
func TestBandwidth(t *testing.T) {
	for _, x := range []struct {
		codec string
		p     Packets
		want  int // 8 bit of each octet over the ms of a packet, the bits of the voice, and 5
	}{
		{"PCMU", Packets{}, 64 + 16 + 5},
		{"pcma", Packets{Time: 20, Tag: 10}, 64 + 20 + 5},
		{"PCMU", Packets{IPv6: true}, 64 + 24 + 5},
		{"PCMU", Packets{IPv6: true, Tag: 10}, 97}, // what Lync plans
		{"PCMU", Packets{IPv6: true, Tag: 16}, 100},
		{"PCMU", Packets{Tag: 4}, 87}, // 17.6
		{"PCMU", Packets{Time: 10}, 64 + 32 + 5},
		{"PCMU", Packets{Time: 30}, 80}, // 10.7
		{"PCMU", Packets{Time: 60, Tag: 10, IPv6: true}, 79},
		{"G722", Packets{}, 85},
		{"G729", Packets{}, 8 + 16 + 5},
		{"G729", Packets{Time: 5}, 8 + 32 + 5}, // a frame is of 10 ms
		{"G723", Packets{}, 22},                // … and of 30
		{"x-msrta", Packets{IPv6: true, Tag: 10}, 62},
		{"opus", Packets{}, 85},
		{"Opus", Packets{Opus: 20}, 41},
		{"opus", Packets{Opus: 200}, 85},
		{"PCMU", Packets{Opus: 20}, 85},
		{"L16", Packets{}, 277},
		{"nobody-knows", Packets{}, 85},
		{"", Packets{}, 85},
		{strings.Repeat("x", 1000), Packets{}, 85},
		{"PCMU", Packets{Time: 255}, 71},
	} {
		if got := Bandwidth(x.codec, x.p); got != x.want {
			t.Errorf("%.20s %+v needs %d, want %d", x.codec, x.p, got, x.want)
		}
	}
	if Bandwidth("PCMU", Packets{}) != topology.G711Bandwidth {
		t.Error("the document reckons with another G.711")
	}
	if n := testing.AllocsPerRun(100, func() { Bandwidth("telephone-event", Packets{}); Bandwidth("PCMA", Packets{Tag: 10}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// described is a session of these m-lines.
func described(t testing.TB, lines string) *sdp.Session {
	t.Helper()
	s, err := sdp.Parse("v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n" + lines)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a description says of its packets: a=ptime and a=maxptime of the audio, and the tag of its keys with their MKI.
func TestPacketsAt(t *testing.T) {
	const audio, key = "m=audio 4000 RTP/AVP 0\r\n", " inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
	for lines, want := range map[string]Packets{
		audio:                    {},
		audio + "a=ptime:30\r\n": {Time: 30},
		audio + "a=ptime:30\r\na=maxptime:10\r\n":                       {Time: 10},
		audio + "a=maxptime:10\r\n":                                     {Time: 10},
		audio + "a=maxptime:200\r\n":                                    {}, // Lync's
		audio + "a=maxptime:-7\r\na=ptime:0\r\n":                        {},
		audio + "a=maxptime:0\r\na=ptime:30\r\n":                        {Time: 30},
		audio + "a=mid:1\r\na=ptime:30\r\na=label:7\r\n":                {Time: 30},
		audio + "a=ptime:9999\r\n":                                      {Time: 255},
		"m=audio 0 RTP/AVP 0\r\na=ptime:10\r\n":                         {},
		"m=video 4002 RTP/AVP 96\r\na=ptime:10\r\n":                     {},
		"m=image 4000 udptl t38\r\n" + audio + "a=ptime:10\r\n":         {Time: 10},
		audio + "a=crypto:1 AES_CM_128_HMAC_SHA1_32" + key + "\r\n":     {Tag: 4},
		audio + "a=crypto:1 AES_CM_128_HMAC_SHA1_80" + key + "|1:4\r\n": {Tag: 14},
		audio + "a=crypto:1 AES_CM_128_HMAC_SHA1_32" + key + "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80" + key + "\r\n": {Tag: 10},
		"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80" + key + "\r\n":                                   {Tag: 16},
		"m=audio 4000 UDP/TLS/RTP/SAVP 0\r\na=setup:actpass\r\na=fingerprint:sha-256 00:01\r\n":                      {Tag: 16},
	} {
		s := described(t, lines)
		if got := PacketsAt(s, len(s.Media)-1); got != want {
			t.Errorf("%q: %+v, want %+v", lines, got, want)
		}
	}
	for _, x := range [][3]uint8{{0, 0, 20}, {30, 0, 20}, {0, 10, 10}, {30, 40, 30}} {
		if got := Meet(x[0], x[1]); got != x[2] || got != Meet(x[1], x[0]) {
			t.Errorf("%d and %d ms meet at %d", x[0], x[1], got)
		}
	}
}

// What passes between two legs has the shorter time, and of Opus what the one takes that takes more, once both have said it.
func TestAgree(t *testing.T) {
	for _, x := range []struct{ a, b, want Packets }{
		{Packets{}, Packets{}, Packets{Time: 20}},
		{Packets{Time: 30, Opus: 20}, Packets{Time: 40}, Packets{Time: 30}},
		{Packets{Opus: 20}, Packets{Opus: 32}, Packets{Time: 20, Opus: 32}},
	} {
		for range 2 {
			a, b := x.a, x.b
			if Agree(&a, &b); a != x.want || b != x.want {
				t.Errorf("%+v and %+v agree on %+v and %+v, want %+v", x.a, x.b, a, b, x.want)
			}
			x.a, x.b = x.b, x.a
		}
	}
}

// CAC-02: the widest codec counts that a session may have; the offer keeps those that are narrow enough for both legs.
func TestWidestAndNarrow(t *testing.T) {
	all := Limits{{Most: topology.Unlimited}, {Most: topology.Unlimited}}
	most := func(a, b int) Limits { return Limits{{Most: a}, {Most: b, Packets: Packets{Tag: 10}}} }
	both := described(t, "m=audio 4000 RTP/AVP 9 8 18 101\r\na=rtpmap:101 telephone-event/8000\r\n")
	for _, x := range []struct {
		offer  *sdp.Session
		names  []string
		limits Limits
		widest [2]int
		narrow string
	}{
		{both, nil, all, [2]int{85, 85}, "G722 PCMA G729"},
		{both, nil, most(85, 89), [2]int{85, 89}, "G722 PCMA G729"},
		{both, nil, most(84, topology.Unlimited), [2]int{29, 33}, "G729"},
		{both, nil, most(topology.Unlimited, 88), [2]int{29, 33}, "G729"},
		{both, nil, most(28, 99), [2]int{}, ""},
		{both, []string{"PCMA"}, all, [2]int{85, 85}, "PCMA"},
		{both, []string{"PCMU"}, most(50, 50), [2]int{29, 33}, "G729"}, // the trunk's codecs leave nothing, so all stay
		{described(t, "m=audio 0 RTP/AVP 8\r\nm=image 4000 udptl t38\r\n"), nil, all, [2]int{85, 85}, ""},
		{described(t, "m=video 4002 RTP/AVP 31\r\nm=audio 0 RTP/AVP 9\r\nm=audio 4000 RTP/AVP 18\r\n"), nil, all, [2]int{29, 29}, "G729"}, // behind lines that do not speak
		{nil, nil, all, [2]int{85, 85}, ""},
		{nil, nil, most(84, 84), [2]int{}, ""},
		{nil, []string{"G729", "telephone-event"}, most(84, 84), [2]int{29, 33}, ""},
	} {
		if got := Widest(x.offer, x.names, &x.limits); got != x.widest {
			t.Errorf("%v within %+v: %d, want %d", x.names, x.limits, got, x.widest)
		}
		if x.offer != nil && x.widest[0] > 0 && x.narrow != "" {
			if got := strings.Join(Narrow(x.offer, x.names, &x.limits), " "); got != x.narrow {
				t.Errorf("%v within %+v: %s, want %s", x.names, x.limits, got, x.narrow)
			}
		}
	}
	if none := most(28, 28); strings.Join(Narrow(both, []string{"PCMA"}, &none), " ") != "PCMA" {
		t.Error("where nothing fits the codecs of the trunk do not stay")
	}
	if l := most(30, topology.Unlimited); WidestOf([]string{"G722", "telephone-event", "G729"}, &l[0]) != 29 || WidestOf([]string{"G722"}, &l[0]) != 0 ||
		WidestOf([]string{"G722"}, &l[1]) != 89 {
		t.Error("a leg of its own has another limit")
	}
	if Speaks(described(t, "m=audio 0 RTP/AVP 8\r\nm=image 4000 udptl t38\r\n")) || !Speaks(both) {
		t.Error("who speaks is mistaken")
	}
}

const wide = `
pools:
  p.example.com:
    servers:
      med1.example.com: {addresses: [10.1.0.10]}
      med2.example.com: {addresses: [10.1.0.11]}
network:
  profiles:
    thin: {audio: {total: 1000, perSession: 100}, video: {total: 3000}}
    thick: {audio: {total: 10000}}
    none: {audio: {total: 0}}
  regions: {america: {}, europe: {}, asia: {}}
  sites:
    seattle: {region: america, subnets: [10.1.0.0/16]}
    reno: {region: america, subnets: [10.2.0.0/16], bandwidthPolicy: thin}
    berlin: {region: europe, subnets: [10.3.0.0/16], bandwidthPolicy: thin}
    tokyo: {region: asia, subnets: [10.4.0.0/16]}
    itsp: {region: america, subnets: [203.0.113.5], bandwidthPolicy: none}
  links:
    atlantic: {regions: [america, europe], bandwidthPolicy: thick}
    silk: {regions: [europe, asia], bandwidthPolicy: thick}
    pacific: {regions: [asia, america]}
  routes:
    by land: {regions: [asia, america], links: [silk, atlantic]}
  intersitePolicies:
    itsp: {sites: [itsp, seattle], bandwidthPolicy: thick}
`

func network(t testing.TB, doc string) *topology.Network {
	t.Helper()
	s, problems := topology.Compile("x", []byte(doc))
	if s == nil {
		t.Fatal(problems.Error())
	}
	return s.Network
}

// describe names links, sorted.
func describe(way []*topology.Link) string {
	var list []string
	slices.SortFunc(way, func(a, b *topology.Link) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range way {
		list = append(list, l.Name)
	}
	return strings.Join(list, ", ")
}

// CAC-01, CAC-03: which links are between two addresses.
func TestWay(t *testing.T) {
	for _, x := range []struct{ doc, a, b, want string }{
		{wide, "10.1.0.10", "10.1.0.5", ""},
		{wide, "10.2.0.10", "10.2.0.5", ""},
		{wide, "10.1.0.10", "10.2.0.5", `site "reno"`},
		{wide, "10.2.0.10", "10.3.0.5", `link "atlantic", site "berlin", site "reno"`},
		{wide, "10.1.0.10", "203.0.113.5", `policy "itsp"`},
		{wide, "10.2.0.10", "203.0.113.5", `site "itsp", site "reno"`},
		{wide, "10.1.0.10", "10.4.0.5", `link "atlantic", link "silk"`},
		{strings.Replace(wide, "by land: {regions: [asia, america], links: [silk, atlantic]}", "", 1), "10.1.0.10", "10.4.0.5", ""}, // the pacific has no limit
		{wide, "10.2.0.10", "192.0.2.1", `site "reno"`},
		{wide, "192.0.2.1", "192.0.2.2", ""},
	} {
		n := network(t, x.doc)
		if got := describe(Way(n, at(x.a), at(x.b), nil)); got != x.want {
			t.Errorf("%s to %s: %s, want %s", x.a, x.b, got, x.want)
		}
		if back := describe(Way(n, at(x.b), at(x.a), nil)); back != x.want {
			t.Errorf("%s to %s: back over %s, there over %s", x.a, x.b, back, x.want)
		}
	}
	if kbps, l := PerSession(Way(network(t, wide), at("10.2.0.1"), at("10.4.0.1"), nil), topology.Audio); kbps != 100 || l.Name != `site "reno"` {
		t.Errorf("%d at %v", kbps, l)
	}
}

// TestOrderOfTheDocument: ways and places are the same in whatever order regions, sites and links are written.
func TestOrderOfTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "regions")
		var regions, sites, links []string
		addresses := []string{"192.0.2.1"}
		for i := range n {
			regions = append(regions, fmt.Sprintf("    r%d: {}\n", i))
			for k := range rapid.IntRange(1, 2).Draw(t, "sites") {
				policy := rapid.SampledFrom([]string{"", ", bandwidthPolicy: thin"}).Draw(t, "policy")
				sites = append(sites, fmt.Sprintf("    s%d%d: {region: r%d, subnets: [10.%d.%d.0/24]%s}\n", i, k, i, i, k, policy))
				addresses = append(addresses, fmt.Sprintf("10.%d.%d.7", i, k))
			}
			for k := range i {
				if rapid.Bool().Draw(t, "link") {
					links = append(links, fmt.Sprintf("    l%d%d: {regions: [r%d, r%d], bandwidthPolicy: thin}\n", k, i, k, i))
				}
			}
		}
		write := func(regions, sites, links []string) *topology.Network {
			doc := "pools:\n  p.example.com:\n    servers:\n      m.example.com: {addresses: [10.0.0.1]}\nnetwork:\n  profiles: {thin: {audio: {total: 1000}}}\n  regions:\n" +
				strings.Join(regions, "") + "  sites:\n" + strings.Join(sites, "")
			if len(links) > 0 {
				doc += "  links:\n" + strings.Join(links, "")
			}
			s, problems := topology.Compile("x", []byte(doc))
			if s == nil {
				t.Fatal(problems.Error())
			}
			return s.Network
		}
		one := write(regions, sites, links)
		other := write(rapid.Permutation(regions).Draw(t, "r"), rapid.Permutation(sites).Draw(t, "s"), rapid.Permutation(links).Draw(t, "l"))
		for _, a := range addresses {
			for _, b := range addresses {
				if x, y := describe(Way(one, at(a), at(b), nil)), describe(Way(other, at(a), at(b), nil)); x != y {
					t.Fatalf("%s to %s: %s or %s", a, b, x, y)
				}
			}
		}
	})
}

// TestAccount: whatever calls come, change and go, what is in use is what they have, no link has more than its share but by force, and in the end
// there is nothing.
func TestAccount(t *testing.T) {
	n := network(t, wide)
	rapid.Check(t, func(t *rapid.T) {
		var a Account
		type key struct {
			id media.SessionID
			place
		}
		have, forced := map[key]int{}, map[place]bool{}
		sum := func(at place) (kbps int) {
			for k, v := range have {
				if k.place == at {
					kbps += v
				}
			}
			return kbps
		}
		way := rapid.SliceOfN(rapid.SampledFrom(n.Links), 0, 4)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := media.SessionID(rapid.IntRange(1, 5).Draw(t, "id"))
			var legs Legs
			for k := range legs {
				legs[k] = Need{way.Draw(t, "way"), [topology.MediaKinds]int{rapid.IntRange(0, 400).Draw(t, "audio"), rapid.IntRange(0, 400).Draw(t, "video")}}
			}
			for k := range legs { // a link without a profile is on no way
				legs[k].Way = limited(nil, legs[k].Way...)
			}
			force := rapid.Bool().Draw(t, "force")
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				legs = Legs{}
			}
			if r := a.Reserve(n, id, &legs, force); r != nil {
				if force || r.Used+r.Need <= r.Share || r.Used != sum(place{r.Link.Name, r.Kind})-have[key{id, place{r.Link.Name, r.Kind}}] {
					t.Fatalf("refused %+v", r)
				}
				continue
			}
			for k := range have {
				if k.id == id {
					delete(have, k)
				}
			}
			for k := range legs {
				for _, l := range legs[k].Way {
					for kind, kbps := range legs[k].Kbps {
						at := place{l.Name, topology.MediaKind(kind)}
						have[key{id, at}] += kbps
						forced[at] = forced[at] || force
					}
				}
			}
			for _, u := range a.Links(n) {
				at := place{u.Link.Name, u.Kind}
				if u.Used != sum(at) || !forced[at] && u.Used > u.Share {
					t.Fatalf("%v: %d used of %d, the calls have %d", at, u.Used, u.Share, sum(at))
				}
			}
		}
		for id := range media.SessionID(6) {
			if r := a.Reserve(n, id, &Legs{}, false); r != nil {
				t.Fatalf("kept for %+v", r)
			}
		}
		for _, u := range a.Links(n) {
			if u.Used != 0 || u.Calls != 0 || a.Calls() != 0 {
				t.Fatalf("%s keeps %d kbit/s of %d calls", u.Link.Name, u.Used, u.Calls)
			}
		}
		a.Keep(nil)
		if len(a.links) > 0 {
			t.Fatal("links that no document has are remembered")
		}
	})
}

// CAC-02: video needs what its description says.
func TestVideoBandwidth(t *testing.T) {
	for lines, want := range map[string]int{
		"m=video 4002 RTP/AVP 96\r\n":                                                                                  600,
		"m=video 4002 RTP/AVP 96\r\nb=AS:384\r\n":                                                                      384,
		"m=video 4002 RTP/AVP 96\r\nb=TIAS:384001\r\n":                                                                 385,
		"m=video 4002 RTP/AVP 96\r\nb=TIAS:900000\r\nb=AS: 500.5\r\n":                                                  500,
		"m=video 4002 RTP/AVP 96\r\nb=AS:-5\r\nb=CT:77\r\nb=AS:9x\r\n":                                                 600,
		"m=video 4002 RTP/AVP 96\r\nb=AS:99999999999999999999999999\r\n":                                               600,
		"m=video 0 RTP/AVP 96\r\nb=AS:384\r\n":                                                                         0,
		"m=audio 4000 RTP/AVP 0\r\nb=AS:80\r\nm=video 1 RTP/AVP 96\r\nb=AS:100\r\nm=video 3 RTP/AVP 96\r\nb=AS:50\r\n": 150,
	} {
		s, err := sdp.Parse("v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nb=AS:64\r\nt=0 0\r\n" + lines)
		if err != nil {
			t.Fatal(err)
		}
		if got := VideoOf(s); got != want {
			t.Errorf("%q needs %d, want %d", lines, got, want)
		}
	}
	if VideoOf(nil) != 0 {
		t.Error("no description needs something")
	}
}

// TestLinks: those that bound something are told, in the order of the document, with what they have refused, which another document that has them keeps.
func TestLinks(t *testing.T) {
	n := network(t, wide)
	var a Account
	told := func() (list []string) {
		for _, u := range a.Links(n) {
			list = append(list, fmt.Sprint(u.Link.Name, " ", u.Kind, " ", u.Refused))
		}
		return list
	}
	for _, l := range n.Links {
		a.Refuse(l, topology.Audio)
	}
	first := told()
	for _, l := range n.Links {
		for kind := range topology.MediaKinds {
			is := slices.ContainsFunc(first, func(s string) bool { return strings.HasPrefix(s, fmt.Sprint(l.Name, " ", kind, " ")) })
			if want := l.Profile != nil && (kind == topology.Audio || l.Profile.Kinds[kind].Limits()); is != want {
				t.Errorf("%s %v: told %v", l.Name, kind, is)
			}
		}
	}
	if !slices.Contains(first, `site "reno" audio 1`) || !slices.Contains(first, `site "reno" video 0`) {
		t.Errorf("%q", first)
	}
	a.Keep(n)
	if again := told(); !slices.Equal(again, first) {
		t.Errorf("%q, and before %q", again, first)
	}
	if a.Keep(nil); a.Links(nil) != nil || slices.Contains(told(), `site "reno" audio 1`) {
		t.Error("without a network links are remembered")
	}
}
