package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// defaultDocument is the file that commands take when none is named.
const defaultDocument = "directsip.yaml"

func document(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultDocument
}

func yamlFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

func (a *app) initCmd() *cobra.Command {
	return &cobra.Command{Use: "init", Short: "Print a commented document to start from", Args: cobra.NoArgs,
		Example: "  directsip init > directsip.yaml",
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(topology.Example())
			return err
		}}
}

// load compiles a document and prints what is wrong with it. The snapshot is nil when it has errors.
func (a *app) load(path string) (*topology.Snapshot, topology.Problems, error) {
	if path != "-" {
		return server.Load(path)
	}
	src, err := io.ReadAll(io.LimitReader(a.in, 16<<20))
	if err != nil {
		return nil, nil, err
	}
	snap, problems := topology.Compile("stdin", src)
	return snap, problems, nil
}

// mustLoad compiles a document; its errors are the answer.
func (a *app) mustLoad(path string) (*topology.Snapshot, error) {
	snap, problems, err := a.load(path)
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	return snap, nil
}

// checkResult is the JSON of check.
type checkResult struct {
	OK       bool                 `json:"ok"`
	Document string               `json:"document,omitempty"`
	Problems topology.Problems    `json:"problems"`
	Tests    []routing.TestResult `json:"tests"`
}

func (a *app) checkCmd() *cobra.Command {
	return &cobra.Command{Use: "check [FILE]", Short: "Report every mistake of a document and run its test cases", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: yamlFiles, Example: "  directsip check directsip.yaml\n  directsip init | directsip check -",
		RunE: func(_ *cobra.Command, args []string) error {
			snap, problems, err := a.load(document(args))
			if err != nil {
				return err
			}
			res := checkResult{OK: !problems.Failed(), Problems: problems, Tests: []routing.TestResult{}}
			if res.Problems == nil {
				res.Problems = topology.Problems{}
			}
			if snap != nil && res.OK {
				res.Document = snap.Version
				res.Tests = append(res.Tests, routing.RunTests(snap)...)
			}
			for _, t := range res.Tests {
				res.OK = res.OK && t.OK()
			}
			err = a.print(res, func(w io.Writer) { writeCheck(w, snap, &res) })
			if err == nil && !res.OK {
				err = errNo
			}
			return err
		}}
}

func writeCheck(w io.Writer, snap *topology.Snapshot, res *checkResult) {
	for _, p := range res.Problems {
		fmt.Fprintln(w, p.String())
	}
	failed := writeTests(w, res.Tests, false)
	if snap != nil && !res.Problems.Failed() {
		fmt.Fprintf(w, "document %s: %d servers, %d gateways, %d trunks, %d routes, %d users; %d of %d test cases passed\n", snap.Version,
			len(snap.Servers), len(snap.Gateways), len(snap.Trunks), len(snap.Routes), len(snap.Users), len(res.Tests)-failed, len(res.Tests))
	}
}

// writeTests prints failed test cases with their explanation, and passed ones when asked to.
func writeTests(w io.Writer, list []routing.TestResult, all bool) (failed int) {
	for i := range list {
		t := &list[i]
		if t.OK() {
			if all {
				fmt.Fprintf(w, "ok    %s\n", t.Case.Name)
			}
			continue
		}
		failed++
		fmt.Fprintf(w, "FAIL  %s (line %d)\n", t.Case.Name, t.Case.Line)
		for _, f := range t.Failures {
			fmt.Fprintf(w, "      %v\n", f)
		}
		for _, l := range t.Decision.Explain() {
			fmt.Fprintf(w, "      | %s\n", l)
		}
	}
	return failed
}

func (a *app) testCmd() *cobra.Command {
	return &cobra.Command{Use: "test [FILE]", Short: "Run the test cases of a document", Args: cobra.MaximumNArgs(1), ValidArgsFunction: yamlFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			snap, err := a.mustLoad(document(args))
			if err != nil {
				return err
			}
			list := append([]routing.TestResult{}, routing.RunTests(snap)...)
			failed := 0
			for i := range list {
				if !list[i].OK() {
					failed++
				}
			}
			err = a.print(list, func(w io.Writer) {
				writeTests(w, list, true)
				fmt.Fprintf(w, "%d passed, %d failed\n", len(list)-failed, failed)
			})
			if err == nil && failed > 0 {
				err = errNo
			}
			return err
		}}
}

func (a *app) routeCmd() *cobra.Command {
	var from, to, trunk, srv string
	c := &cobra.Command{Use: "route --to NUMBER [--from USER|NUMBER] [--trunk TRUNK] [FILE]", Short: "Show where a call would go, and why, without making it",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: yamlFiles,
		Example: "  directsip route --from alice --to 0425550100\n  directsip route --trunk pstn --to +14255550100 --json",
		RunE: func(_ *cobra.Command, args []string) error {
			snap, err := a.mustLoad(document(args))
			if err != nil {
				return err
			}
			q, err := query(snap, from, to, trunk, srv)
			if err != nil {
				return err
			}
			d := routing.Decide(snap, q, nil)
			err = a.print(&d, func(w io.Writer) {
				for _, l := range d.Explain() {
					fmt.Fprintln(w, l)
				}
			})
			if err == nil && d.Kind == routing.Refused {
				err = errNo
			}
			return err
		}}
	c.Flags().StringVar(&to, "to", "", "called number, as dialled, or SIP URI (required)")
	c.Flags().StringVar(&from, "from", "", "calling user of the document, or calling number")
	c.Flags().StringVar(&trunk, "trunk", "", "trunk that the call comes in on; without it the call is one of a user")
	c.Flags().StringVar(&srv, "server", "", "server that decides; only trunks of its pool are used")
	c.MarkFlagRequired("to")
	c.RegisterFlagCompletionFunc("trunk", func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return names(args), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// names are the trunks of the document, for completion.
func names(args []string) (list []string) {
	if snap, _, err := server.Load(document(args)); err == nil && snap != nil {
		for _, t := range snap.Trunks {
			list = append(list, t.Name)
		}
	}
	return list
}

func query(snap *topology.Snapshot, from, to, trunk, srv string) (*routing.Query, error) {
	q := &routing.Query{Called: to, Calling: from, Full: true}
	if srv != "" {
		if q.Server = snap.ServerByName(srv); q.Server == nil {
			return nil, fmt.Errorf("the document has no server %q", srv)
		}
	}
	if trunk != "" {
		if q.Trunk = snap.TrunkByName(trunk); q.Trunk == nil {
			return nil, fmt.Errorf("the document has no trunk %q; `directsip check` lists what it has", trunk)
		}
		if q.Server == nil && len(q.Trunk.Pool.Servers) > 0 {
			q.Server = q.Trunk.Pool.Servers[0]
		}
	}
	if u := snap.UserByAlias(from); u != nil && from != "" {
		q.User, q.Calling, q.CallingURI = u, u.Number, u.URI
	}
	q.CalledURI = to
	if _, err := os.Stat(to); err == nil && to == defaultDocument {
		return nil, fmt.Errorf("--to %q is a file, not a number", to)
	}
	return q, nil
}
