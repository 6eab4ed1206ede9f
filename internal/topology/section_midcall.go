package topology

import (
	"regexp"
	"slices"
)

// midcallFields are the keys for what happens in a call that is up.
var midcallFields = []field[settingsDoc]{
	{"heldOffer", setWord(func(s *TrunkSettings) *string { return &s.HeldOffer }, "accept", "refuse")},
	{"acceptRefer", settingBool(func(s *TrunkSettings) *bool { return &s.AcceptRefer })},
	{"acceptReplaces", setWord(func(s *TrunkSettings) *string { return &s.AcceptReplaces }, "off", "own", "any")},
	{"enableReferSupport", settingBool(func(s *TrunkSettings) *bool { return &s.EnableReferSupport })},
	{"enable3pccRefer", settingBool(func(s *TrunkSettings) *bool { return &s.Enable3pccRefer })},
	{"relayMethods", func(c *compiler, n *node, d *settingsDoc) { c.relayMethods(n, d.out) }},
}

// methodName is a token of RFC 3261 §25.1 as methods are written.
var methodName = regexp.MustCompile(`^[A-Z][A-Z0-9.-]{0,31}$`)

// ownMethods are those that a call is made of: the two sides of it have their own, and none of them is handed through as it is.
var ownMethods = []string{"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK", "REFER", "REGISTER"}

func (c *compiler) relayMethods(n *node, s *TrunkSettings) {
	list, at := c.texts(n)
	for i, m := range list {
		switch {
		case !methodName.MatchString(m):
			c.errorf(at[i], "%q is not a SIP method", m).fixf("Write it in capitals: INFO, MESSAGE, NOTIFY, SUBSCRIBE, PUBLISH")
			return
		case slices.Contains(ownMethods, m):
			c.errorf(at[i], "%s is answered here and cannot be relayed", m).fixf("Remove it")
			return
		}
	}
	s.RelayMethods = list
}
