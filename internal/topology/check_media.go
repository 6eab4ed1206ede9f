package topology

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// checkMedia warns of trunks that calls lead from one to the other, and whose settings leave them without media or without what the settings are for.
// Settings that say the same of speech need one look, however many trunks have some of their own.
func (c *compiler) checkMedia() {
	kinds, speech := map[string]int{}, map[*TrunkSettings]int{}
	for _, t := range c.snap.Trunks {
		key := fmt.Sprint(t.Settings.Codecs, t.Settings.Transcoding, t.Settings.SRTPMode)
		if _, known := kinds[key]; !known {
			kinds[key] = len(kinds)
		}
		speech[t.Settings] = kinds[key]
	}
	before := c.alike.noted
	understood, told := map[[2]int]bool{}, map[[2]*TrunkSettings]bool{}
	for in, out := range c.joined() {
		a, b := in.Settings, out.Settings
		kind, bypassed := [2]int{speech[a], speech[b]}, a.EnableBypass && b.EnableBypass && !sameMedia(a, b)
		pair := [2]*TrunkSettings{a, b}
		if understood[kind] && !bypassed || told[pair] {
			continue
		}
		if c.alike.noted-before >= maxProblems {
			c.alike.cut = true
			return // to look at each pair of thousands of trunks takes long
		}
		told[pair] = true
		if !understood[kind] {
			understood[kind] = c.checkSpeech(in, out)
		}
		if back := [2]*TrunkSettings{b, a}; bypassed && (!told[back] || a == b) {
			c.checkBypassed(in, out)
		}
	}
}

// joined are the trunks by which calls can come in, each with those by which they can go out: by usages and routes, by rules, and to users. Those that have
// neither codecs nor bypass are left out, as nothing is to be said of them.
func (c *compiler) joined() iter.Seq2[*Trunk, *Trunk] {
	rights := map[*Trunk][]string{} // usages of who calls from a trunk
	for _, t := range c.snap.Trunks {
		rights[t] = slices.Clone(t.Settings.Usages)
		if k := t.Gateway.Kind; k == KindUC || k == KindPBX { // from others a number is an emergency number only where it is called as such
			for _, e := range c.snap.Emergency {
				rights[t] = append(rights[t], e.Usage)
			}
		}
	}
	type party struct {
		at     *Trunk
		policy *VoicePolicy
	}
	parties := map[party]bool{}
	for _, u := range c.snap.Users {
		for _, t := range u.Trunks {
			if p := (party{t, u.Policy}); p.policy != nil && !parties[p] {
				parties[p] = true
				rights[t] = slices.Concat(rights[t], p.policy.Usages, p.policy.ForwardingUsages)
			}
		}
	}
	users := map[*Trunk]bool{}
	for _, u := range c.snap.Users {
		for _, t := range u.Trunks {
			users[t] = true
		}
	}
	routed := map[string][]*Trunk{} // by usage
	for _, r := range c.snap.Routes {
		for _, u := range r.Usages {
			for _, t := range r.Trunks {
				routed[u] = append(routed[u], t.Trunk)
			}
		}
	}
	return func(yield func(in, out *Trunk) bool) {
		for _, in := range c.snap.Trunks {
			if in.Disabled || len(in.Settings.Codecs) == 0 && !in.Settings.EnableBypass {
				continue
			}
			outs, usages := maps.Clone(users), map[string]bool{}
			for _, u := range rights[in] {
				usages[u] = true
			}
			for i := range c.snap.InboundRules {
				if r := &c.snap.InboundRules[i]; len(r.Trunks) == 0 || slices.Contains(r.Trunks, in) {
					outs[r.To.Trunk] = true
					for _, u := range r.To.Usages {
						usages[u] = true
					}
				}
			}
			for u := range usages {
				for _, t := range routed[u] {
					outs[t] = true
				}
			}
			for _, out := range c.snap.Trunks {
				if outs[out] && out != in && out.Pool == in.Pool && !out.Disabled && !yield(in, out) {
					return
				}
			}
		}
	}
}

// converted are the codecs that the relay converts, one to the other; opus needs a library that not every host has.
var converted = []string{"PCMU", "PCMA", "G722", "opus"}

// checkSpeech: the peer that is called is offered what the caller has of its codecs, and what can be made of that. It tells whether that is well.
func (c *compiler) checkSpeech(in, out *Trunk) bool {
	a, b := spoken(in), spoken(out)
	if len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(x string) bool { return among(b, x) }) {
		return true
	}
	at := c.settingsDoc(out).at("codecs")
	switch {
	case in.Settings.SRTPMode == "pass" && out.Settings.SRTPMode == "pass":
		c.warnf(at, "a call from trunk %q (%s) to trunk %q (%s) has no codec in common, and with srtpMode pass on both nothing is converted",
			in.Name, strings.Join(a, ", "), out.Name, strings.Join(b, ", ")).fixf("Give both a codec in common, or one of them srtpMode accept")
	case !slices.ContainsFunc(a, convertible) || !slices.ContainsFunc(b, convertible):
		lacks := a
		if slices.ContainsFunc(a, convertible) {
			lacks = b
		}
		c.warnf(at, "a call from trunk %q (%s) to trunk %q (%s) has no codec in common, and %s cannot be converted",
			in.Name, strings.Join(a, ", "), out.Name, strings.Join(b, ", "), strings.Join(lacks, ", ")).fixf("Give both a codec in common, or each one of %s", strings.Join(converted, ", "))
	case out.Settings.Transcoding == "off":
		c.warnf(at, "a call from trunk %q (%s) to trunk %q (%s) has no codec in common, and transcoding is off for who is called",
			in.Name, strings.Join(a, ", "), out.Name, strings.Join(b, ", ")).fixf("Give both a codec in common, or set transcoding: auto")
	case onlyOpus(a) || onlyOpus(b):
		const format = "a call from trunk %q (%s) to trunk %q (%s) has no codec in common, and opus cannot be converted: libopus0 is not on this host"
		p := c.problem(at, format, in.Name, strings.Join(a, ", "), out.Name, strings.Join(b, ", "))
		p.fixf("Install the package libopus0, or give both a codec in common")
		p.Warning = true
		if c.alike.admit(format, p) {
			c.withoutOpus = append(c.withoutOpus, p)
		}
	default:
		return true
	}
	return false
}

// spoken are the codecs for speech that a trunk names.
func spoken(t *Trunk) []string {
	return slices.DeleteFunc(slices.Clone(t.Settings.Codecs), func(codec string) bool { return !Speaks(codec) })
}

func among(list []string, codec string) bool {
	return slices.ContainsFunc(list, func(c string) bool { return strings.EqualFold(c, codec) })
}

func convertible(codec string) bool { return among(converted, codec) }

// onlyOpus tells whether what can be converted of a list is Opus alone.
func onlyOpus(list []string) bool {
	return !slices.ContainsFunc(list, func(c string) bool { return convertible(c) && !strings.EqualFold(c, "opus") })
}

// sameMedia tells whether nothing of what checkBypassed looks at differs.
func sameMedia(a, b *TrunkSettings) bool {
	return a.SRTPMode == b.SRTPMode && a.SRTPKeying == b.SRTPKeying && a.DTMF == b.DTMF && a.ICE == b.ICE
}

// checkBypassed: which calls are bypassed although something was to be done with their media, and which are not because of their settings (TRK-05).
func (c *compiler) checkBypassed(in, out *Trunk) {
	a, b := in.Settings, out.Settings
	if c.snap.Network.Mode() == BypassOff || c.apart(in.Gateway, out.Gateway) {
		return
	}
	at := func(key string) *node { // in the settings that have it
		if d := c.settingsDoc(in); c.settingsDoc(out).body.get(key) == nil && d.body.get(key) != nil {
			return d.body.get(key)
		}
		return c.settingsDoc(out).at(key)
	}
	secured := func(s *TrunkSettings) bool { return s.SRTPMode == "required" || s.SRTPMode == "optional" }
	switch {
	case a.SRTPMode == "required" && b.SRTPMode == "notSupported" || a.SRTPMode == "notSupported" && b.SRTPMode == "required":
		c.warnf(at("srtpMode"), "no call between trunk %q and trunk %q is bypassed although both have enableBypass: srtpMode is %s and %s, so SRTP has to end here", in.Name, out.Name, a.SRTPMode, b.SRTPMode).
			fixf("Set srtpMode of both to what both peers have, or remove enableBypass of one")
		return
	case secured(a) && secured(b) && (a.SRTPKeying == "sdes" && b.SRTPKeying == "dtls" || a.SRTPKeying == "dtls" && b.SRTPKeying == "sdes"):
		c.warnf(at("srtpKeying"), "a bypassed call between trunk %q and trunk %q has keys that one of the peers cannot read: srtpKeying is %s and %s, and the description passes as it is",
			in.Name, out.Name, a.SRTPKeying, b.SRTPKeying).fixf("Remove enableBypass of one")
	}
	if a.DTMF != b.DTMF {
		c.warnf(at("dtmf"), "a bypassed call between trunk %q and trunk %q has its keys as the peers send them: dtmf is %s and %s, and nobody converts them", in.Name, out.Name, a.DTMF, b.DTMF).
			fixf("Remove enableBypass of one, or set dtmf of both to the same")
	}
	if (a.ICE == "off") != (b.ICE == "off") {
		c.warnf(at("ice"), "a bypassed call between trunk %q and trunk %q has its checks between the peers: ice is %s and %s, and we answer none", in.Name, out.Name, a.ICE, b.ICE).
			fixf("Remove enableBypass of one, unless the peer that has ICE does without")
	}
}

// apart tells whether two gateways are certain to be at different places, so that no call between them is bypassed (BYP-02, BYP-05).
func (c *compiler) apart(a, b *Gateway) bool {
	n := c.snap.Network
	if n.Mode() != BypassSites || a == b || a.AlternateBypassID != "" && strings.EqualFold(a.AlternateBypassID, b.AlternateBypassID) || !a.MediaIP.IsValid() || !b.MediaIP.IsValid() {
		return false
	}
	x, y := n.SiteOf(a.MediaIP), n.SiteOf(b.MediaIP)
	if x == nil || y == nil {
		return !n.Unmapped || x != y
	}
	return !strings.EqualFold(x.BypassID, y.BypassID)
}
