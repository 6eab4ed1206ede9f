package b2bua

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// Allowed is what we take from every peer; it stands in Allow (RFC 3261 §20.5). NOTIFY is what answers a REFER of ours (DR-15).
const Allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"

// maxAllows bounds what is kept of Allow: a document has few trunk settings, and old documents go.
const maxAllows = 256

// Allow is what we take from a peer with these settings.
func (e *Env) Allow(set *topology.TrunkSettings) string {
	if v, ok := e.allows[set]; ok {
		return v
	}
	v := Allowed
	if set.ReliableProvisional != "off" {
		v += ", PRACK"
	}
	if set.AcceptRefer {
		v += ", REFER"
	}
	for _, m := range set.RelayMethods {
		if !strings.Contains(v+",", " "+m+",") {
			v += ", " + m
		}
	}
	if e.allows == nil || len(e.allows) >= maxAllows {
		e.allows = make(map[*topology.TrunkSettings]string)
	}
	e.allows[set] = v
	return v
}

// allowBut is Allow where a method is refused for this dialog, such as INFO when who sits opposite does not take it: what is refused does not stand
// among what is allowed (RFC 3261 §21.4.6).
func (e *Env) allowBut(set *topology.TrunkSettings, method string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(e.Allow(set), ", "), func(m string) bool { return m == method }), ", ")
}
