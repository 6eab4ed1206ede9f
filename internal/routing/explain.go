package routing

import "github.com/directsip/directsip/internal/diag"

// Explain tells the decision in lines of text, in the order in which it was made, and ends with the targets or the
// refusal.
func (d *Decision) Explain() []string { return d.ExplainOn(&Page{}) }

// ExplainOn is Explain for who explains many decisions and keeps a page for them.
func (d *Decision) ExplainOn(p *Page) []string {
	p.prose, p.ends = p.prose[:0], p.ends[:0]
	for i := 0; i < len(d.Steps); i++ {
		if next, names := withoutRoutes(d.Steps, i); len(names) >= 3 {
			p.begin(StepUsage.indent())
			p.put(StepUsage.String())
			p.subject()
			p.number(len(names))
			p.put(" usages")
			p.comment()
			p.put("no route of these matches: ")
			p.some(names)
			p.end()
			i = next - 1
			continue
		}
		st := &d.Steps[i]
		p.begin(st.Kind.indent())
		p.put(st.Kind.String())
		p.subject()
		st.subject(&p.prose)
		p.comment()
		st.text(&p.prose)
		p.end()
	}
	if d.Kind != Refused || d.Reason != nil {
		p.result(d)
	}
	for i := range d.Targets {
		p.begin(1)
		p.number(i + 1)
		p.put(".")
		p.subject()
		p.quote(d.Targets[i].Trunk.Name)
		p.comment()
		d.Targets[i].text(&p.prose)
		p.end()
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

// result says what came of it.
func (p *Page) result(d *Decision) {
	p.begin(0)
	p.put("result")
	p.subject()
	switch d.Kind {
	case Refused:
		p.put("refused")
		p.comment()
		p.reason(d.Reason)
	case Announced:
		p.quote(d.Announcement.Name)
		p.comment()
		p.put("announcement, then ")
		p.reason(d.Reason)
	default:
		p.put(d.Kind.String())
		p.comment()
		d.summary(&p.prose)
	}
	p.end()
}

func (p *prose) reason(r *diag.Reason) {
	p.number(r.Status)
	p.put(" ", r.Phrase, ": ", r.Text)
}

func (d *Decision) summary(p *prose) {
	p.number(len(d.Targets))
	p.put(" target")
	if len(d.Targets) != 1 {
		p.put("s")
	}
	switch d.Kind {
	case ToUser:
		p.put(" toward the UC platform of user ")
		p.quote(d.User.Name)
	case Emergency:
		p.put("; emergency call: no limit applies, every target is tried")
	default:
		p.put(" for ", d.Number, ", tried in this order")
	}
}

func (t *Target) text(p *prose) {
	called := t.Called
	if t.URI != "" {
		called = t.URI
	}
	p.put("called ", called, t.Parameters, ", calling ", orNone(t.Calling))
	if t.Route != nil {
		p.put(", route ")
		p.quote(t.Route.Name)
		p.put(" of usage ")
		p.quote(t.Usage)
	}
	if t.SuppressID {
		p.put(", caller's own identity hidden")
	}
}
