package topology

import "time"

// Setup is how calls are set up and kept: the extensions of SIP that a trunk uses.
type Setup struct {
	EnableSessionTimer bool          // TRK-08: offer a session timer (RFC 4028); one that the peer asks for is served in any case; default false
	SessionExpires     time.Duration // the interval that is offered; default 30m, at least 90s
	MinSE              time.Duration // the shortest interval that is accepted; default 90s

	ReliableProvisional string   // SIG-07, RFC 3262: "off", "supported" (default: where both sides have it) or "required"
	OutboundOffer       string   // of an INVITE to the peer when the caller's had none: "as-received" (default) or "always", with codecs of the trunk
	EarlyMedia          string   // of which early dialog the caller hears: "last" (default), "first", "none" or "local"
	Redirect            string   // a 3xx of the peer: "off" (default) is a refusal, "follow" tries what it names
	RedirectHosts       []string // hosts that "follow" may lead to, besides the peer's own
	ProgressCode        string   // how 180 and 183 are shown to the caller: "as-received" (default), "180", "183" or "by-sdp"
}

func defaultSetup() Setup {
	return Setup{SessionExpires: 30 * time.Minute, MinSE: leastSession, ReliableProvisional: "supported", OutboundOffer: "as-received", Redirect: "off", EarlyMedia: "last", ProgressCode: "as-received"}
}

// setupFields are the keys of Setup.
var setupFields = []field[settingsDoc]{
	{"enableSessionTimer", settingBool(func(s *TrunkSettings) *bool { return &s.EnableSessionTimer })},
	{"sessionExpires", setDuration(leastSession, 24*time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.SessionExpires })},
	{"minSE", setDuration(leastSession, 24*time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.MinSE })},
	{"reliableProvisional", setWord(func(s *TrunkSettings) *string { return &s.ReliableProvisional }, "off", "supported", "required")},
	{"outboundOffer", setWord(func(s *TrunkSettings) *string { return &s.OutboundOffer }, "as-received", "always")},
	{"earlyMedia", setWord(func(s *TrunkSettings) *string { return &s.EarlyMedia }, "last", "first", "none", "local")},
	{"redirect", setWord(func(s *TrunkSettings) *string { return &s.Redirect }, "off", "follow")},
	{"redirectHosts", func(c *compiler, n *node, d *settingsDoc) { d.out.RedirectHosts = c.hosts(n) }},
	{"progressCode", setWord(func(s *TrunkSettings) *string { return &s.ProgressCode }, "as-received", "180", "183", "by-sdp")},
}

// leastSession is the shortest session interval there is (RFC 4028 §4).
const leastSession = 90 * time.Second

func setWord(at func(*TrunkSettings) *string, words ...string) func(*compiler, *node, *settingsDoc) {
	return func(c *compiler, n *node, d *settingsDoc) { c.oneOf(n, at(d.out), words...) }
}

// hosts reads a list of names and addresses.
func (c *compiler) hosts(n *node) []string {
	list, at := c.texts(n)
	for _, item := range at {
		if _, ok := c.domain(item); !ok {
			return nil
		}
	}
	return list
}
