package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// preview is the call that the flags mean, with the lines of --header; they may tell the query who calls.
func preview(snap *topology.Snapshot, q *routing.Query, headers []string) (*b2bua.Preview, error) {
	for _, h := range headers {
		var m sip.Message
		name, value, found := strings.Cut(h, ":")
		if m.AddName(strings.TrimSpace(name), value); !found || len(m.Headers) == 0 || strings.ContainsAny(h, "\r\n") {
			return nil, fmt.Errorf("%q is no header line; write it like --header 'Privacy: id'", h)
		}
	}
	if len(headers) > 0 && q.Trunk == nil {
		return nil, errors.New("headers are read as the trunk says that they arrive on; add --trunk, or --from with a user")
	}
	return b2bua.NewPreview(snap, q, headers), nil
}

// routeResult is a decision, and with --headers the INVITE for each target.
type routeResult struct {
	decision *routing.Decision
	invites  []*sip.Message // nil: not asked for
}

// inviteJSON is one INVITE for programs.
type inviteJSON struct {
	Trunk   string       `json:"trunk"`
	URI     string       `json:"uri"`
	Headers []headerJSON `json:"headers"`
}

type headerJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// json is the decision, or an object with it and the INVITEs.
func (r *routeResult) json() any {
	if r.invites == nil {
		return r.decision
	}
	list := make([]inviteJSON, len(r.invites))
	for i, m := range r.invites {
		list[i] = inviteJSON{Trunk: r.decision.Targets[i].Trunk.Name, URI: m.URI}
		for _, h := range m.Headers {
			list[i].Headers = append(list[i].Headers, headerJSON{h.Name, h.Value})
		}
	}
	return struct {
		Decision *routing.Decision `json:"decision"`
		Invites  []inviteJSON      `json:"invites"`
	}{r.decision, list}
}

// write prints it for people.
func (r *routeResult) write(w io.Writer) {
	for _, l := range r.decision.Explain() {
		fmt.Fprintln(w, l)
	}
	for i, m := range r.invites {
		fmt.Fprintf(w, "\n%d. %q\n   %s\n", i+1, r.decision.Targets[i].Trunk.Name, m.StartLine())
		for _, h := range m.Headers {
			fmt.Fprintf(w, "   %s: %s\n", h.Name, h.Value)
		}
	}
}
