package routing

import (
	"encoding/json"

	"github.com/directsip/directsip/internal/topology"
)

// decisionJSON is the form of a Decision for programs: names instead of objects.
type decisionJSON struct {
	Kind         string       `json:"kind"`
	Number       string       `json:"number,omitempty"`
	CallerNumber string       `json:"callerNumber,omitempty"`
	CallingUser  string       `json:"callingUser,omitempty"`
	Forwarder    string       `json:"forwarder,omitempty"`
	User         string       `json:"user,omitempty"`
	Private      bool         `json:"private,omitempty"`
	Usage        string       `json:"usage,omitempty"`
	Location     string       `json:"location,omitempty"`
	ELIN         string       `json:"elin,omitempty"`
	Announcement string       `json:"announcement,omitempty"`
	Reason       *reasonJSON  `json:"reason,omitempty"`
	Targets      []targetJSON `json:"targets"`
	Steps        []Step       `json:"steps"`
}

type reasonJSON struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
	Text   string `json:"text"`
	Fix    string `json:"fix"`
}

type targetJSON struct {
	Trunk      string `json:"trunk"`
	Route      string `json:"route,omitempty"`
	Usage      string `json:"usage,omitempty"`
	Called     string `json:"called"`
	Parameters string `json:"parameters,omitempty"`
	URI        string `json:"uri,omitempty"`
	Calling    string `json:"calling,omitempty"`
	Display    string `json:"display,omitempty"`
	SuppressID bool   `json:"suppressID,omitempty"`
}

type stepJSON struct {
	Step    string `json:"step"`
	Name    string `json:"name,omitempty"`
	Of      string `json:"of,omitempty"`
	Outcome string `json:"outcome"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	N       int32  `json:"n,omitempty"`
	Text    string `json:"text,omitempty"`
}

// MarshalJSON writes the decision with names instead of objects.
func (d Decision) MarshalJSON() ([]byte, error) {
	out := decisionJSON{Kind: d.Kind.String(), Number: d.Number, CallerNumber: d.CallerNumber,
		CallingUser: userName(d.CallingUser), Forwarder: userName(d.Forwarder), User: userName(d.User), Private: d.Private, Usage: d.Usage, ELIN: d.ELIN, Steps: d.Steps,
		Targets: make([]targetJSON, 0, len(d.Targets))}
	if d.Location != nil {
		out.Location = d.Location.Name
	}
	if d.Announcement != nil {
		out.Announcement = d.Announcement.Name
	}
	if r := d.Reason; r != nil {
		out.Reason = &reasonJSON{ID: r.ID, Status: r.Status, Text: r.Text, Fix: r.Fix}
	}
	for _, t := range d.Targets {
		tj := targetJSON{Trunk: t.Trunk.Name, Usage: t.Usage, Called: t.Called, Parameters: t.Parameters, URI: t.URI, Calling: t.Calling,
			Display: t.Display, SuppressID: t.SuppressID}
		if t.Route != nil {
			tj.Route = t.Route.Name
		}
		out.Targets = append(out.Targets, tj)
	}
	return json.Marshal(out)
}

// MarshalJSON writes the step with the words of Explain.
func (st Step) MarshalJSON() ([]byte, error) {
	var text prose
	st.text(&text)
	return json.Marshal(stepJSON{Step: st.Kind.String(), Name: st.Name, Of: st.Of, Outcome: st.Outcome.String(),
		From: st.From, To: st.To, N: st.N, Text: string(text)})
}

func userName(u *topology.User) string {
	if u == nil {
		return ""
	}
	return u.Name
}

// String is the word of JSON.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "?"
}

var outcomeNames = [...]string{
	Considered: "considered", Chosen: "chosen", NoMatch: "no-match", KeptAsIs: "kept", Unknown: "unknown",
	OtherPool: "other-pool", NotRoutable: "not-routable", CameIn: "came-in", Already: "already",
	TriedLast: "tried-last", LaterInRoute: "later-in-route", TrialCall: "trial-call", BeyondMax: "beyond-max", OutOfService: "out-of-service",
	NoUsages: "no-usages", NoRoutes: "no-routes", NoTrunks: "no-trunks", OthersNoMatch: "others-no-match",
	Hidden: "hidden", OtherSite: "other-site", AtSite: "at-site", AsAsked: "as-asked", InternalOnly: "internal-only", PrivateLine: "private-line",
	Bypassed: "bypassed", Anchored: "anchored", NoRoom: "no-room", Untold: "untold", NoPorts: "no-ports",
}
