package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

// Severity is how bad a finding is.
type Severity int

// The severities.
const (
	OK      Severity = iota
	Note             // worth knowing
	Warning          // something will not work, or not for long
	Error            // the trunk does not work
)

var severities = [...]string{"ok", "note", "warning", "error"}

func (s Severity) String() string { return severities[s] }

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one judgement.
type Finding struct {
	ID       string   `json:"id"` // stable: for scripts
	Severity Severity `json:"severity"`
	What     string   `json:"what"` // what was seen
	Why      string   `json:"why,omitempty"`
	Fix      string   `json:"fix,omitempty"`
}

// judge gathers findings.
type judge struct {
	trunk    *topology.Trunk
	server   *topology.Server
	facts    *Facts
	now      time.Time
	findings []Finding
}

// Judge says what the facts mean for a trunk: a pure function of its arguments. Findings are in the order of the steps.
func Judge(trunk *topology.Trunk, server *topology.Server, f *Facts, now time.Time) []Finding {
	j := &judge{trunk: trunk, server: server, facts: f, now: now}
	j.dns()
	j.ours()
	j.ourMedia()
	answered := 0
	for i := range f.Hops {
		if f.Hops[i].Answer != nil {
			answered++
		}
	}
	seen := map[string]bool{}
	for i := range f.Hops {
		h := &f.Hops[i]
		j.local(h, seen)
		j.failed(h, answered)
		j.handshake(h)
		j.answer(h)
		j.peerMedia(h)
	}
	if answered > 0 && !trunk.Settings.Options {
		j.add(Note, "options-off", "options is off for the trunk", "only calls will tell whether the peer is there", "Set options: true")
	}
	return j.findings
}

func (j *judge) add(s Severity, id, what, why, fix string) {
	f := Finding{id, s, what, why, fix}
	for _, had := range j.findings { // several addresses of one peer say the same
		if had == f {
			return
		}
	}
	j.findings = append(j.findings, f)
}

func (j *judge) dns() {
	f := j.facts
	gw := j.trunk.Gateway
	key := "gateways." + gw.Name + ".host"
	switch {
	case f.DNSError != "":
		var broken []string
		for _, d := range f.DNS {
			if d.Error != "" {
				broken = append(broken, d.Error)
			}
		}
		if len(broken) > 0 {
			j.add(Error, "dns-broken", f.DNSError, "the name server does not answer the question: "+broken[0],
				"Look at the name servers in /etc/resolv.conf, or name the gateway in /etc/hosts")
			return
		}
		j.add(Error, "dns-none", f.DNSError, "no call can be sent there", fmt.Sprintf("Correct %s, or add the name to DNS or to /etc/hosts", key))
	case f.Found > len(f.Hops):
		j.add(Note, "dns-many", fmt.Sprintf("%s has %d addresses, of which %d were tried", f.Host, f.Found, len(f.Hops)), "", "")
	}
	if f.DNSError == "" && j.trunk.GatewayPort == 0 && !gw.Addr.IsValid() && !hasRecords(f.DNS, "SRV") {
		j.add(Note, "dns-no-srv", f.Host+" has no SRV record for "+f.Transport, "the port is the default one of the transport (RFC 3263 section 4.2)",
			"Add an SRV record, or set gatewayPort to the peer's port")
	}
}

func hasRecords(list []DNS, kind string) bool {
	for _, d := range list {
		if d.Type == kind && len(d.Records) > 0 {
			return true
		}
	}
	return false
}

// local says from where the peer was asked, where that differs from what the server does.
func (j *judge) local(h *Hop, seen map[string]bool) {
	if h.PortHeld && !seen["held"] {
		seen["held"] = true
		j.add(Note, "port-held", fmt.Sprintf("our port %d is held by another process, most likely by the server; asked from port %d", j.trunk.Port, h.Local.Port()),
			"a peer that knows us by address and port may answer otherwise", "")
	}
	if h.Elsewhere && !seen["elsewhere"] {
		seen["elsewhere"] = true
		j.add(Warning, "not-this-host", fmt.Sprintf("no address of server %q is on this host; asked from another one", j.server.Name),
			"a peer that knows us by address may answer otherwise", "Run this on the server itself, or name the server of this host with --server")
	}
}

// failed says why an address did not answer. While another one does, calls get through, later.
func (j *judge) failed(h *Hop, answered int) {
	if h.Failed == "" {
		return
	}
	s, why := Error, "calls cannot get there"
	if answered > 0 {
		s, why = Warning, "calls that begin with this address are set up later, by the next one (RFC 3263 section 4.3)"
	}
	transport, at := j.facts.Transport, h.Address.String()
	switch h.Failed {
	case Refused:
		j.add(s, "refused", fmt.Sprintf("nothing listens on %s over %s", at, transport), why,
			"Look whether the peer runs and which port and transport it has; gatewayPort is the peer's port, port is ours")
	case Unreachable:
		j.add(s, "unreachable", fmt.Sprintf("%s cannot be reached over %s: %s", at, transport, h.Error), why, "Look at routes and firewalls between the two hosts")
	case TLSFailed:
		j.handshakeFailed(h, s, why)
	case Closed:
		if h.TLS != nil && strings.Contains(h.Error, "tls:") {
			j.add(s, "tls-client-refused", fmt.Sprintf("%s refuses our certificate: %s", at, h.Error), why,
				"Give the peer the authority that issued our certificate, and look whether it expects another name than "+j.server.Name)
			return
		}
		j.add(s, "closed", fmt.Sprintf("%s ended the connection without an answer: %s", at, h.Error), why,
			"Look in the log of the peer; many close the connection of a source that they do not know")
	case Silent:
		j.add(s, "silent", at+" does not answer OPTIONS over "+transport, why,
			"Look whether the peer knows our address "+h.Local.Addr().String()+" and whether a firewall drops what comes from it; if it answers calls but never OPTIONS, set options: false")
	}
}
