package topology

import (
	"regexp"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// at is where the object has a key, or where the object is.
func (d *settingsDoc) at(key string) *node {
	if n := d.body.get(key); n != nil {
		return n
	}
	return d.key
}

// checkSettings: keys of one object that contradict each other.
func (c *compiler) checkSettings(d *settingsDoc) {
	s, at := d.out, d.at
	for _, code := range slices.Sorted(mapKeys(s.FailoverCodes)) {
		if s.FinalCodes[code] {
			c.errorf(at("finalCodes"), "the code %d is in failoverCodes and in finalCodes", code).fixf("Remove it from one of them")
			break
		}
	}
	c.checkIdentity(s, at)
	c.checkSound(s, at)
	if s.EnableBypass && (s.RTCPActiveCalls || s.RTCPCallsOnHold) && (c.snap.Network.Mode() != BypassSites || !s.EnableReferSupport) {
		c.errorf(at("enableBypass"), "with enableBypass media does not pass here, so rtcpActiveCalls and rtcpCallsOnHold cannot watch it").
			fixf("Set rtcpActiveCalls and rtcpCallsOnHold to false")
	}
	if s.EnableBypass && len(s.Codecs) > 0 {
		c.errorf(at("codecs"), "with enableBypass the peers agree on codecs between them; codecs would change nothing").fixf("Remove one of both")
	}
	if len(s.Codecs) > 0 && !slices.ContainsFunc(s.Codecs, Speaks) {
		c.errorf(at("codecs"), "codecs names none for speech, so every call would be refused").fixf("Add PCMA or PCMU")
	}
	if s.EnableBypass && !s.Concentrated {
		c.checkScattered(d)
	}
	if s.NoProgressTimeout != 0 && s.NoProgressTimeout < s.NoResponseTimeout {
		c.errorf(at("noProgressTimeout"), "noProgressTimeout %s is shorter than noResponseTimeout %s", s.NoProgressTimeout, s.NoResponseTimeout).
			fixf("Set it to more, or to 0s for off")
	}
	if s.NoAnswerTimeout < s.NoProgressTimeout {
		c.errorf(at("noAnswerTimeout"), "noAnswerTimeout %s is shorter than noProgressTimeout %s", s.NoAnswerTimeout, s.NoProgressTimeout).fixf("Set it to more")
	}
	if len(s.RedirectHosts) > 0 && s.Redirect != "follow" {
		c.errorf(at("redirectHosts"), "redirectHosts without redirect: follow would change nothing").fixf("Add redirect: follow or remove it")
	}
	if s.SessionExpires < s.MinSE {
		c.errorf(at("sessionExpires"), "sessionExpires %s is shorter than minSE %s", s.SessionExpires, s.MinSE).fixf("Set it to more")
	}
	if s.OptionsTimeout > s.OptionsInterval {
		c.errorf(at("optionsTimeout"), "optionsTimeout %s is longer than optionsInterval %s", s.OptionsTimeout, s.OptionsInterval).fixf("Set it to less")
	}
}

// Speaks tells whether a codec is one of speech, and not of keys or of the noise in pauses.
func Speaks(codec string) bool {
	return !strings.EqualFold(codec, "telephone-event") && !strings.EqualFold(codec, "CN")
}

// mapKeys is maps.Keys of a set of codes.
func mapKeys(codes Codes) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for code := range codes {
			if !yield(code) {
				return
			}
		}
	}
}

// checkScattered: bypass needs to know where the media of a gateway is before it answers. UC platforms are let off: their clients say it
// in the offer, and calls to them then pass here.
func (c *compiler) checkScattered(d *settingsDoc) {
	for _, t := range c.snap.Trunks {
		if t.Settings == d.out && t.Gateway.Kind != KindUC {
			c.errorf(d.at("concentratedTopology"), "trunk %q has enableBypass, which needs to know where the media of its gateway is before it answers", t.Name).
				fixf("Set concentratedTopology to true, and representativeMediaIP of gateway %q where its media is not at its address", t.Gateway.Name)
			return
		}
	}
}

// checkBypassPairs: media bypass needs it on both trunks of a call.
func (c *compiler) checkBypassPairs() {
	var with []*Trunk
	for _, t := range c.snap.Trunks {
		if t.Settings.EnableBypass {
			with = append(with, t)
		}
	}
	if len(with) != 1 {
		return
	}
	for _, d := range c.settingsDocs {
		if d.out == with[0].Settings {
			c.warnf(d.key, "only trunk %q has enableBypass, and a call is bypassed when both of its trunks have it", with[0].Name).
				fixf("Set it on another trunk too or remove it")
		}
	}
}

// checkKeys warns of keys that everybody on the way can read: they are in the description (RFC 4568 §8.1).
func (c *compiler) checkKeys() {
	for _, d := range c.settingsDocs {
		if d.out.SRTPMode != "required" && d.out.SRTPMode != "optional" || d.out.SRTPKeying == "dtls" {
			continue
		}
		for _, t := range c.snap.Trunks {
			if t.Settings == d.out && t.Transport != sip.TLS {
				c.warnf(d.at("srtpMode"), "srtpMode %s on trunk %q sends the keys of its calls readable over %s", d.out.SRTPMode, t.Name, t.Transport).
					fixf("Use TLS there, or srtpMode accept")
				break
			}
		}
	}
}

// simpleName is RTE-06: it is sent as phone-context.
var simpleName = regexp.MustCompile(`^[A-Za-z0-9.+_()-]{1,256}$`)

func (c *compiler) checkSimpleNames() {
	seen := map[string]*planDoc{}
	for _, d := range c.planDocs {
		at := d.simpleName
		d.out.SimpleName = d.out.Name
		if at != nil {
			d.out.SimpleName = at.text
		} else {
			at = d.key
		}
		if !simpleName.MatchString(d.out.SimpleName) {
			c.errorf(at, "%q cannot be a simple name, which is sent as phone-context", d.out.SimpleName).
				fixf("Set simpleName to at most 256 of A-Z a-z 0-9 . + _ ( ) -")
			continue
		}
		folded := strings.ToLower(d.out.SimpleName)
		if other := seen[folded]; other != nil {
			c.errorf(at, "the simple name %q is that of dial plan %q as well", d.out.SimpleName, other.out.Name).fixf("Choose another one")
		}
		seen[folded] = d
	}
}
