package identity

import (
	"strings"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Parameters are what the URI of a called number says beside the number: its subaddress (RFC 3966 §5.1.2), first, and from a telephone network on whom it depends how the number is
// reached, what is known of its portability and of the carrier (RFC 4694), wherever they stand. A trunk group (RFC 4904) is one of the network that names it, and no other's.
func Parameters(u sip.URI, in *topology.Trunk) string {
	_, own, _ := strings.Cut(u.User, ";")
	var found [len(parameters)]string
	any := false
	for _, list := range [...]sip.Params{sip.Params(own), u.Params} {
		for name, value := range list.All() {
			for i := range parameters {
				p := &parameters[i]
				if found[i] == "" && strings.EqualFold(name, p.name) && (!p.network || network(in)) && (value != "" || p.flag) && plain(value) {
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

// parameters are in the order of RFC 3966 §3.
var parameters = [...]struct {
	name    string
	network bool // counts from a telephone network alone
	flag    bool // may be without a value
	of      int  // says something of that one, and nothing without it
}{
	{name: "isub", of: -1},
	{name: "cic", network: true, of: -1},
	{name: "cic-context", network: true, of: 1},
	{name: "npdi", network: true, flag: true, of: -1},
	{name: "rn", network: true, of: -1},
	{name: "rn-context", network: true, of: 4},
}

// plain tells whether the value of a parameter can stand in the user part of a URI as it is.
func plain(value string) bool {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("+-.()_~%", c) >= 0:
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
	if strings.HasPrefix(parameters, ";isub=") {
		end := len(parameters)
		if i := strings.IndexByte(parameters[1:], ';'); i >= 0 {
			end = 1 + i
		}
		number, parameters = local(number)+parameters[:end], parameters[end:]
	}
	b = AppendUser(b, set, number)
	return append(b, parameters...)
}
