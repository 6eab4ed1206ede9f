package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// skewed is a difference of clocks that certificates and the comparison of logs feel.
const skewed = 5 * time.Minute

// answer judges the response to OPTIONS.
func (j *judge) answer(h *Hop) {
	a := h.Answer
	if a == nil {
		return
	}
	j.status(h)
	if a.From.Addr() != h.Address.Addr() {
		j.elsewhere(h)
	} else if h.TLS == nil && h.CountsFor != j.trunk.Name {
		j.stranger(h, a.From.Addr().String(), fmt.Sprintf("Add %s to gateways.%s.addresses", a.From.Addr(), j.trunk.Gateway.Name))
	}
	if a.From.Addr() == h.Address.Addr() && a.From.Port() != h.Address.Port() {
		j.add(Note, "answers-other-port", fmt.Sprintf("%s answers from port %d", h.Address, a.From.Port()), "a firewall that expects the answer from the port that was asked drops it", "")
	}
	set := j.trunk.Settings
	if a.Sent > 1 {
		j.add(Warning, "repeated", fmt.Sprintf("%s answered only when OPTIONS was sent the %s time", h.Address, ordinal(a.Sent)), "packets are lost on the way, or the peer is overloaded",
			"Look at the network between the two hosts")
	}
	if a.RoundTrip > set.OptionsTimeout {
		j.add(Error, "slow", fmt.Sprintf("%s answers after %s, and optionsTimeout is %s", h.Address, a.RoundTrip.Round(time.Millisecond), set.OptionsTimeout), "the trunk would be taken for down",
			"Find out what takes the peer so long, or set optionsTimeout to more")
	}
	ours := h.Local.Addr()
	switch known := j.server.Toward(j.trunk).Known(ours); {
	case a.SeenAs == "" || a.SeenAs == known.String():
	case known != ours:
		j.add(Warning, "nat", fmt.Sprintf("%s sees us as %s, and public says %s", h.Address, a.SeenAs, known), "its calls and its media go to an address that may not be ours",
			fmt.Sprintf("Set public of the server, or of its interface, to %s; if the peer is on this side of the NAT, give its gateway an interface without public", a.SeenAs))
	case a.SeenAs != ours.String():
		j.add(Note, "nat", fmt.Sprintf("%s sees us as %s, and our address is %s", h.Address, a.SeenAs, ours), "there is a NAT between the two; media needs its public address",
			fmt.Sprintf("If the peer cannot reach %s, set public of the server, or of an interface for this gateway, to %s", ours, a.SeenAs))
	}
	if a.Skew > skewed || a.Skew < -skewed {
		j.add(Warning, "clock", fmt.Sprintf("the clock of %s differs from ours by %s", h.Address, a.Skew), "certificates and tokens are judged by the clock, and logs cannot be compared",
			"Have both hosts take the time from the network")
	}
	if a.Status < 300 {
		j.allow(h)
	}
	j.profile(h)
}

func ordinal(n int) string {
	switch n {
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return fmt.Sprintf("%dth", n)
}

// meaning is what a status says that is not 2xx.
var meaning = map[int]struct {
	severity Severity
	why, fix string
}{
	400: {Warning, "the peer cannot read what we send", "Look in the log of the peer for what it dislikes"},
	401: {Note, "the peer asks for credentials; it is there", "If it asks for them in calls too, give the trunk credentials"},
	403: {Warning, "the peer does not want us; it will most likely refuse calls too", "Look whether it knows our address, name and port, and whether it wants another contactHost or fromDomain"},
	404: {Note, "the peer knows no user of that name, which OPTIONS do not need; it is there", ""},
	405: {Note, "the peer does not serve OPTIONS; it is there", ""},
	407: {Note, "the peer asks for credentials; it is there", "If it asks for them in calls too, give the trunk credentials"},
	408: {Warning, "a proxy is there, and what stands behind it does not answer", "Look at what the proxy has behind it"},
	416: {Warning, "the peer does not take the scheme of our URI", "Look whether the peer wants sips or tel"},
	420: {Warning, "the peer does not know an extension that we need", "Look at the Unsupported header in its log"},
	480: {Note, "the peer is there, and what the request was for is not available", ""},
	481: {Note, "the peer takes OPTIONS for a request of a call that it does not know; it is there", ""},
	482: {Warning, "the request came back to the peer: it runs in a circle", "Look whether the peer routes its own name to itself"},
	483: {Warning, "the request was passed on until Max-Forwards was used up: it runs in a circle", "Look whether the peer routes its own name to itself or back to us"},
	488: {Note, "the peer is there, and does not want to talk about media without an offer", ""},
	500: {Warning, "the peer has a fault", "Look in the log of the peer"},
	501: {Note, "the peer does not know OPTIONS; it is there", ""},
	502: {Warning, "what stands behind the peer answers it with nonsense", "Look in the log of the peer"},
	503: {Warning, "the peer says that it is out of service or overloaded", "Look at the peer; Retry-After says when it wants to be asked again"},
	504: {Warning, "what stands behind the peer does not answer it in time", "Look at what the peer has behind it"},
	505: {Warning, "the peer does not speak SIP/2.0", "Look whether the port is that of another protocol"},
}

// status judges the code, and whether the server would take the trunk for up.
func (j *judge) status(h *Hop) {
	a, set := h.Answer, j.trunk.Settings
	what := fmt.Sprintf("%s answers OPTIONS with %d %s", h.Address, a.Status, a.Phrase)
	if a.RetryAfter != "" {
		what += ", Retry-After " + a.RetryAfter
	}
	alive := health.Alive(set, a.Status)
	if a.Status < 300 && alive {
		j.add(OK, "answers", fmt.Sprintf("%s after %s", what, a.RoundTrip.Round(100*time.Microsecond)), "", "")
		return
	}
	m, known := meaning[a.Status]
	if !known {
		m.severity, m.why = Note, "the peer is there"
		switch {
		case a.Status < 300:
			m.why = ""
		case a.Status < 400:
			m.severity, m.why, m.fix = Warning, "the peer wants to be asked elsewhere", "Set the gateway's host to where its Contact points: "+a.Contact
		case a.Status >= 600:
			m.severity, m.why, m.fix = Warning, "the peer refuses everything", "Look in the log of the peer"
		}
	}
	if j.trunk.Credentials != nil && (a.Status == 401 || a.Status == 407) {
		m.fix = "" // it has them, and calls use them
	}
	if a.Warning != "" {
		what += " (" + a.Warning + ")"
	}
	if !alive && set.Options {
		m.severity = Error
		m.why = strings.TrimPrefix(m.why+"; by this answer the trunk is taken for down", "; ")
		if set.OptionsUpCodes != nil {
			m.fix = fmt.Sprintf("Add %d to optionsUpCodes", a.Status)
		}
	}
	j.add(m.severity, fmt.Sprintf("options-%d", a.Status), what, m.why, m.fix)
}

// elsewhere judges an answer from another address than asked (UDP).
func (j *judge) elsewhere(h *Hop) {
	from := h.Answer.From
	if h.CountsFor == j.trunk.Name {
		j.add(Note, "answers-elsewhere", fmt.Sprintf("%s answers from %s, which is an address of the gateway too", h.Address, from), "", "")
		return
	}
	j.add(Warning, "answers-elsewhere", fmt.Sprintf("%s answers from %s", h.Address, from), "answers are taken by what they answer, and firewalls expect them from where they were asked for", "")
	j.stranger(h, from.Addr().String(), fmt.Sprintf("Add %s to gateways.%s.addresses", from.Addr(), j.trunk.Gateway.Name))
}

// stranger says that calls from the peer would not be those of the trunk.
func (j *judge) stranger(h *Hop, source, fix string) {
	if h.CountsFor == "" {
		j.add(Warning, "unknown-source", fmt.Sprintf("calls that come from %s fit no trunk", source), "they would be dropped, or refused with 403 (refuseUnknownSource)", fix)
		return
	}
	j.add(Note, "other-trunk", fmt.Sprintf("calls that come from %s count for trunk %q", source, h.CountsFor), "trunks that share our port are told apart by their peer only", "Give each trunk a port of ours")
}

// allow compares what the peer allows and supports with what the trunk does (RFC 3261 §20.5, §20.37).
func (j *judge) allow(h *Hop) {
	a, set := h.Answer, j.trunk.Settings
	supports := func(option string) bool {
		return slices.ContainsFunc(a.Supported, func(s string) bool { return strings.EqualFold(s, option) })
	}
	if a.Allow == nil {
		j.add(Note, "allow-absent", h.Address.String()+" does not say what it allows", "what it can do shows in calls only (RFC 3261 section 11.2 asks for Allow)", "")
		return
	}
	for _, need := range needs(set) {
		if !slices.Contains(a.Allow, need.method) {
			j.add(need.severity, "allow-"+strings.ToLower(need.method), fmt.Sprintf("%s does not allow %s", h.Address, need.method), need.why, need.fix)
		}
	}
	if supports("100rel") && !slices.Contains(a.Allow, "PRACK") {
		j.add(Warning, "allow-prack", h.Address.String()+" supports 100rel and does not allow PRACK", "a reliable 18x that it sends could not be acknowledged (RFC 3262 section 4)",
			"Switch reliable provisional responses on or off in the peer, as a whole")
	}
	if set.EnableSessionTimer && a.Supported != nil && !supports("timer") {
		j.add(Note, "no-timer", h.Address.String()+" does not support session timers (RFC 4028), and enableSessionTimer is on", "we refresh calls alone, and a peer that is gone is noticed by us only", "")
	}
}

// need is a method that the trunk uses.
type need struct {
	method   string
	severity Severity
	why, fix string
}

func needs(set *topology.TrunkSettings) []need {
	var list []need
	for _, m := range [...]string{"INVITE", "ACK", "BYE", "CANCEL"} {
		list = append(list, need{m, Error, "there is no call without it", "Look whether this is the peer's port for calls"})
	}
	if set.EnableSessionTimer {
		list = append(list, need{"UPDATE", Note, "sessions are refreshed by re-INVITE instead (RFC 4028 section 7.4)", ""})
	}
	if set.EnableReferSupport && !set.Enable3pccRefer {
		list = append(list, need{"REFER", Note, "transfers by the other side of a call are made here, although enableReferSupport is on", ""})
	}
	if set.AcceptRefer {
		list = append(list, need{"NOTIFY", Note, "it is told by NOTIFY what became of its REFER (acceptRefer), and may not take that (RFC 3515 section 2.4.4)", ""})
	}
	for _, m := range set.RelayMethods {
		fix := "Set relayMethods to the methods that the peer takes"
		why := "such requests of the other side of a call are refused by it"
		if m == "INFO" {
			why, fix = "DTMF by INFO does not reach it; DTMF in RTP does (RFC 4733)", ""
		}
		list = append(list, need{m, Note, why, fix})
	}
	return list
}

// profile compares what the peer calls itself with the profile of its trunk (NEW-11).
func (j *judge) profile(h *Hop) {
	name := h.Answer.name()
	fits := topology.ProfileOf(name)
	if fits == nil || fits.Name == j.trunk.Settings.Profile {
		return
	}
	what := fmt.Sprintf("%s calls itself %q, which profile %s is for", h.Address, name, fits.Name)
	fix := fmt.Sprintf("Set gateways.%s.profile: %s; directsip profile show %s prints what that changes", j.trunk.Gateway.Name, fits.Name, fits.Name)
	if j.trunk.Settings.Profile == "" {
		j.add(Note, "profile-fits", what, "the defaults are not right for every peer", fix)
		return
	}
	if p := topology.ProfileByName(j.trunk.Settings.Profile); p != nil && len(p.Servers) == 0 {
		j.add(Note, "profile-fits", fmt.Sprintf("%s, and the trunk has profile %s", what, p.Name), "a proxy in front of it may say this of itself; if it is the peer, its own profile knows more of it", fix)
		return
	}
	j.add(Warning, "profile-other", fmt.Sprintf("%s, and the trunk has profile %s", what, j.trunk.Settings.Profile), "the values of the profile are for another product", fix)
}
