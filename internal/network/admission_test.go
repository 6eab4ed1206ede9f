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

// The bandwidth of codecs is that of Lync's planning, with 5 kbit/s of RTCP.
func TestBandwidth(t *testing.T) {
	for name, want := range map[string]int{"PCMU": 97, "pcma": 97, "G722": 101, "x-msrta": 62, "SIREN": 53, "G729": 41, "nobody-knows": 97, "": 97,
		strings.Repeat("x", 1000): 97} {
		if got := Bandwidth(name); got != want {
			t.Errorf("%.20s needs %d, want %d", name, got, want)
		}
	}
	if Bandwidth("PCMU") != topology.G711Bandwidth {
		t.Error("the document reckons with another G.711")
	}
	if n := testing.AllocsPerRun(100, func() { Bandwidth("telephone-event"); Bandwidth("PCMA") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// CAC-02: the widest codec counts that a session may have; the offer keeps those that are narrow enough.
func TestWidestAndNarrow(t *testing.T) {
	offer := func(lines string) *sdp.Session {
		s, err := sdp.Parse("v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n" + lines)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	both := offer("m=audio 4000 RTP/AVP 9 8 18 101\r\na=rtpmap:101 telephone-event/8000\r\n")
	for _, x := range []struct {
		offer  *sdp.Session
		names  []string
		most   int
		widest int
		narrow string
	}{
		{both, nil, topology.Unlimited, 101, "G722 PCMA G729"},
		{both, nil, 97, 97, "PCMA G729"},
		{both, nil, 96, 41, "G729"},
		{both, nil, 40, 0, ""},
		{both, []string{"PCMA"}, topology.Unlimited, 97, "PCMA"},
		{both, []string{"PCMU"}, 50, 41, "G729"}, // the trunk's codecs leave nothing, so all stay
		{offer("m=audio 0 RTP/AVP 8\r\nm=image 4000 udptl t38\r\n"), nil, topology.Unlimited, 97, ""},
		{nil, nil, topology.Unlimited, 97, ""},
		{nil, nil, 96, 0, ""},
		{nil, []string{"G729", "telephone-event"}, 96, 41, ""},
	} {
		if got := Widest(x.offer, x.names, x.most); got != x.widest {
			t.Errorf("%v below %d: %d, want %d", x.names, x.most, got, x.widest)
		}
		if x.offer != nil && x.widest > 0 && x.narrow != "" {
			if got := strings.Join(Narrow(x.offer, x.names, x.most), " "); got != x.narrow {
				t.Errorf("%v below %d: %s, want %s", x.names, x.most, got, x.narrow)
			}
		}
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
