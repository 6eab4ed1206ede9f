package ways

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/netlink"
)

// Of linux/netfilter/nfnetlink.h and nf_tables.h.
const (
	nftGetChain = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETCHAIN
	nftGetRule  = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE
	nfgenmsg    = 4 // octets: family, version, resource

	familyInet, familyIPv4, familyIPv6 = 1, 2, 10
	hookOutput, hookPostrouting        = 3, 4
	policyAccept                       = 1
)

// filters tells why packets must pass the hooks of nftables that this host's own pass on their way out: a chain there may drop or change them, and by
// rules about connections, wherever they are, the kernel keeps track of these, and may let in only what answers to what it has seen leave. A chain without
// rules that accepts all is none.
func (s *scout) filters() (why string) {
	err := s.nft.Dump(netlink.Request(nftGetChain, make([]byte, nfgenmsg)), func(body []byte) {
		if c := chainOf(body); c.matters() {
			why = fmt.Sprintf("this host has a chain %q for what leaves (nftables)", c.name)
		}
	})
	if err == nil && why == "" {
		err = s.nft.Dump(netlink.Request(nftGetRule, make([]byte, nfgenmsg)), func(body []byte) {
			if tracks(body) {
				why = "this host has rules about connections (nftables)"
			}
		})
	}
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) { // those: it has no nftables
		return fmt.Sprintf("nftables cannot be asked for chains and rules: %v", err)
	}
	return why
}

// chain is one of nftables.
type chain struct {
	family byte
	name   string
	hook   int // -1: it is only called by others
	policy int
	uses   int // rules; nobody jumps to one with a hook
}

func isIP(family byte) bool {
	return family == familyInet || family == familyIPv4 || family == familyIPv6
}

func (c *chain) matters() bool {
	return isIP(c.family) && (c.hook == hookOutput || c.hook == hookPostrouting) && (c.uses != 0 || c.policy != policyAccept)
}

func chainOf(body []byte) (c chain) {
	c = chain{hook: -1, policy: -1, uses: -1}
	if len(body) < nfgenmsg {
		return c
	}
	c.family = body[0]
	netlink.Attributes(body, nfgenmsg, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_CHAIN_NAME:
			c.name = strings.TrimRight(string(value), "\x00")
		case unix.NFTA_CHAIN_HOOK:
			netlink.Attributes(value, 0, func(kind uint16, value []byte) {
				if kind == unix.NFTA_HOOK_HOOKNUM && len(value) >= 4 {
					c.hook = int(binary.BigEndian.Uint32(value))
				}
			})
		case unix.NFTA_CHAIN_POLICY:
			if len(value) >= 4 {
				c.policy = int(binary.BigEndian.Uint32(value))
			}
		case unix.NFTA_CHAIN_USE:
			if len(value) >= 4 {
				c.uses = int(binary.BigEndian.Uint32(value))
			}
		}
	})
	return c
}

// tracks tells of a rule whether it makes the kernel keep track of connections: by what nftables has of its own, or by something of iptables, which may.
func tracks(body []byte) (yes bool) {
	if len(body) < nfgenmsg || !isIP(body[0]) {
		return false
	}
	netlink.Attributes(body, nfgenmsg, func(kind uint16, value []byte) {
		if kind != unix.NFTA_RULE_EXPRESSIONS {
			return
		}
		netlink.Attributes(value, 0, func(_ uint16, expression []byte) {
			netlink.Attributes(expression, 0, func(kind uint16, value []byte) {
				if kind != unix.NFTA_EXPR_NAME {
					return
				}
				switch strings.TrimRight(string(value), "\x00") {
				case "ct", "connlimit", "nat", "masq", "redir", "synproxy", "flow_offload", "match", "target":
					yes = true
				}
			})
		})
	})
	return yes
}

// unannounced is what nobody is told of when it changes.
func unannounced() string { return cmp.Or(tables(), cgroupPrograms()) }

// tables tells of iptables that is not a front of nftables: nobody says what is in its tables, or when that changes.
func tables() string {
	for _, name := range [...]string{"ip_tables_names", "ip6_tables_names"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + name)
		if err == nil && len(b) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "this host has tables of iptables"
		}
	}
	return ""
}
