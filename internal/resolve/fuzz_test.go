package resolve

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzAnswer: whatever a DNS server answers, what is taken of it is bounded and can be used.
func FuzzAnswer(f *testing.F) {
	for _, rr := range []string{"a.example. 60 IN CNAME b.example.", "b.example. 60 IN A 192.0.2.1", "a.example. 60 IN AAAA 2001:db8::1",
		"a.example. 60 IN SRV 1 2 5060 b.example.", `a.example. 60 IN NAPTR 1 2 "s" "SIP+D2U" "" _sip._udp.b.example.`} {
		r, err := dns.NewRR(rr)
		if err != nil {
			f.Fatal(err)
		}
		m := new(dns.Msg)
		m.SetQuestion("a.example.", r.Header().Rrtype)
		m.Answer = []dns.RR{r, r}
		raw, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, r.Header().Rrtype)
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint16) {
		m := new(dns.Msg)
		if m.Unpack(raw) != nil {
			return
		}
		a := answer{kind: kind, name: "a.example", ttl: time.Hour}
		if a.read(m) != nil {
			return
		}
		if a.count() > maxRecords || a.aliases > maxAliases || a.ttl < 0 || a.ttl > time.Hour {
			t.Fatalf("%d records by %d aliases for %s", a.count(), a.aliases, a.ttl)
		}
		for _, ip := range a.addrs {
			if !ip.IsValid() || ip.IsUnspecified() || ip.Is4In6() {
				t.Fatalf("address %s", ip)
			}
		}
	})
}

// FuzzHosts: the hosts file gives addresses or nothing.
func FuzzHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost lo . # x\n::1\tlocalhost\nfe80::1%eth0 a")
	f.Fuzz(func(t *testing.T, text string) {
		for name, list := range parseHosts(text) {
			for _, ip := range list {
				if name == "" || ip == (netip.Addr{}) {
					t.Fatalf("%q: %v", name, list)
				}
			}
		}
	})
}
