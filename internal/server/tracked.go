package server

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
)

// host is what the kernel says of itself.
var host = os.DirFS("/")

// tracked is how many connections the host keeps track of for its packet filter, and how many it can (nf_conntrack_count and nf_conntrack_max); 0 of 0: it does not keep track.
// When the table is full it drops the first packet of each new stream: the next calls are silent, and nobody here sees why.
func tracked(host fs.FS) (count, most float64) {
	number := func(name string) float64 {
		text, err := fs.ReadFile(host, "proc/sys/net/netfilter/nf_conntrack_"+name)
		n, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || bad != nil {
			return 0
		}
		return float64(n)
	}
	return number("count"), number("max")
}

// rateTracked is a target only where the host keeps track.
func rateTracked(host fs.FS, add func(Target)) {
	count, most := tracked(host)
	if most == 0 {
		return
	}
	add(Target{Name: "tracked", Value: math.Round(100 * count / most), Bound: "most", Limit: mostTracked, Unit: "% of the connections that the host can keep track of",
		Detail: fmt.Sprintf("%.0f of %.0f", count, most),
		Look:   "raise net.netfilter.nf_conntrack_max, or take the media ports out (notrack of nftables): when the table is full new calls are silent"})
}
