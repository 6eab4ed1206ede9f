package routing

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// alike is how many digits at the end two numbers have in common that are one: what is before them depends on where it is dialled from.
const alike = 7

// parameters are those of the called number that go to a target: where the number that is sent there is still the one that they were said of, and was not put in its place by a
// rule, those that the trunk lets through. Routing numbers and carriers are a matter of telephone networks, a subaddress also one of the PBX that has it.
func (x *run) parameters(t *topology.Trunk, called string) string {
	if x.q.Parameters == "" || x.diverted > 0 || x.d.Kind == Emergency || !sameNumber(x.q.Called, called) {
		return ""
	}
	var b strings.Builder
	for p := range strings.SplitSeq(x.q.Parameters[1:], ";") {
		name, value, _ := strings.Cut(p, "=")
		of := strings.TrimSuffix(name, "-context")
		if !slices.Contains(t.Settings.NumberParameters, of) || !t.PSTN() && (of != "isub" || t.Gateway.Kind != topology.KindPBX) {
			continue
		}
		b.WriteString(";" + name)
		if name == "rn" && t.Settings.RemovePlus {
			value = strings.TrimPrefix(value, "+")
		}
		if value != "" {
			b.WriteString("=" + value)
		}
	}
	return b.String()
}

// sameNumber tells whether a number that is sent is the one that was received: they end alike.
func sameNumber(received, sent string) bool {
	received, sent = digitsOf(received), digitsOf(sent)
	n := min(alike, len(received))
	return n > 0 && len(sent) >= n && received[len(received)-n:] == sent[len(sent)-n:]
}

// digitsOf is a number without its parameters, + and visual separators.
func digitsOf(number string) string {
	number, _, _ = strings.Cut(number, ";")
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, number)
}
