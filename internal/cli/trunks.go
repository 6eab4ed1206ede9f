package cli

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// trunkFilter says which trunks are wanted; what is empty fits all.
type trunkFilter struct {
	names                []string // with * and ?
	gateway, kind, state string
	routable             bool
}

// fits tells whether a trunk is wanted. Names are compared as the document compares them, without case.
func (f *trunkFilter) fits(v *server.TrunkView) bool {
	if f.routable && !v.Routable {
		return false
	}
	for _, want := range [...][2]string{{f.gateway, v.Gateway}, {f.kind, v.Kind}, {f.state, v.State}} {
		if want[0] != "" && !strings.EqualFold(want[0], want[1]) {
			return false
		}
	}
	return len(f.names) == 0 || slices.ContainsFunc(f.names, func(pattern string) bool {
		ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(v.Name)) // the pattern has been looked at
		return ok
	})
}

func (f *trunkFilter) check() error {
	for _, pattern := range f.names {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is not a pattern of names: write pbx, or itsp-*", pattern)
		}
	}
	if f.state != "" && !slices.Contains(trunkStates, f.state) {
		return fmt.Errorf("no trunk has the state %q: write %s", f.state, strings.Join(trunkStates, ", "))
	}
	if f.kind != "" && !slices.Contains(trunkKinds, f.kind) {
		return fmt.Errorf("no gateway has the kind %q: write %s", f.kind, strings.Join(trunkKinds, ", "))
	}
	return nil
}

// known refuses the name of a trunk or gateway that there is none of. A pattern may fit nothing.
func (f *trunkFilter) known(list []server.TrunkView) error {
	for _, name := range f.names {
		if !strings.ContainsAny(name, `*?[\`) && !slices.ContainsFunc(list, func(v server.TrunkView) bool { return strings.EqualFold(v.Name, name) }) {
			return errors.New("the running server has " + lacking("trunk", name, namesOfTrunks(list)))
		}
	}
	if f.gateway != "" && !slices.ContainsFunc(list, func(v server.TrunkView) bool { return strings.EqualFold(v.Gateway, f.gateway) }) {
		var have []string
		for i := range list {
			have = append(have, list[i].Gateway)
		}
		slices.Sort(have)
		return errors.New("the running server has no trunk to that gateway: it has " + lacking("gateway", f.gateway, slices.Compact(have)))
	}
	return nil
}

var (
	trunkStates = []string{"up", "degraded", "half-open", "down", "disabled", "paused"}
	trunkKinds  = topology.GatewayKinds()
)

func (a *app) trunksCmd() *cobra.Command {
	var f trunkFilter
	var wide bool
	// complete offers what the trunks of the running server have.
	complete := func(of func(*server.TrunkView) string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			list, _ := a.trunkList(cmd.Context()) // completion has nobody to tell an error
			var values []string
			for i := range list {
				values = append(values, of(&list[i]))
			}
			slices.Sort(values)
			return slices.Compact(values), cobra.ShellCompDirectiveNoFileComp
		}
	}
	c := &cobra.Command{Use: "trunks [NAME]...", Short: "Show the trunks of the running server with health and load",
		Long: "Show the trunks of the running server's pool with health and load: all, or those whose names fit (itsp-* stands for all that begin so) and that the flags\n" +
			"let through. SINCE is how long a trunk has been in its STATE, RTT how long its peer took for its last answer to\n" +
			"OPTIONS, and ANSWERED, with --wide, when that was.",
		Example:           "  directsip trunks\n  directsip trunks 'itsp-*' --state down\n  directsip trunks --gateway pbx --json",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: complete(func(v *server.TrunkView) string { return v.Name }),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.names = args
			if err := f.check(); err != nil {
				return &usageError{"trunks", err}
			}
			list, err := a.trunkList(cmd.Context())
			if err != nil {
				return err
			}
			if err := f.known(list); err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(v server.TrunkView) bool { return !f.fits(&v) })
			return a.print(list, func(w io.Writer) { writeTrunks(w, list, a.roomUnless(wide)) })
		}}
	c.Flags().BoolVar(&wide, "wide", false, "all columns, one line a trunk, however wide the terminal is")
	c.Flags().StringVar(&f.gateway, "gateway", "", "only trunks to this gateway")
	c.Flags().StringVar(&f.kind, "kind", "", "only trunks to gateways of this kind: "+strings.Join(trunkKinds, ", "))
	c.Flags().StringVar(&f.state, "state", "", "only trunks in this state: "+strings.Join(trunkStates, ", "))
	c.Flags().BoolVar(&f.routable, "routable", false, "only trunks to gateways that calls may be routed to")
	c.RegisterFlagCompletionFunc("gateway", complete(func(v *server.TrunkView) string { return v.Gateway }))
	c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(trunkKinds, cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(trunkStates, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// writeTrunks lists trunks: one line each for who has room, and for a terminal the most important columns with what is not as it should be below.
func writeTrunks(w io.Writer, list []server.TrunkView, room int) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no trunks")
		return
	}
	wide := room == 0
	t := table{head: []string{"TRUNK", "KIND", "PEER", "TRANSPORT", "PORT", "STATE", "SINCE", "CALLS", "RTT"}, notes: map[int][]string{},
		steps: []step{{column: "PORT"}, {column: "KIND"}, {column: "TRANSPORT"}, {"PEER", 16, false}, {column: "RTT"}, {"PEER", 8, false}, {"TRUNK", 12, false}}}
	if wide {
		t.head = append(t.head, "ANSWERED", "REGISTRATION", "WHY")
	}
	for i := range list {
		v := &list[i]
		since, answered, rtt := "-", "-", "-"
		if !v.Since.IsZero() {
			since = lasting(time.Since(v.Since))
		}
		if !v.LastProbe.IsZero() {
			answered = lasting(time.Since(v.LastProbe)) + " ago"
		}
		if v.RTT > 0 {
			rtt = v.RTT.Round(100 * time.Microsecond).String()
		}
		calls := strconv.Itoa(v.Calls)
		if v.MaxCalls > 0 {
			calls += "/" + strconv.Itoa(v.MaxCalls)
		}
		row := []string{v.Name, v.Kind, v.Peer, v.Transport, strconv.Itoa(int(v.Port)), v.State, since, calls, rtt}
		if wide {
			t.rows = append(t.rows, append(row, answered, registration(v.Registration), dash(strings.Join(append(nonEmpty(v.Why), nonEmpty(failing(v))...), "; "))))
			continue
		}
		t.rows = append(t.rows, row)
		if v.Why != "" && (v.State != "up" || v.LastProbe.IsZero()) {
			t.notes[i] = append(t.notes[i], v.Why+lastAnswer(v))
		}
		t.notes[i] = append(t.notes[i], nonEmpty(failing(v))...)
		if v.Registration != nil {
			t.notes[i] = append(t.notes[i], "registration: "+registration(v.Registration))
		}
	}
	t.write(w, room)
}

// lastAnswer says of a trunk that is not up when that was otherwise.
func lastAnswer(v *server.TrunkView) string {
	if v.LastProbe.IsZero() || v.State == "disabled" || v.State == "paused" {
		return ""
	}
	return "; answered last " + lasting(time.Since(v.LastProbe)) + " ago"
}

// failing says of a trunk that it fails many of the calls that are tried on it: it may answer OPTIONS all the same, and the next trunk may save them.
func failing(v *server.TrunkView) string {
	const few, share = 3, 5 // a fifth, of three calls at least
	if v.Failed < few || v.Failed*share < v.Tried {
		return ""
	}
	return fmt.Sprintf("has failed %d of %s that were tried on it within an hour", v.Failed, plural(v.Tried, "call"))
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
