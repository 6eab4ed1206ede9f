package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/identity"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

func (a *app) routeCmd() *cobra.Command {
	var from, to, trunk, srv, forwardedBy, plan, policy string
	var headers []string
	var show bool
	c := &cobra.Command{Use: "route --to NUMBER [--from USER|NUMBER] [--trunk TRUNK] [FILE]", Short: "Show where a call would go, and why, without making it",
		Args: one, ValidArgsFunction: yamlFiles,
		Example: "  directsip route --from alice --to 0425550100\n  directsip route --trunk pstn --to +14255550100 --json\n" +
			"  directsip route --dial-plan us --voice-policy staff --to 0425550100",
		RunE: func(_ *cobra.Command, args []string) error {
			if to, from = pasted(to), pasted(from); to == "" {
				return &usageError{"route", errors.New("route needs the called number: --to NUMBER")}
			}
			snap, err := a.mustLoad(document(args))
			if err != nil {
				return err
			}
			q, err := query(snap, from, to, trunk, srv)
			if err != nil {
				return err
			}
			if err = forward(snap, q, forwardedBy); err != nil {
				return err
			}
			if err = scopes(snap, q, plan, policy); err != nil {
				return err
			}
			q.ComeIn(snap)
			p, err := preview(snap, q, headers)
			if err != nil {
				return err
			}
			d := routing.Decide(snap, q, nil) // every trunk is up
			foresee(snap, q.Server, p.Trunk(), &d)
			out := routeResult{decision: &d}
			if show {
				out.invites = p.Invites(&d)
			}
			err = a.print(out.json(), out.write)
			if err == nil && d.Reason != nil {
				err = errNo
			}
			return err
		}}
	c.Flags().StringVar(&to, "to", "", "called number, as dialled, or SIP URI (required)")
	c.Flags().StringVar(&from, "from", "", "calling user of the document, or calling number; without it and --trunk dial plan and voice policy of the document hold")
	c.Flags().StringVar(&trunk, "trunk", "", "trunk that the call comes in on; of a call of a user that of the UC platform")
	c.Flags().StringVar(&srv, "server", "", "server that decides; only trunks of its pool are used")
	c.Flags().StringVar(&forwardedBy, "forwarded-by", "", "user who forwards the call or lets it ring elsewhere too")
	c.Flags().StringVar(&plan, "dial-plan", "", "dial plan that holds instead of the caller's")
	c.Flags().StringVar(&policy, "voice-policy", "", "voice policy that holds instead of the caller's")
	c.Flags().BoolVar(&show, "headers", false, "show the headers of the INVITE for each target")
	c.Flags().StringArrayVar(&headers, "header", nil, "line of the INVITE that arrives, 'Privacy: id'; may be repeated")
	c.RegisterFlagCompletionFunc("forwarded-by", completeFrom(userNames))
	c.RegisterFlagCompletionFunc("dial-plan", completeFrom(planNames))
	c.RegisterFlagCompletionFunc("voice-policy", completeFrom(policyNames))
	c.RegisterFlagCompletionFunc("trunk", completeFrom(trunkNames))
	c.RegisterFlagCompletionFunc("server", completeFrom(serverNames))
	c.RegisterFlagCompletionFunc("from", completeFrom(userNames))
	return c
}

// completeFrom completes a flag from the document.
func completeFrom(list func(*topology.Snapshot) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if snap, _, err := server.Load(document(args)); err == nil && snap != nil {
			return list(snap), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// namesOf are the names of some objects of the document.
func namesOf[T any](list []*T, name func(*T) string) (names []string) {
	for _, o := range list {
		names = append(names, name(o))
	}
	return names
}

func trunkNames(snap *topology.Snapshot) []string {
	return namesOf(snap.Trunks, func(o *topology.Trunk) string { return o.Name })
}

func planNames(snap *topology.Snapshot) []string {
	return namesOf(snap.DialPlan, func(o *topology.DialPlan) string { return o.Name })
}

func policyNames(snap *topology.Snapshot) []string {
	return namesOf(snap.Policies, func(o *topology.VoicePolicy) string { return o.Name })
}

func serverNames(snap *topology.Snapshot) []string {
	return namesOf(snap.Servers, func(o *topology.Server) string { return o.Name })
}

func userNames(snap *topology.Snapshot) []string {
	return namesOf(snap.Users, func(o *topology.User) string { return o.Name })
}

// query makes of the flags what a call would be.
func query(snap *topology.Snapshot, from, to, trunk, srv string) (*routing.Query, error) {
	q := &routing.Query{Called: to, Calling: from, Full: true}
	if srv != "" {
		if q.Server = snap.ServerByName(srv); q.Server == nil {
			return nil, noSuch("server", srv, serverNames(snap))
		}
	}
	if trunk != "" {
		if q.Trunk = snap.TrunkByName(trunk); q.Trunk == nil {
			return nil, noSuch("trunk", trunk, trunkNames(snap))
		}
		if q.Server == nil && len(q.Trunk.Pool.Servers) > 0 {
			q.Server = q.Trunk.Pool.Servers[0]
		}
		if q.Server != nil && q.Server.Pool != q.Trunk.Pool {
			return nil, fmt.Errorf("server %q is of pool %q and trunk %q of pool %q; name a server of that pool, or none", q.Server.Name,
				q.Server.Pool.Name, q.Trunk.Name, q.Trunk.Pool.Name)
		}
	}
	if u, err := sip.ParseURI(to); err == nil {
		q.Parameters = identity.Parameters(u, q.Trunk) // --to may be a URI
	}
	for _, side := range [...]struct {
		flag, text  string
		number, uri *string
	}{{"to", to, &q.Called, &q.CalledURI}, {"from", from, &q.Calling, &q.CallingURI}} {
		switch u, err := sip.ParseURI(side.text); {
		case err == nil:
			*side.number, *side.uri = identity.Number(u), side.text
		case u.Scheme == "" && isURI(side.text):
			return nil, fmt.Errorf("--%s %q is no SIP or TEL URI; write it like sip:+14255550100@example.com", side.flag, side.text)
		}
	}
	if from != "" && (q.Trunk == nil || q.Trunk.Gateway.Kind == topology.KindUC) {
		u := snap.UserByAlias(from)
		if u == nil {
			u = snap.UserByURI(from)
		}
		switch {
		case u != nil:
			if u.Number != "" || q.CallingURI == "" {
				q.Calling = u.CallsAs()
			}
			q.User, q.CallingURI = u, u.URI
		case q.Trunk == nil && q.CallingURI == "" && strings.Trim(from, "+0123456789*#") != "":
			return nil, noSuch("user", from, userNames(snap))
		}
	}
	return q, nil
}

// forward makes the call one that a user forwards.
func forward(snap *topology.Snapshot, q *routing.Query, by string) error {
	if by == "" {
		return nil
	}
	u := snap.UserByAlias(by)
	if u == nil {
		u = snap.UserByURI(by)
	}
	if u == nil {
		return noSuch("user", by, userNames(snap))
	}
	q.ForwardedBy = u.URI
	return nil
}

// scopes lets another dial plan and voice policy hold than those of the caller.
func scopes(snap *topology.Snapshot, q *routing.Query, plan, policy string) error {
	if (plan != "" || policy != "") && (q.Trunk != nil || q.ForwardedBy != "") {
		return &usageError{"route", errors.New("a call from a trunk has the dial plan and the usages of the trunk, a forwarded one those of the user who forwards it; " +
			"leave out --dial-plan and --voice-policy, or --trunk and --forwarded-by")}
	}
	if plan != "" {
		if q.Plan = snap.PlanByName(plan); q.Plan == nil {
			return noSuch("dial plan", plan, planNames(snap))
		}
	}
	if policy != "" {
		if q.Policy = snap.PolicyByName(policy); q.Policy == nil {
			return noSuch("voice policy", policy, policyNames(snap))
		}
	}
	return nil
}

// isURI tells whether a text is meant as a URI that a call can have.
func isURI(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") || strings.EqualFold(scheme, "tel"))
}
