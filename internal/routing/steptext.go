package routing

// String is the label of the step.
func (k StepKind) String() string {
	switch k {
	case StepCall:
		return "call"
	case StepCaller:
		return "caller"
	case StepInCalled:
		return "called rule"
	case StepInCalling:
		return "calling rule"
	case StepEmergency:
		return "emergency"
	case StepPlan:
		return "dial plan"
	case StepNormalize:
		return "rule"
	case StepUser:
		return "user"
	case StepPolicy:
		return "usages"
	case StepUsage:
		return "usage"
	case StepRoute:
		return "route"
	case StepTrunk:
		return "trunk"
	case StepCalled:
		return "called rule"
	case StepCalling:
		return "calling rule"
	case StepCallerID:
		return "caller id"
	case StepPlus:
		return "plus"
	case StepExt:
		return "extension"
	case StepForwarder:
		return "forwarder"
	case StepPlace, StepLocation:
		return "location"
	case StepELIN:
		return "caller id"
	case StepCallBack:
		return "call back"
	case StepInbound:
		return "inbound rule"
	case StepUnassigned:
		return "unassigned"
	case StepAnnouncement:
		return "announcement"
	case StepMedia:
		return "media"
	case StepBandwidth:
		return "bandwidth"
	case StepRefused:
		return "refused"
	}
	return "?"
}

func (k StepKind) indent() int {
	switch k {
	case StepNormalize, StepUsage:
		return 1
	case StepRoute:
		return 2
	case StepTrunk:
		return 3
	case StepCalled, StepCalling, StepCallerID, StepELIN, StepPlus, StepExt:
		return 1
	}
	return 0
}

// subject writes what the step is about.
func (st *Step) subject(p *prose) {
	switch st.Kind {
	case StepCall:
		p.put(orNone(st.From))
		return
	case StepCaller:
		if st.Name == "" {
			p.put(orNone(st.From))
			return
		}
	case StepUser, StepForwarder:
		if st.Name == "" {
			p.put("none")
			return
		}
	case StepPolicy:
		if st.Outcome == NoUsages {
			p.put("none")
			return
		}
		p.put(st.Of, " ")
	case StepRoute:
		if st.Outcome == OthersNoMatch {
			p.number(int(st.N))
			p.put(" more")
			return
		}
	case StepNormalize, StepInCalled, StepInCalling, StepCalled, StepCalling:
		switch {
		case st.Name != "":
		case st.Kind == StepNormalize && (st.Outcome == KeptAsIs || st.To == ""):
			p.put("none")
			return
		default:
			p.put("unnamed")
			return
		}
	case StepPlus, StepExt:
		p.quote(st.Of)
		return
	case StepRefused:
		p.put(st.Name)
		return
	}
	p.quote(st.Name)
}

// text says what became of the subject.
func (st *Step) text(p *prose) {
	switch st.Kind {
	case StepCall:
		p.put("from ", orNone(st.To))
		if st.Name != "" {
			p.put(" on trunk ")
			p.quote(st.Name)
		}
	case StepCaller:
		st.callerText(p)
	case StepEmergency:
		p.put(st.From, " is an emergency number: usage ")
		p.quote(st.To)
		p.put(" replaces the policy")
	case StepUser:
		switch st.Outcome {
		case PrivateLine:
			p.put("has the private line ", st.From, "; stays inside (", st.To, ")")
		case Chosen:
			p.put("owns ", st.From, "; stays inside (", st.To, ")")
		default:
			p.put(st.From, " belongs to nobody here")
		}
	case StepPolicy:
		st.policyText(p)
	case StepUsage:
		if st.Outcome == NoRoutes {
			p.put("no route of this usage matches")
		}
	case StepRoute:
		st.routeText(p)
	case StepTrunk:
		st.trunkText(p)
	case StepCallerID:
		p.put("route hides the caller: ", orNone(st.From), " → ", st.To)
	case StepPlus:
		p.put("removePlusFromUri: ", st.From, " → ", st.To)
	case StepExt:
		p.put("not known to telephone networks, left out: ", st.From, " → ", st.To)
	case StepForwarder:
		st.forwarderText(p)
	case StepPlace:
		st.placeText(p)
	case StepLocation, StepELIN, StepCallBack:
		st.emergencyText(p)
	case StepInbound, StepUnassigned, StepAnnouncement:
		st.divertText(p)
	case StepBandwidth:
		if st.Outcome == NoRoom {
			p.put("no room: ")
		}
		p.put(st.From)
	case StepMedia:
		switch st.Outcome {
		case Bypassed:
			p.put("bypassed: ")
		case Anchored:
			p.put("not bypassed: ")
		case NoPorts:
			p.put("no ports: ")
		}
		p.put(st.From)
	case StepNormalize, StepInCalled, StepInCalling, StepCalled, StepCalling:
		st.ruleText(p)
	}
}

func (st *Step) callerText(p *prose) {
	switch {
	case st.Outcome != Chosen:
		if st.From != st.To {
			p.put(st.From, " → ", orNone(st.To), "; ")
		}
		p.put("not a user")
		if st.Of != "" {
			p.put(": none has the URI ", st.Of)
		}
	case st.From == "" || st.From == st.To:
		p.put("a user; calls as ", orNone(st.To))
	default:
		p.put("a user; came as ", st.From, ", calls as ", orNone(st.To))
	}
}

func (st *Step) ruleText(p *prose) {
	switch {
	case st.Outcome == KeptAsIs:
		p.put(st.From, " is E.164 already; no rule matches, kept")
	case st.Outcome == NoMatch && st.To == "":
		p.put("no rule matches ", st.From, ", and it is not E.164")
	case st.Outcome == NoMatch:
		p.put(st.From, " does not match ", st.To)
	default:
		p.put(st.From, " → ", st.To)
		if st.Kind == StepCalled || st.Kind == StepCalling {
			p.put(" on trunk ")
			p.quote(st.Of)
		}
	}
}

func (st *Step) routeText(p *prose) {
	switch st.Outcome {
	case OthersNoMatch:
		p.put("routes of this usage do not match")
	case NoMatch:
		p.put("does not match ", st.From)
	case NoTrunks:
		p.put("matches ", st.From, ", adds no trunk")
	case Already:
		p.put("matches ", st.From, ", considered above")
	default:
		p.put("matches ", st.From)
	}
}

func (st *Step) trunkText(p *prose) {
	switch st.Outcome {
	case OtherPool:
		p.put("left out: belongs to pool ")
		p.quote(st.From)
	case NotRoutable:
		p.put("left out: gateway ")
		p.quote(st.From)
		p.put(" is not routable")
	case OutOfService:
		p.put("left out: is out of service (enabled: false)")
	case CameIn:
		p.put("left out: the call came in on it")
	case Already:
		p.put("left out: is a target already")
	case TriedLast:
		p.put("down: tried after all others")
	case LaterInRoute:
		p.put("degraded: after the others of this route")
	case TrialCall:
		p.put("half open: this is a trial call")
	case OtherSite:
		p.put("left out: kept for parties at site ")
		p.quote(st.From)
		p.put(" (location-based routing)")
	case BeyondMax:
		p.put("left out: more than maxAttempts ")
		p.number(int(st.N))
	default:
		p.put("taken")
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
