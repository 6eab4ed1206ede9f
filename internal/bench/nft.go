package bench

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// relayNftables lets the kernel translate addresses and ports of each call, by one lookup and then by the tracked connection. It is no relay: it
// counts nothing, admits everybody and knows no timeout of a call. It shows what moving a packet through the kernel costs at least.
func (b *Bench) relayNftables(n *network, dir string, calls int) (*process, []stream, error) {
	sut := netip.MustParseAddr(n.sut)
	var streams []stream
	var to, from []string
	for i := range calls {
		ports := portsOf(i)
		a, z := ports[0], ports[1]
		to = append(to, fmt.Sprintf("%d : %s . %d", a, n.probe, mediaPort), fmt.Sprintf("%d : %s . %d", z, n.caller, mediaPort))
		from = append(from, fmt.Sprintf("%d : %s . %d", a, n.sut, z), fmt.Sprintf("%d : %s . %d", z, n.sut, a))
		streams = append(streams, stream{from: 0, to: netip.AddrPortFrom(sut, a)}, stream{from: 1, to: netip.AddrPortFrom(sut, z)})
	}
	rules := fmt.Sprintf(`table ip bench {
	map to { type inet_service : ipv4_addr . inet_service; elements = { %[1]s } }
	map from { type inet_service : ipv4_addr . inet_service; elements = { %[2]s } }
	chain pre {
		type nat hook prerouting priority dstnat
		ip daddr %[3]s meta l4proto udp dnat ip to udp dport map @to
	}
	chain post {
		type nat hook postrouting priority srcnat
		ct original ip daddr %[3]s meta l4proto udp snat ip to ct original proto-dst map @from
	}
}
`, strings.Join(to, ", "), strings.Join(from, ", "), n.sut)
	file := filepath.Join(dir, "rules")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return nil, nil, err
	}
	for _, argv := range [][]string{n.enter("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects; "+
		"echo 0 >/proc/sys/net/ipv4/conf/"+sutDevice+"/send_redirects"), n.enter("nft", "-f", file)} {
		if err := run(argv...); err != nil {
			return nil, nil, err
		}
	}
	return nil, streams, nil
}
