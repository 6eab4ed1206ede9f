package topology

import (
	"slices"
	"strings"
)

// CallerForm is how the caller stands in From toward a peer (NEW-16).
type CallerForm string

// The forms.
const (
	CallerNumber    CallerForm = "number"    // the number, or the name of a caller who has none
	CallerPAIOnly   CallerForm = "pai-only"  // From is anonymous, the number stands in the identity headers
	CallerAnonymous CallerForm = "anonymous" // nobody is ever shown
)

// IdentityHeaders are the headers in which we vouch for the caller toward a peer.
type IdentityHeaders string

// The headers.
const (
	IdentityPAI  IdentityHeaders = "pai"  // P-Asserted-Identity (RFC 3325)
	IdentityRPID IdentityHeaders = "rpid" // Remote-Party-ID, of older equipment
	IdentityBoth IdentityHeaders = "both"
	IdentityNone IdentityHeaders = "none" // the peer is believed and told nothing
)

// HistoryForm is how redirections are told to a peer (NEW-05).
type HistoryForm string

// The forms.
const (
	HistoryInfo      HistoryForm = "history-info" // RFC 7044, as Lync
	HistoryDiversion HistoryForm = "diversion"    // RFC 5806
	HistoryBoth      HistoryForm = "both"
)

// Identity is the part of trunk settings that is about who calls, who was called before, and who answered.
type Identity struct {
	CallerForm      CallerForm      // NEW-16; default number
	DisplayName     bool            // display names are sent; default true
	IdentityHeaders IdentityHeaders // with ForwardPAI; default pai

	ForwardAnonymousCallGatewayPAI   bool // TRK-27: a network gets the identity of a hidden caller who came out of a network; default false
	AcceptGatewayPAIForOutboundCalls bool // TRK-28: a network is believed about who answered; default false

	ForwardCallHistory bool        // TRK-15: redirections and Referred-By are believed and sent; default false
	CallHistoryForm    HistoryForm // default history-info
}

var defaultIdentity = Identity{CallerForm: CallerNumber, DisplayName: true, IdentityHeaders: IdentityPAI, CallHistoryForm: HistoryInfo}

var identityFields = []field[settingsDoc]{
	{"callerForm", func(c *compiler, n *node, d *settingsDoc) {
		c.oneOf(n, (*string)(&d.out.CallerForm), string(CallerNumber), string(CallerPAIOnly), string(CallerAnonymous))
	}},
	{"displayName", settingBool(func(s *TrunkSettings) *bool { return &s.DisplayName })},
	{"identityHeaders", func(c *compiler, n *node, d *settingsDoc) {
		c.oneOf(n, (*string)(&d.out.IdentityHeaders), string(IdentityPAI), string(IdentityRPID), string(IdentityBoth), string(IdentityNone))
	}},
	{"forwardAnonymousCallGatewayPAI", settingBool(func(s *TrunkSettings) *bool { return &s.ForwardAnonymousCallGatewayPAI })},
	{"acceptGatewayPAIForOutboundCalls", settingBool(func(s *TrunkSettings) *bool { return &s.AcceptGatewayPAIForOutboundCalls })},
	{"forwardCallHistory", settingBool(func(s *TrunkSettings) *bool { return &s.ForwardCallHistory })},
	{"callHistoryForm", func(c *compiler, n *node, d *settingsDoc) {
		c.oneOf(n, (*string)(&d.out.CallHistoryForm), string(HistoryInfo), string(HistoryDiversion), string(HistoryBoth))
	}},
	{"phoneContext", func(c *compiler, n *node, d *settingsDoc) {
		s, ok := c.text(n)
		if ok && !simpleName.MatchString(s) {
			c.errorf(n, "%q cannot be a phone-context", s).fixf("Write the simple name of a dial plan, or another name of A-Z a-z 0-9 . + _ ( ) -")
			return
		}
		d.out.PhoneContext = s
	}},
	{"numberParameters", func(c *compiler, n *node, d *settingsDoc) {
		list, at := c.texts(n)
		for i, p := range list {
			if !slices.Contains(numberParameters, p) {
				c.errorf(at[i], "%q is no parameter of numbers that passes from trunk to trunk", p).fixf("Use any of %s; [] lets none through", strings.Join(numberParameters, ", "))
				return
			}
		}
		d.out.NumberParameters = list
	}},
}

// numberParameters are those of RFC 4694, and the subaddress of RFC 3966, which alone is harmless: the others say where the call really goes, and by whom.
var numberParameters = []string{"npdi", "rn", "cic", "isub"}

// checkIdentity: settings that need another one to do anything.
func (c *compiler) checkIdentity(s *TrunkSettings, at func(key string) *node) {
	told := s.ForwardPAI && s.IdentityHeaders != IdentityNone
	if s.CallerForm == CallerPAIOnly && !told {
		c.errorf(at("callerForm"), "with callerForm pai-only the caller stands in identity headers only, and none are sent").
			fixf("Set forwardPAI to true and identityHeaders to pai, rpid or both")
	}
	if s.ForwardAnonymousCallGatewayPAI && !told {
		c.errorf(at("forwardAnonymousCallGatewayPAI"), "forwardAnonymousCallGatewayPAI says whose identity is sent, and none is").
			fixf("Set forwardPAI to true and identityHeaders to pai, rpid or both")
	}
	if s.AcceptGatewayPAIForOutboundCalls && !s.ForwardPAI {
		c.errorf(at("acceptGatewayPAIForOutboundCalls"), "acceptGatewayPAIForOutboundCalls believes a peer that forwardPAI does not trust").
			fixf("Set forwardPAI to true")
	}
}

// checkHistoryPairs: redirections pass when both trunks of a call are trusted with them.
func (c *compiler) checkHistoryPairs() {
	var with []*Trunk
	for _, t := range c.snap.Trunks {
		if t.Settings.ForwardCallHistory {
			with = append(with, t)
		}
	}
	if len(with) != 1 {
		return
	}
	for _, d := range c.settingsDocs {
		if d.out == with[0].Settings {
			c.warnf(d.key, "only trunk %q has forwardCallHistory, and redirections pass when both trunks of a call have it", with[0].Name).
				fixf("Set it on another trunk too or remove it")
		}
	}
}
