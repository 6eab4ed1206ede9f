package identity

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Parameters are what the URI of a called number says beside the number: its subaddress (RFC 3966 §5.1.2), first, and what is known of its portability and of the carrier (RFC 4694), wherever
// they stand. That is believed of a telephone network whose trunk lets it through: who names the number to route by, or the carrier, decides where a call really goes, past all usages and routes.
// A trunk group (RFC 4904) is one of the network that names it, and no other's.
func Parameters(u sip.URI, in *topology.Trunk) string {
	_, own, _ := strings.Cut(u.User, ";")
	var found [len(parameters)]string
	any := false
	for _, list := range [...]sip.Params{sip.Params(own), u.Params} {
		for name, value := range list.All() {
			for i := range parameters {
				p := &parameters[i]
				if found[i] == "" && strings.EqualFold(name, p.name) && (!p.network || believed(in, p.name)) && (value != "" || p.flag) && p.takes(value) {
					found[i], any = ";"+p.name, true
					if value != "" {
						found[i] += "=" + value
					}
				}
			}
		}
	}
	if !any || !isNumber(u.Number()) {
		return ""
	}
	for i := range parameters {
		if of := parameters[i].of; of >= 0 && found[of] == "" {
			found[i] = ""
		}
	}
	return strings.Join(found[:], "")
}

// believed tells whether a trunk may say how a number is reached.
func believed(in *topology.Trunk, name string) bool {
	return network(in) && slices.Contains(in.Settings.NumberParameters, strings.TrimSuffix(name, "-context"))
}

// parameter is one of those that pass.
type parameter struct {
	name    string
	network bool // counts from a telephone network alone
	flag    bool // may be without a value
	of      int  // says something of that one, and nothing without it
}

// parameters are in the order of RFC 3966 §3.
var parameters = [...]parameter{
	{name: "isub", of: -1},
	{name: "cic", network: true, of: -1},
	{name: "cic-context", network: true, of: 1},
	{name: "npdi", network: true, flag: true, of: -1},
	{name: "rn", network: true, of: -1},
	{name: "rn-context", network: true, of: 4},
}

// takes tells whether a value can stand in the user part of a URI as it is. Escapes are for subaddresses, which may be text, and there for what can be printed.
func (p *parameter) takes(value string) bool {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("+-.()_~", c) >= 0:
		case c == '%' && p.name == "isub" && i+2 < len(value):
			text := sip.Unescape(value[i : i+3])
			if len(text) != 1 || text[0] < ' ' || text[0] == 0x7f {
				return false
			}
			i += 2
		default:
			return false
		}
	}
	return len(value) <= maxValue
}

// maxValue bounds the value of such a parameter: a routing number, a carrier or a subaddress has 20 digits at most, a context is a domain.
const maxValue = 64

// AppendCalled is AppendUser with the parameters of a called number: a subaddress stands before the phone-context, all others behind it (RFC 3966 §3).
func AppendCalled(b []byte, set *topology.TrunkSettings, number, parameters string) []byte {
	end := 0
	if strings.HasPrefix(parameters, ";isub=") {
		if end = strings.IndexByte(parameters[1:], ';') + 1; end == 0 {
			end = len(parameters)
		}
	}
	b = appendUser(b, set, number, parameters[:end])
	return append(b, parameters[end:]...)
}
