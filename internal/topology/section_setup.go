package topology

import "time"

// Setup is how calls are set up and kept: the extensions of SIP that a trunk uses.
type Setup struct {
	EnableSessionTimer bool          // TRK-08: offer a session timer (RFC 4028); one that the peer asks for is served in any case; default false
	SessionExpires     time.Duration // the interval that is offered; default 30m, at least 90s
	MinSE              time.Duration // the shortest interval that is accepted; default 90s
}

func defaultSetup() Setup {
	return Setup{SessionExpires: 30 * time.Minute, MinSE: leastSession}
}

// setupFields are the keys of Setup.
var setupFields = []field[settingsDoc]{
	{"enableSessionTimer", settingBool(func(s *TrunkSettings) *bool { return &s.EnableSessionTimer })},
	{"sessionExpires", setDuration(leastSession, 24*time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.SessionExpires })},
	{"minSE", setDuration(leastSession, 24*time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.MinSE })},
}

// leastSession is the shortest session interval there is (RFC 4028 §4).
const leastSession = 90 * time.Second
