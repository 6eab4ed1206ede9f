package topology

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// settingsDoc is one object of trunkSettings as written.
type settingsDoc struct {
	key  *node // the scope
	body *node
	out  *TrunkSettings
	// Lists whose names or rules are resolved when everything is read.
	usages                                       *node
	called, calling, inboundCalled, inboundCalls *node
	music                                        *node // musicOnHoldSource
	profileRef                                   *node
	profile                                      *Profile // resolved; of the gateway when the object has none
}

// settingsFields is every key of trunk settings. The defaults are those of DefaultSettings.
var settingsFields = slices.Concat(profileField, huntingFields, healthFields, signallingFields, setupFields, identityFields, headerFields, midcallFields, mediaFields, qualityFields, soundFields, numberFields, placeFields)

var huntingFields = []field[settingsDoc]{
	{"noResponseTimeout", setDuration(500*time.Millisecond, 32*time.Second, false, func(s *TrunkSettings) *time.Duration { return &s.NoResponseTimeout })},
	{"noProgressTimeout", setDuration(time.Second, 3*time.Minute, true, func(s *TrunkSettings) *time.Duration { return &s.NoProgressTimeout })},
	{"noAnswerTimeout", setDuration(5*time.Second, time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.NoAnswerTimeout })},
	{"failoverCodes", setCodes(300, func(s *TrunkSettings) *Codes { return &s.FailoverCodes })},
	{"finalCodes", setCodes(300, func(s *TrunkSettings) *Codes { return &s.FinalCodes })},
	{"maxAttempts", settingCount(1, 100, func(s *TrunkSettings) *int { return &s.MaxAttempts })},
	{"maxCalls", settingCount(0, 1000000, func(s *TrunkSettings) *int { return &s.MaxCalls })},
	{"maxCPS", settingCount(0, 1000000, func(s *TrunkSettings) *int { return &s.MaxCPS })},
}

var healthFields = []field[settingsDoc]{
	{"options", settingBool(func(s *TrunkSettings) *bool { return &s.Options })},
	{"optionsInterval", setDuration(time.Second, time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.OptionsInterval })},
	{"optionsIntervalDown", setDuration(time.Second, time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.OptionsIntervalDown })},
	{"optionsTimeout", setDuration(500*time.Millisecond, 32*time.Second, false, func(s *TrunkSettings) *time.Duration { return &s.OptionsTimeout })},
	{"optionsMisses", settingCount(1, 100, func(s *TrunkSettings) *int { return &s.OptionsMisses })},
	{"optionsUpCodes", setCodes(200, func(s *TrunkSettings) *Codes { return &s.OptionsUpCodes })},
	{"optionsUserAgent", settingBool(func(s *TrunkSettings) *bool { return &s.OptionsUserAgent })},
	{"failuresDown", settingCount(1, 1000, func(s *TrunkSettings) *int { return &s.FailuresDown })},
	{"halfOpenCalls", settingCount(1, 1000, func(s *TrunkSettings) *int { return &s.HalfOpenCalls })},
}

var signallingFields = []field[settingsDoc]{
	{"maxEarlyDialogs", settingCount(1, 100, func(s *TrunkSettings) *int { return &s.MaxEarlyDialogs })},
	{"removePlusFromUri", settingBool(func(s *TrunkSettings) *bool { return &s.RemovePlus })},
	{"forwardPAI", settingBool(func(s *TrunkSettings) *bool { return &s.ForwardPAI })},
	{"fromDomain", func(c *compiler, n *node, d *settingsDoc) {
		if s, ok := c.domain(n); ok {
			d.out.FromDomain = s
		}
	}},
	{"userPhone", settingBool(func(s *TrunkSettings) *bool { return &s.UserPhone })},
	{"udpMaxRequest", settingCount(0, 65507, func(s *TrunkSettings) *int { return &s.UDPMaxRequest })},
	{"refuseUnknownSource", func(c *compiler, n *node, d *settingsDoc) {
		if d.key.text != "global" {
			c.errorf(n, "refuseUnknownSource belongs to no trunk: it is for requests that fit none").fixf("Move it to trunkSettings.global")
			return
		}
		c.oneOf(n, &d.out.RefuseUnknownSource, "drop", "403")
	}},
}

var mediaFields = []field[settingsDoc]{
	{"concentratedTopology", settingBool(func(s *TrunkSettings) *bool { return &s.Concentrated })},
	{"enableBypass", settingBool(func(s *TrunkSettings) *bool { return &s.EnableBypass })},
	{"srtpMode", setWord(func(s *TrunkSettings) *string { return &s.SRTPMode }, "accept", "optional", "required", "notSupported", "pass")},
	{"srtpSuites", func(c *compiler, n *node, d *settingsDoc) { c.srtpSuites(n, d) }},
	{"srtpKeying", setWord(func(s *TrunkSettings) *string { return &s.SRTPKeying }, "sdes", "dtls", "both")},
	{"ice", setWord(func(s *TrunkSettings) *string { return &s.ICE }, "off", "lite", "full")},
	{"rtcpMux", setWord(func(s *TrunkSettings) *string { return &s.RTCPMux }, "accept", "offer", "off")},
	{"rtpLatching", func(c *compiler, n *node, d *settingsDoc) { c.latching(n, &d.out.RTPLatching) }},
	{"ssrcPolicy", setWord(func(s *TrunkSettings) *string { return &s.SSRCPolicy }, "any", "fixed")},
	{"rtcpActiveCalls", settingBool(func(s *TrunkSettings) *bool { return &s.RTCPActiveCalls })},
	{"rtcpCallsOnHold", settingBool(func(s *TrunkSettings) *bool { return &s.RTCPCallsOnHold })},
	{"mediaTimeout", setDuration(5*time.Second, time.Hour, false, func(s *TrunkSettings) *time.Duration { return &s.MediaTimeout })},
	{"signalBoost", settingCount(0, 20, func(s *TrunkSettings) *int { return &s.SignalBoost })},
	{"dtmf", setWord(func(s *TrunkSettings) *string { return &s.DTMF }, "auto", "rfc4733", "inband", "info")},
	{"transcoding", setWord(func(s *TrunkSettings) *string { return &s.Transcoding }, "auto", "off")},
	{"codecs", func(c *compiler, n *node, d *settingsDoc) {
		list, at := c.texts(n)
		for i, codec := range list {
			if !codecName.MatchString(codec) {
				c.errorf(at[i], "%q is not the name of a codec", codec).fixf("Write it as in SDP: PCMA, PCMU, G722, telephone-event")
				return
			}
			if name := ofSDP(codec); name != "" {
				c.warnf(at[i], "peers know no codec by the name %q, so it is never offered", codec).fixf("Write it as in SDP: %s", name)
			}
		}
		d.out.Codecs = list
	}},
}

// srtpSuites reads the crypto suites of a trunk, in order of preference.
func (c *compiler) srtpSuites(n *node, d *settingsDoc) {
	list, at := c.texts(n)
	for i, name := range list {
		if !slices.Contains(srtpSuites, name) {
			c.errorf(at[i], "%q is not a crypto suite that is known here", name).fixf("Write %s", strings.Join(srtpSuites, " or "))
			return
		}
	}
	if len(list) == 0 && n.kind != sequence {
		return
	}
	if len(list) == 0 {
		c.errorf(n, "srtpSuites is empty").fixf("Name a suite, or write srtpMode: notSupported")
		return
	}
	d.out.SRTPSuites = list
}

// codecName is the media-subtype of RFC 4855 §3.
var codecName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&.+^_-]{0,126}$`)

var numberFields = []field[settingsDoc]{
	{"calledRules", setNode(func(d *settingsDoc) **node { return &d.called })},
	{"callingRules", setNode(func(d *settingsDoc) **node { return &d.calling })},
	{"inboundCalledRules", setNode(func(d *settingsDoc) **node { return &d.inboundCalled })},
	{"inboundCallingRules", setNode(func(d *settingsDoc) **node { return &d.inboundCalls })},
	{"responseRules", func(c *compiler, n *node, d *settingsDoc) { c.responseRules(n, d) }},
	{"usages", setNode(func(d *settingsDoc) **node { return &d.usages })},
}

func setDuration(least, most time.Duration, off bool, at func(*TrunkSettings) *time.Duration) func(*compiler, *node, *settingsDoc) {
	return func(c *compiler, n *node, d *settingsDoc) {
		if v, ok := c.duration(n, least, most, off); ok {
			*at(d.out) = v
		}
	}
}

func setCodes(least int, at func(*TrunkSettings) *Codes) func(*compiler, *node, *settingsDoc) {
	return func(c *compiler, n *node, d *settingsDoc) {
		if v, ok := c.codes(n, least, 699); ok {
			*at(d.out) = v
		}
	}
}

func settingBool(at func(*TrunkSettings) *bool) func(*compiler, *node, *settingsDoc) {
	return setBool(func(d *settingsDoc) *bool { return at(d.out) })
}

func settingCount(least, most int, at func(*TrunkSettings) *int) func(*compiler, *node, *settingsDoc) {
	return setCount(least, most, func(d *settingsDoc) *int { return at(d.out) })
}

func (c *compiler) oneOf(n *node, to *string, words ...string) {
	s, ok := c.text(n)
	if !ok {
		return
	}
	if !slices.Contains(words, s) {
		c.errorf(n, "%s is %q", n.label(), s).fixf("Write %s", strings.Join(words, " or "))
		return
	}
	*to = s
}

// latching reads rtpLatching. As a switch it would leave open to whom, so true and false are told their word.
func (c *compiler) latching(n *node, to *string) {
	switch n.text {
	case "true":
		c.errorf(n, "%s is true, which does not say to whom", n.label()).fixf("Write peer, or any if the peer's media comes from hosts that it does not announce")
	case "false":
		c.errorf(n, "%s is false, which is called off here", n.label()).fixf("Write off")
	default:
		c.oneOf(n, to, "off", "peer", "any")
	}
}

func (c *compiler) settings(n *node) {
	c.each(n, "scope", func(key, value *node) {
		kind, name, hasName := strings.Cut(key.text, ":")
		if !(key.text == "global" || hasName && name != "" && (kind == "site" || kind == "trunk")) {
			p := c.errorf(key, "%q is not a scope of trunk settings", key.text).alone()
			if hasName {
				p.fixf("Write global, site:NAME or trunk:NAME")
			} else {
				p.fixf("Write trunk:%s, or site:%s, or global", key.text, key.text)
			}
			decode(c, value, settingsFields, &settingsDoc{key: key, body: value, out: DefaultSettings()}) // for its mistakes
			return
		}
		d := &settingsDoc{key: key, body: value, out: DefaultSettings()}
		d.out.Scope = key.text
		decode(c, value, settingsFields, d)
		c.settingsDocs = append(c.settingsDocs, d)
		c.settingsNames.add(c, key, d)
	})
}

var responseRuleFields = []field[ResponseRule]{
	{"name", setText(func(r *ResponseRule) *string { return &r.Name })},
	{"code", setCount(400, 699, func(r *ResponseRule) *int { return &r.Code })},
	{"cause", setCount(1, 127, func(r *ResponseRule) *int { return &r.Cause })},
	{"to", setCount(400, 699, func(r *ResponseRule) *int { return &r.To })},
}

func (c *compiler) responseRules(n *node, d *settingsDoc) {
	for _, item := range c.list(n) {
		r := ResponseRule{Cause: -1}
		decode(c, item, responseRuleFields, &r)
		if item.kind != mapping {
			continue
		}
		if item.get("to") == nil {
			c.errorf(item, "the response rule does not say to which code it leads").fixf("Add to: 503")
			continue
		}
		if item.get("code") == nil && item.get("cause") == nil {
			c.errorf(item, "the response rule has neither code nor cause and would match every failure").fixf("Add code or cause")
			continue
		}
		for _, earlier := range d.out.ResponseRules {
			if (earlier.Code == 0 || earlier.Code == r.Code) && (earlier.Cause == -1 || earlier.Cause == r.Cause) {
				c.errorf(item, "the response rule can never match: an earlier one takes all that it does").
					fixf("Put the more particular rule first or remove this one")
				break
			}
		}
		d.out.ResponseRules = append(d.out.ResponseRules, r)
	}
}
