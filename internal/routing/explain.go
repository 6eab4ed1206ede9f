package routing

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Explain tells the decision in lines of text, in the order in which it was made, and ends with the targets or the
// refusal.
func (d *Decision) Explain() []string {
	p := page{text: make([]byte, 0, 96*(len(d.Steps)+len(d.Targets)+1)), ends: make([]int, 0, len(d.Steps)+len(d.Targets)+2)}
	for i := 0; i < len(d.Steps); i++ {
		if next, names := withoutRoutes(d.Steps, i); len(names) >= 3 {
			p.line(StepUsage.indent(), StepUsage.String(), strconv.Itoa(len(names))+" usages", "no route of these matches: "+some(names))
			i = next - 1
			continue
		}
		st := &d.Steps[i]
		p.line(st.Kind.indent(), st.Kind.String(), st.subject(), st.text())
	}
	if d.Kind == Refused {
		if d.Reason != nil {
			p.line(0, "result", "refused", fmt.Sprintf("%d %s: %s", d.Reason.Status, d.Reason.Phrase, d.Reason.Text))
		}
		return p.lines()
	}
	if d.Kind == Announced {
		p.line(0, "result", quote(d.Announcement.Name), fmt.Sprintf("announcement, then %d %s: %s", d.Reason.Status, d.Reason.Phrase, d.Reason.Text))
		return p.lines()
	}
	p.line(0, "result", d.Kind.String(), d.summary())
	for i := range d.Targets {
		p.line(1, strconv.Itoa(i+1)+".", quote(d.Targets[i].Trunk.Name), d.Targets[i].text())
	}
	return p.lines()
}

// withoutRoutes are the usages from a step on that have nothing to say but that no route of theirs matches, and the step behind them. A policy
// with a usage for each country has dozens.
func withoutRoutes(steps []Step, i int) (next int, names []string) {
	for i < len(steps) && steps[i].Kind == StepUsage && steps[i].Outcome == NoRoutes {
		usage := steps[i].Name
		j := i + 1
		if j < len(steps) && steps[j].Kind == StepRoute && steps[j].Outcome == OthersNoMatch {
			j++
		}
		if j < len(steps) && steps[j].Kind == StepRoute {
			break // its routes are listed one by one
		}
		i, names = j, append(names, usage)
	}
	return i, names
}

// some names one by one, or the first and the last of many.
func some(names []string) string {
	if n := len(names); n > 8 {
		return quoted(names[:4]) + " … " + quote(names[n-1])
	}
	return quoted(names)
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = quote(n)
	}
	return strings.Join(list, ", ")
}

// page collects the lines in one text, because every call record has some.
type page struct {
	text []byte
	ends []int
}

// lines are pieces of the text.
func (p *page) lines() []string {
	all, from := string(p.text), 0
	list := make([]string, len(p.ends))
	for i, end := range p.ends {
		list[i], from = all[from:end], end
	}
	return list
}

// Columns of the explanation.
const (
	labelWidth   = 14
	subjectWidth = 24
)

// line aligns one line of the explanation.
func (p *page) line(indent int, label, subject, text string) {
	start := len(p.text)
	for range indent {
		p.text = append(p.text, "  "...)
	}
	p.text = append(p.text, label...)
	p.pad(start + labelWidth)
	p.text = append(p.text, subject...)
	if text != "" {
		p.pad(start + labelWidth + subjectWidth)
		p.text = append(p.text, text...)
	}
	p.text = bytes.TrimRight(p.text, " ")
	p.ends = append(p.ends, len(p.text))
}

// pad fills up to a column, with at least one blank.
func (p *page) pad(column int) {
	p.text = append(p.text, ' ')
	for len(p.text) < column {
		p.text = append(p.text, ' ')
	}
}

func (d *Decision) summary() string {
	n := "1 target"
	if len(d.Targets) != 1 {
		n = strconv.Itoa(len(d.Targets)) + " targets"
	}
	switch d.Kind {
	case ToUser:
		return n + " toward the UC platform of user " + quote(d.User.Name)
	case Emergency:
		return n + "; emergency call: no limit applies, every target is tried"
	}
	return n + " for " + d.Number + ", tried in this order"
}

func (t *Target) text() string {
	var b strings.Builder
	called := t.Called
	if t.URI != "" {
		called = t.URI
	}
	b.WriteString("called " + called + ", calling " + orNone(t.Calling))
	if t.Route != nil {
		b.WriteString(", route " + quote(t.Route.Name) + " of usage " + quote(t.Usage))
	}
	if t.SuppressID {
		b.WriteString(", caller's own identity hidden")
	}
	return b.String()
}

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

// subject is what the step is about.
func (st *Step) subject() string {
	switch st.Kind {
	case StepCall:
		return orNone(st.From)
	case StepCaller:
		if st.Name == "" {
			return orNone(st.From)
		}
	case StepUser, StepForwarder:
		if st.Name == "" {
			return "none"
		}
	case StepPolicy:
		if st.Outcome == NoUsages {
			return "none"
		}
		return st.Of + " " + quote(st.Name)
	case StepRoute:
		if st.Outcome == OthersNoMatch {
			return strconv.Itoa(int(st.N)) + " more"
		}
	case StepNormalize, StepInCalled, StepInCalling, StepCalled, StepCalling:
		switch {
		case st.Name != "":
		case st.Kind == StepNormalize && (st.Outcome == KeptAsIs || st.To == ""):
			return "none"
		default:
			return "unnamed"
		}
	case StepPlus, StepExt:
		return quote(st.Of)
	case StepRefused:
		return st.Name
	}
	return quote(st.Name)
}

// text says what became of the subject.
func (st *Step) text() string {
	switch st.Kind {
	case StepCall:
		return st.callText()
	case StepCaller:
		if st.Outcome == Chosen {
			if st.From == "" || st.From == st.To {
				return "a user; calls as " + orNone(st.To)
			}
			return "a user; came as " + st.From + ", calls as " + orNone(st.To)
		}
		text := "not a user"
		if st.From != st.To {
			text = st.From + " → " + orNone(st.To) + "; not a user"
		}
		if st.Of != "" {
			text += ": none has the URI " + st.Of
		}
		return text
	case StepEmergency:
		return st.From + " is an emergency number: usage " + quote(st.To) + " replaces the policy"
	case StepUser:
		switch st.Outcome {
		case PrivateLine:
			return "has the private line " + st.From + "; stays inside (" + st.To + ")"
		case Chosen:
			return "owns " + st.From + "; stays inside (" + st.To + ")"
		}
		return st.From + " belongs to nobody here"
	case StepPolicy:
		return st.policyText()
	case StepUsage:
		if st.Outcome == NoRoutes {
			return "no route of this usage matches"
		}
		return ""
	case StepRoute:
		return st.routeText()
	case StepTrunk:
		return st.trunkText()
	case StepCallerID:
		return "route hides the caller: " + orNone(st.From) + " → " + st.To
	case StepPlus:
		return "removePlusFromUri: " + st.From + " → " + st.To
	case StepExt:
		return "not known to telephone networks, left out: " + st.From + " → " + st.To
	case StepForwarder:
		return st.forwarderText()
	case StepPlace:
		return st.placeText()
	case StepLocation, StepELIN, StepCallBack:
		return st.emergencyText()
	case StepInbound, StepUnassigned, StepAnnouncement:
		return st.divertText()
	case StepBandwidth:
		if st.Outcome == NoRoom {
			return "no room: " + st.From
		}
		return st.From
	case StepMedia:
		if st.Outcome == Bypassed {
			return "bypassed: " + st.From
		}
		return "not bypassed: " + st.From
	case StepNormalize, StepInCalled, StepInCalling, StepCalled, StepCalling:
		return st.ruleText()
	}
	return ""
}

func (st *Step) callText() string {
	text := "from " + orNone(st.To)
	if st.Name != "" {
		return text + " on trunk " + quote(st.Name)
	}
	return text
}

func (st *Step) ruleText() string {
	switch st.Outcome {
	case KeptAsIs:
		return st.From + " is E.164 already; no rule matches, kept"
	case NoMatch:
		if st.To == "" {
			return "no rule matches " + st.From + ", and it is not E.164"
		}
		return st.From + " does not match " + st.To
	}
	text := st.From + " → " + st.To
	if st.Kind == StepCalled || st.Kind == StepCalling {
		text += " on trunk " + quote(st.Of)
	}
	return text
}

func (st *Step) routeText() string {
	switch st.Outcome {
	case OthersNoMatch:
		return "routes of this usage do not match"
	case NoMatch:
		return "does not match " + st.From
	case NoTrunks:
		return "matches " + st.From + ", adds no trunk"
	case Already:
		return "matches " + st.From + ", considered above"
	}
	return "matches " + st.From
}

func (st *Step) trunkText() string {
	switch st.Outcome {
	case OtherPool:
		return "left out: belongs to pool " + quote(st.From)
	case NotRoutable:
		return "left out: gateway " + quote(st.From) + " is not routable"
	case OutOfService:
		return "left out: is out of service (enabled: false)"
	case CameIn:
		return "left out: the call came in on it"
	case Already:
		return "left out: is a target already"
	case TriedLast:
		return "down: tried after all others"
	case LaterInRoute:
		return "degraded: after the others of this route"
	case TrialCall:
		return "half open: this is a trial call"
	case OtherSite:
		return "left out: kept for parties at site " + quote(st.From) + " (location-based routing)"
	case BeyondMax:
		return "left out: more than maxAttempts " + strconv.Itoa(int(st.N))
	}
	return "taken"
}

func quote(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.Quote(s)
		}
	}
	return "\"" + s + "\""
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
