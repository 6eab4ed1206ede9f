package topology

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Index builds the look-up tables of the snapshot. Compile calls it last; a snapshot made by hand must call it before
// UserByNumber, UserByURI, RoutesOf, TrunkByName, ServerByName or InboundTrunk is used.
//
// A user with an extension is found by "number;ext=100", and by the bare number when nobody else has that number; by
// the bare extension when nobody else has that extension.
func (s *Snapshot) Index() {
	s.indexNames()
	s.indexInbound()
	s.userByNumber = make(map[string]*User, 2*len(s.Users))
	s.userByURI = make(map[string]*User, len(s.Users))
	s.userByAlias = make(map[string]*User, 2*len(s.Users))
	bare, ext := make(map[string]int), make(map[string]int)
	for _, u := range s.Users {
		bare[u.Number]++
		ext[u.Ext]++
	}
	for _, u := range s.Users {
		if u.Private != "" {
			s.userByNumber[u.Private] = u
		}
		if aor := addressOfRecord(u.URI); aor != "" {
			s.userByURI[aor] = u
		}
		if u.Ext != "" && ext[u.Ext] == 1 && s.userByAlias[u.Ext] == nil {
			s.userByAlias[u.Ext] = u
		}
		s.userByAlias[strings.ToLower(u.Name)] = u
		if u.Number == "" {
			continue
		}
		if u.Ext != "" {
			s.userByNumber[u.Number+";ext="+u.Ext] = u
		}
		if u.Ext == "" || bare[u.Number] == 1 {
			s.userByNumber[u.Number] = u
		}
	}
	for _, t := range s.Trunks {
		s.restricted = s.restricted || t.Restricted()
	}
	s.indexELINs()
	s.routesOf = make(map[string][]*Route)
	for _, r := range s.Routes {
		for i, usage := range r.Usages {
			if !contains(r.Usages[:i], usage) {
				s.routesOf[usage] = append(s.routesOf[usage], r)
			}
		}
	}
}

// UserByURI finds a user by SIP URI or address-of-record ("sip:alice@example.com;user=phone", "Alice@example.com");
// parameters and case do not count.
func (s *Snapshot) UserByURI(uri string) *User { return s.userByURI[addressOfRecord(uri)] }

// CallsAs is the user part of From in a call that the user makes: the number, else the name in the URI.
func (u *User) CallsAs() string {
	if u.Number != "" {
		return u.Number
	}
	uri, _ := sip.ParseURI(u.URI) // Compile has read it
	return uri.Number()
}

// ComesIn is the trunk on which calls of the user arrive at a pool, nil at any: the first one toward the user that is in service, else the first; nil
// when there is none.
func (u *User) ComesIn(p *Pool) (in *Trunk) {
	for _, t := range u.Trunks {
		switch {
		case p != nil && t.Pool != p:
		case !t.Disabled:
			return t
		case in == nil:
			in = t
		}
	}
	return in
}

// UserByAlias finds a user by the name in the document (case does not count) or by an extension that only one user has.
func (s *Snapshot) UserByAlias(alias string) *User { return s.userByAlias[strings.ToLower(alias)] }

// RoutesOf lists the routes that carry a usage, in the order of priority. The caller must not change it.
func (s *Snapshot) RoutesOf(usage string) []*Route { return s.routesOf[usage] }

// PlanByName finds a dial plan, nil when there is none; case does not count.
func (s *Snapshot) PlanByName(name string) *DialPlan {
	i := slices.IndexFunc(s.DialPlan, func(p *DialPlan) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return nil
	}
	return s.DialPlan[i]
}

// PolicyByName finds a voice policy, nil when there is none; case does not count.
func (s *Snapshot) PolicyByName(name string) *VoicePolicy {
	i := slices.IndexFunc(s.Policies, func(p *VoicePolicy) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return nil
	}
	return s.Policies[i]
}

// addressOfRecord is user@host in lower case, without scheme, password, port, parameters and headers, and with the user unescaped: what two URIs of
// one user have in common (RFC 3261 §10.3, §19.1.4). It allocates only when there are capitals or escapes.
func addressOfRecord(uri string) string {
	for _, scheme := range [...]string{"sip:", "sips:"} {
		if len(uri) > len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme) {
			uri = uri[len(scheme):]
			break
		}
	}
	at := strings.IndexByte(uri, '@')
	if at < 0 {
		return ""
	}
	if end := strings.IndexAny(uri[at:], ";?>"); end >= 0 {
		uri = uri[:at+end]
	}
	if port := strings.LastIndexByte(uri[at:], ':'); port > strings.IndexByte(uri[at:], ']') { // one in brackets is of an address
		uri = uri[:at+port]
	}
	user, password, _ := strings.Cut(uri[:at], ":")
	if password != "" || strings.IndexByte(user, '%') >= 0 {
		uri = sip.Unescape(user) + uri[at:]
	}
	return strings.ToLower(uri)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
