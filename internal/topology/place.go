package topology

// placeFields are the keys of trunk settings about where a trunk is.
var placeFields = []field[settingsDoc]{
	{"enableLocationRestriction", settingBool(func(s *TrunkSettings) *bool { return &s.LocationRestriction })},
	{"enablePIDFLOSupport", settingBool(func(s *TrunkSettings) *bool { return &s.PIDFLO })},
}

// PSTN tells whether the telephone network is behind the trunk: a gateway or a provider.
func (t *Trunk) PSTN() bool { return t.Gateway.Kind == KindGateway || t.Gateway.Kind == KindSBC }

// Restricted tells whether location-based routing keeps the trunk for parties at its site (TRK-24). Where the setting
// holds for a PBX or UC platform too it means nothing there.
func (t *Trunk) Restricted() bool { return t.Settings.LocationRestriction && t.PSTN() }

// Restricted tells whether any trunk is.
func (s *Snapshot) Restricted() bool { return s.restricted }

// checkPlaces: location-based routing needs to know where a trunk is, and somebody who is there.
func (c *compiler) checkPlaces() {
	for _, d := range c.siteDocs {
		if d.out.RoutingPolicy != nil && !d.out.LocationRouting {
			c.warnf(d.routingPolicy, "voiceRoutingPolicy is ignored without location-based routing").fixf("Set enableLocationBasedRouting: true or remove it")
		}
	}
	for _, d := range c.trunkDocs {
		t := d.out
		switch {
		case !t.Settings.LocationRestriction:
		case !t.PSTN():
			if t.ownSettings() {
				c.errorf(c.settingsDoc(t).body.get("enableLocationRestriction"), "enableLocationRestriction is for trunks of gateways and providers; trunk %q leads to one of kind %s",
					t.Name, t.Gateway.Kind).fixf("Remove it; the site of the trunk is enough")
			}
		case t.Site == nil:
			c.errorf(d.nameNode(), "the trunk has enableLocationRestriction and no site").fixf("Set site of the trunk or of its gateway")
		case !t.Site.LocationRouting:
			c.warnf(d.nameNode(), "nobody may use the trunk but for emergency calls: it has enableLocationRestriction, and its site %q no location-based routing", t.Site.Name).
				fixf("Set sites.%s.enableLocationBasedRouting: true", t.Site.Name)
		}
	}
}

// settingsDoc is the object that a trunk's settings were written as.
func (c *compiler) settingsDoc(t *Trunk) *settingsDoc {
	for _, d := range c.settingsDocs {
		if d.out == t.Settings {
			return d
		}
	}
	return nil
}
