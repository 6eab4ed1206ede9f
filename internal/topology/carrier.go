package topology

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Tenant is the trunk that a request to a host came in on: t itself, or the one of its derived trunks that has the host for a name
// (DR-28). nil: t has no derived trunk of this name, and the host is not its own name either.
func (t *Trunk) Tenant(host string) *Trunk {
	if strings.EqualFold(host, t.ContactHost) {
		return t
	}
	for _, d := range t.Derived {
		if strings.EqualFold(host, d.ContactHost) {
			return d
		}
	}
	return nil
}

// Watched is the trunk whose health counts for t: its carrier trunk, or itself.
func (t *Trunk) Watched() *Trunk {
	if t.Carrier != nil {
		return t.Carrier
	}
	return t
}

// nameFields are the keys of a trunk that say under which name its peer knows us, and whether it is in service.
var nameFields = []field[trunkDoc]{
	{"contactHost", func(c *compiler, n *node, d *trunkDoc) {
		if s, ok := c.host(n); ok {
			d.contactHost, d.out.ContactHost = n, s
		}
	}},
	{"enabled", func(c *compiler, n *node, d *trunkDoc) {
		if on, ok := c.boolean(n); ok {
			d.out.Disabled = !on
		}
	}},
}

// resolveCarriers gives derived trunks what they inherit. Carriers are resolved before; settings are a matter of inheritSettings.
func (c *compiler) resolveCarriers() {
	for _, d := range c.trunkDocs {
		if d.carrier == nil {
			continue
		}
		of, ok := c.trunkNames.get(c, d.carrier)
		switch {
		case !ok:
			continue
		case of.carrier != nil:
			c.errorf(d.carrier, "trunk %q is derived itself and cannot be a carrier trunk", of.out.Name).fixf("Name the trunk that it is derived from")
			continue
		}
		for _, n := range []*node{d.gateway, d.pool, d.transport, d.port, d.gatewayPort} {
			if n != nil {
				c.errorf(n, "a derived trunk has %s of its carrier trunk", n.label()).fixf("Remove it, or remove carrier")
			}
		}
		if d.access != nil && d.access.registration != nil {
			c.errorf(d.access.registration, "a derived trunk does not register: its peer is that of its carrier trunk").fixf("Move registration to the carrier trunk")
			continue
		}
		if d.contactHost == nil {
			c.errorf(d.key, "a derived trunk is known by its contactHost, and this one has none").
				fixf("Set contactHost to the tenant's name for us, such as contoso.sbc.example.com")
		}
		t, carrier := d.out, of.out
		t.Carrier, t.Gateway, t.Pool, t.Transport, t.Port, t.GatewayPort = carrier, carrier.Gateway, carrier.Pool, carrier.Transport, carrier.Port, carrier.GatewayPort
		t.Disabled = t.Disabled || carrier.Disabled
		if t.Site = c.site(d.site); t.Site == nil {
			t.Site = carrier.Site
		}
		if t.DialPlan = c.plan(d.dialPlan); t.DialPlan == nil {
			t.DialPlan = carrier.DialPlan
		}
		c.resolveAccess(d)
		if t.Credentials == nil {
			t.Credentials = carrier.Credentials
		}
		if t.Authenticate == nil {
			t.Authenticate = carrier.Authenticate
		}
		carrier.Derived = append(carrier.Derived, t)
	}
}

// ownSettings tells whether the settings are an object of the trunk itself, not one of its site, of the document or of its carrier trunk.
func (t *Trunk) ownSettings() bool { return strings.EqualFold(t.Settings.Scope, "trunk:"+t.Name) }

// inheritSettings gives derived trunks without settings of their own those of their carrier trunks.
func (c *compiler) inheritSettings() {
	for _, t := range c.snap.Trunks {
		if t.Carrier != nil && !t.ownSettings() {
			t.Settings = t.Carrier.Settings
		}
	}
}

// checkContactHosts: derived trunks are told apart by the name that a request has for us, and one name cannot lead to several servers.
func (c *compiler) checkContactHosts() {
	for i, d := range c.trunkDocs {
		t := d.out
		if t.ContactHost == "" {
			continue
		}
		for _, e := range c.trunkDocs[:i] {
			if o := e.out; o.Watched() == t.Watched() && strings.EqualFold(o.ContactHost, t.ContactHost) {
				c.errorf(d.at(d.contactHost), "trunk %q has the contactHost %s as well, and calls could not be told apart", o.Name, t.ContactHost).
					fixf("Give every tenant its own name")
			}
		}
		if len(t.Pool.Servers) > 1 && t.Carrier == nil {
			c.warnf(d.at(d.contactHost), "pool %q has %d servers and contactHost is one name: requests within a call may reach a server that does not have the call",
				t.Pool.Name, len(t.Pool.Servers)).fixf("Remove contactHost, so that every server uses its own name, or give the trunk a pool of one server")
		}
	}
}

// CertificateNames are the names by which peers of a server's TLS trunks know it; its certificate should carry them.
func (s *Snapshot) CertificateNames(srv *Server) (names []string) {
	for _, t := range s.Trunks {
		if t.Pool != srv.Pool || t.Transport != sip.TLS {
			continue
		}
		for _, name := range t.Names(srv) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Names is what the trunk's peer may know a server by: contactHost, else server and pool.
func (t *Trunk) Names(srv *Server) []string {
	if t.ContactHost != "" {
		return []string{strings.ToLower(t.ContactHost)}
	}
	return []string{srv.Name, srv.Pool.Name}
}
