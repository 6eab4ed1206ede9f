package resolve

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/directsip/directsip/internal/sip"
)

// TestTraceTellsWhatWasAsked (RFC 3263 §4), in order, and also when nothing was found.
func TestTraceTellsWhatWasAsked(t *testing.T) {
	z := newZone(t,
		"example.com. 60 IN NAPTR 20 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.com.",
		"example.com. 60 IN NAPTR 10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.example.com.",
		"_sips._tcp.example.com. 60 IN SRV 20 0 5061 two.example.com.",
		"_sips._tcp.example.com. 60 IN SRV 10 0 5061 one.example.com.",
		"one.example.com. 60 IN A 192.0.2.1", "two.example.com. 60 IN A 192.0.2.2",
		"_sip._udp.example.com. 60 IN SRV 0 0 5060 one.example.com.")
	z.change(func() { z.rcode[question{"broken.example.com", dns.TypeA}] = dns.RcodeServerFailure })
	r, _ := newResolver(t, "192.0.2.9 file.example.com\n", Config{Servers: []string{z.addr}})
	for _, c := range []struct {
		q    Query
		want string
		hops int
		err  error
	}{
		{Query{Host: "example.com", IPv4: true}, "example.com NAPTR order 10 preference 10 TLS _sips._tcp.example.com, order 20 preference 10 UDP _sip._udp.example.com; " +
			"_sips._tcp.example.com SRV priority 10 weight 0 one.example.com:5061, priority 20 weight 0 two.example.com:5061; " +
			"one.example.com A 192.0.2.1; two.example.com A 192.0.2.2; _sip._udp.example.com SRV priority 0 weight 0 one.example.com:5060; one.example.com A 192.0.2.1", 3, nil},
		{Query{Host: "none.example.com", Transport: sip.TLS, IPv4: true}, "_sips._tcp.none.example.com SRV ; none.example.com A ", 0, ErrNotFound},
		{Query{Host: "broken.example.com", Port: 5060, IPv4: true}, "broken.example.com A SERVFAIL", 0, ErrAnswer},
		{Query{Host: "file.example.com"}, "file.example.com hosts 192.0.2.9", 1, nil},
		{Query{Host: "192.0.2.7"}, "", 1, nil},
	} {
		res, seen, err := r.Trace(t.Context(), c.q)
		var words []string
		for _, a := range seen {
			text := strings.Join(a.Records, ", ")
			if a.Err != nil {
				text = a.Err.Error()[strings.LastIndex(a.Err.Error(), " ")+1:]
			}
			words = append(words, fmt.Sprintf("%s %s %s", a.Name, a.Type, text))
		}
		if got := strings.Join(words, "; "); got != c.want || len(res.Hops) != c.hops || !errors.Is(err, c.err) {
			t.Errorf("%s: %d hops, %v\n got %s\nwant %s", c.q.Host, len(res.Hops), err, got, c.want)
		}
	}
}
