package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// namesEnv makes this test program a name server instead: "name=address,name=address".
const namesEnv = "DIRECTSIP_E2E_NAMES"

// serveNames answers A and AAAA questions on UDP port 53 until it is killed.
func serveNames(names string) int {
	table := map[string]net.IP{}
	for _, n := range strings.Split(names, ",") {
		name, addr, _ := strings.Cut(n, "=")
		table[strings.ToLower(name)+"."] = net.ParseIP(addr)
	}
	answer := func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		r.Authoritative = true
		question := q.Question[0]
		ip, known := table[strings.ToLower(question.Name)]
		switch header := (dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: 60}); {
		case !known:
			r.Rcode = dns.RcodeNameError
		case question.Qtype == dns.TypeA && ip.To4() != nil:
			r.Answer = append(r.Answer, &dns.A{Hdr: header, A: ip})
		case question.Qtype == dns.TypeAAAA && ip.To4() == nil:
			r.Answer = append(r.Answer, &dns.AAAA{Hdr: header, AAAA: ip})
		}
		w.WriteMsg(r)
	}
	s := &dns.Server{Addr: ":53", Net: "udp", Handler: dns.HandlerFunc(answer), NotifyStartedFunc: func() { fmt.Println("ready") }}
	fmt.Fprintln(os.Stderr, s.ListenAndServe())
	return 1
}

// nameServer is the host that knows the names of a network.
const nameServer = 53

// names starts the name server of a network.
func (n *network) names(list ...string) {
	n.t.Helper()
	args := append(n.host(nameServer), os.Args[0])
	cmd := child(args...)
	cmd.Env = append(os.Environ(), namesEnv+"="+strings.Join(list, ","))
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		n.t.Fatal("the name server does not start")
	}
}
