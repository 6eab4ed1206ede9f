package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/doctor"
	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// defaultDocument is the file that commands take when none is named.
const defaultDocument = "directsip.yaml"

// maxDocument bounds a document that is read from standard input; Compile refuses one of this size.
const maxDocument = 16<<20 + 1

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
	return &cobra.Command{Use: "init", Short: "Print a commented document to start from", Args: none,
		Example: "  directsip init > directsip.yaml",
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(topology.Example())
			return err
		}}
}

// load compiles a document and prints what is wrong with it. The snapshot is nil when it has errors.
func (a *app) load(path string) (*topology.Snapshot, topology.Problems, error) {
	if path != "-" {
		snap, problems, err := server.Load(path)
		return snap, problems, noFile(path, err)
	}
	src, err := io.ReadAll(io.LimitReader(a.in, maxDocument))
	if err != nil {
		return nil, nil, err
	}
	snap, problems := topology.CompileWith(shown(path), src, server.ReadFile)
	return snap, problems, nil
}

// shown is what messages call a document.
func shown(path string) string {
	if path == "-" {
		return "stdin"
	}
	return path
}

// noFile tells who has no document yet where to get one.
func noFile(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && path == "" {
		return errors.New("the name of the document is empty")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no document %s; name one, or make one: directsip init > %s", path, path)
	}
	return err
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

// testJSON is the outcome of a test case of the document.
type testJSON struct {
	Name     string            `json:"name"`
	Line     int               `json:"line"`
	OK       bool              `json:"ok"`
	Failures []string          `json:"failures"`
	Decision *routing.Decision `json:"decision"`
}

func (a *app) checkCmd() *cobra.Command {
	var srv string
	c := &cobra.Command{Use: "check [FILE]", Short: "Report every mistake of a document and run its test cases", Args: one,
		Long: "Report every mistake of a document and run its test cases. Of the servers that this host has an address of, or of that of --server, also what they would not find here: addresses,\n" +
			"certificates, files. The exit status is 1 where there are mistakes or a test case fails; warnings alone are 0.",
		ValidArgsFunction: yamlFiles, Example: "  directsip check directsip.yaml\n  directsip check --server med1.example.com directsip.yaml\n  directsip init | directsip check -",
		RunE: func(_ *cobra.Command, args []string) error {
			snap, problems, err := a.load(document(args))
			if err != nil {
				return err
			}
			elsewhere := false
			if snap != nil {
				var me *topology.Server
				if srv != "" {
					if me = snap.ServerByName(srv); me == nil {
						return noSuch("server", srv, serverNames(snap))
					}
				}
				host := doctor.HostOf(snap, me)
				elsewhere = host.Elsewhere
				problems = append(problems, host.OnHost(shown(document(args)), time.Now())...)
				problems = append(problems, missing(snap, shown(document(args)), host, srv != "")...)
			}
			ok := false
			if a.json {
				ok, err = writeCheckJSON(a.out, snap, problems)
			} else {
				var tests []routing.TestResult
				if snap != nil {
					tests, _ = b2bua.RunTests(snap, nil)
				}
				ok = !problems.Failed() && !slices.ContainsFunc(tests, failed)
				err = a.print(nil, func(w io.Writer) {
					writeCheck(w, snap, problems, tests)
					if elsewhere {
						fmt.Fprintln(w, "none of its servers has an address of this host: whether one has all that it needs, `directsip check --server NAME` says there")
					}
				})
			}
			if err == nil && !ok {
				err = errNo
			}
			return err
		}}
	c.Flags().StringVar(&srv, "server", "", "server that is to run on this host: one that lacks its address, or a file, would not start")
	c.RegisterFlagCompletionFunc("server", completeFrom(serverNames))
	return c
}

// missing are the addresses that servers would not find on their host. That a server belongs here is only certain where it was named: another one has perhaps no more than an address that
// many hosts have.
func missing(snap *topology.Snapshot, file string, host doctor.Host, certain bool) (list topology.Problems) {
	if host.Elsewhere {
		return nil
	}
	for _, srv := range host.Servers {
		list = append(list, server.Missing(file, snap, srv)...)
	}
	for i := range list {
		list[i].Warning = list[i].Warning || !certain
	}
	return list
}

func failed(t routing.TestResult) bool { return !t.OK() }

// writeTestsJSON runs the test cases of a document and writes each as it ends, behind so many levels: how all of them were decided may not fit into memory.
func writeTestsJSON(w io.Writer, snap *topology.Snapshot, levels int) (ok bool, err error) {
	l := listJSON{w: w, levels: levels}
	list, err := b2bua.RunTests(snap, func(t *routing.TestResult) error {
		return l.add(testJSON{t.Case.Name, t.Case.Line, t.OK(), append([]string{}, t.Failures...), &t.Decision})
	})
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(list, failed), l.end()
}

// writeCheckJSON writes what check says: document, problems, tests, and whether all is well.
func writeCheckJSON(w io.Writer, snap *topology.Snapshot, problems topology.Problems) (ok bool, err error) {
	o := objectJSON{w: w}
	if snap != nil {
		o.add("document", snap.Version)
	}
	o.add("problems", server.ProblemViews(problems))
	ok = !problems.Failed()
	o.name("tests")
	if snap == nil {
		o.value([]any{})
	} else if o.err == nil {
		var passed bool
		passed, o.err = writeTestsJSON(w, snap, 1)
		ok = ok && passed
	}
	o.add("ok", ok)
	return ok, o.end()
}

func writeCheck(w io.Writer, snap *topology.Snapshot, problems topology.Problems, tests []routing.TestResult) {
	errs := 0
	for _, p := range problems {
		fmt.Fprintln(w, p.String())
		if !p.Warning {
			errs++
		}
	}
	failed := writeTests(w, tests, false)
	if errs > 0 {
		fmt.Fprintln(w, plural(errs, "error")+", "+plural(len(problems)-errs, "warning"))
	} else if snap != nil {
		fmt.Fprintf(w, "document %s: %s, %s, %s, %s, %s; %d of %s passed\n", snap.Version, plural(len(snap.Servers), "server"),
			plural(len(snap.Gateways), "gateway"), plural(len(snap.Trunks), "trunk"), plural(len(snap.Routes), "route"), plural(len(snap.Users), "user"),
			len(tests)-failed, plural(len(tests), "test case"))
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
	if failed > b2bua.MostExplained {
		fmt.Fprintf(w, "how calls were decided is shown of the first %d that failed; `directsip route` shows it of any, and --json of all\n", b2bua.MostExplained)
	}
	return failed
}

func (a *app) testCmd() *cobra.Command {
	return &cobra.Command{Use: "test [FILE]", Short: "Run the test cases of a document", Args: one, ValidArgsFunction: yamlFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			snap, err := a.mustLoad(document(args))
			if err != nil {
				return err
			}
			ok := false
			if a.json {
				if ok, err = writeTestsJSON(a.out, snap, 0); err == nil {
					_, err = io.WriteString(a.out, "\n")
				}
			} else {
				list, _ := b2bua.RunTests(snap, nil)
				ok = !slices.ContainsFunc(list, failed)
				err = a.print(nil, func(w io.Writer) {
					n := writeTests(w, list, true)
					fmt.Fprintf(w, "%d passed, %d failed\n", len(list)-n, n)
				})
			}
			if err == nil && !ok {
				err = errNo
			}
			return err
		}}
}
