package topology

import (
	"regexp"
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// emergencyService is the name of an emergency service (RFC 5031 §3) in lower case.
var emergencyService = regexp.MustCompile(`^sos(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// maxService bounds the name of a service that is looked at.
const maxService = 100

// service is the emergency service that a URI asks for: that of a URN (RFC 5031), or the user part of a SIP URI as telephones older than it have it; ""
// when it asks for none. A test of one (urn:service:test.sos) is none.
func service(uri string) (name string, urn bool) {
	const nid = "urn:service:"
	if len(uri) > len(nid) && strings.EqualFold(uri[:len(nid)], nid) {
		name, urn = uri[len(nid):], true
	} else if u, err := sip.ParseURI(uri); err == nil && u.Scheme != "tel" {
		name, _, _ = strings.Cut(u.User, ";")
	}
	if len(name) > maxService || len(name) < 3 || !strings.EqualFold(name[:3], "sos") {
		return "", urn
	}
	if name = strings.ToLower(name); !emergencyService.MatchString(name) {
		return "", urn
	}
	return name, urn
}

// ServiceOf is the emergency service that a URI asks for, as "sos.fire"; "" when it asks for none, or there are no emergency numbers. A user of that name has it.
func (s *Snapshot) ServiceOf(uri string) string {
	if !s.HasEmergency() {
		return ""
	}
	name, urn := service(uri)
	if name == "" || !urn && (s.UserByURI(uri) != nil || s.UserByAlias(name) != nil) {
		return ""
	}
	return name
}

// EmergencyFor is the number that a caller's emergency service has: the one that names it, else the service above it, else the first one. Who has no
// emergency numbers where they are has those of the document.
func (s *Snapshot) EmergencyFor(u *User, in *Trunk, service string) *EmergencyNumber {
	list := s.emergencyNumbers(u, in)
	if len(list) == 0 {
		list = s.Emergency
	}
	for found := true; found; {
		for i := range list {
			if slices.Contains(list[i].Services, service) {
				return &list[i]
			}
		}
		i := strings.LastIndexByte(service, '.')
		if found = i > 0; found {
			service = service[:i]
		}
	}
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// Rescues tells whether a Request-URI asks for emergency services, by a number of anybody or by a service.
func (s *Snapshot) Rescues(uri string) bool {
	if s.ServiceOf(uri) != "" {
		return true
	}
	u, err := sip.ParseURI(uri)
	return err == nil && s.EmergencyByNumber(u.Number()) != nil
}
