package b2bua

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Extensions are the option tags that we serve on a trunk: the value of Supported (RFC 3261 §20.37).
func Extensions(set *topologySettings) string {
	switch rel, replaces := set.ReliableProvisional != "off", set.AcceptReplaces != "off"; {
	case rel && replaces:
		return "100rel, replaces, timer"
	case rel:
		return "100rel, timer"
	case replaces:
		return "replaces, timer"
	}
	return "timer"
}

// Unserved is the first extension that a request requires and that the trunk does not have, or "" (RFC 3261 §8.2.2.3).
func Unserved(set *topologySettings, m *sip.Message) string {
	for v := range m.Values(sip.IDRequire) {
		if v != "" && !serves(set, v) {
			return v
		}
	}
	return ""
}

func serves(set *topologySettings, tag string) bool {
	switch strings.ToLower(tag) {
	case "timer", "replaces": // whether a dialog may be replaced is decided for each
		return true
	case "100rel":
		return set.ReliableProvisional != "off"
	}
	return false
}

// maxUnsupported bounds the lines of a 420 that name an extension: a request has room for thousands, each shorter than its line, and the answer is kept.
const maxUnsupported = 32

// RefuseRequired names on a 420 the extensions that a request requires and that the trunk does not have (RFC 3261 §8.2.2.3).
func RefuseRequired(set *topologySettings, r, req *sip.Message) {
	n := 0
	for v := range req.Values(sip.IDRequire) {
		if v == "" || serves(set, v) {
			continue
		}
		if n++; n > maxUnsupported {
			return
		}
		r.Add(sip.IDUnsupported, v)
	}
}
