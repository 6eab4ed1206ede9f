// Package cli is the command line.
//
// Every command takes --json for machines. Exit status: 0 done, 1 the answer is no (a bad document, a failed test, an unknown call),
// 2 the command line is wrong. Durations in JSON are nanoseconds; errors are JSON on standard error.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/store"
)

// app is one run of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	dataDir  string
	socket   string
	records  *store.Reader // in the place of a server that does not run; nil: not yet opened
	quiet    bool          // that no server runs is said, or nobody wants to know
}

// errNo is returned when the answer was printed and is no.
var errNo = errors.New("no")

// Main runs one command and returns the exit status.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	a := &app{in: in, out: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.Execute()
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNo):
		return 1
	case errors.As(err, &usage):
		a.json = a.json || slices.Contains(args, "--json") // perhaps not yet parsed
		a.fail(err)
		if !a.json {
			fmt.Fprintf(errw, "Try: %s --help\n", strings.TrimSpace("directsip "+usage.command))
		}
		return 2
	}
	a.fail(err)
	return 1
}

// usageError is a wrong command line.
type usageError struct {
	command string
	err     error
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "directsip",
		Short: "A Mediation Server for Direct SIP: UC platform, IP-PBX, PSTN gateways and provider SBCs over M:N trunks",
		Long: "A Mediation Server for Direct SIP: UC platform, IP-PBX, PSTN gateways and provider SBCs over M:N trunks.\n" +
			"FILE is the document: directsip.yaml where you are when none is named, standard input for -. The environment may have DIRECTSIP_SERVER for --server\n" +
			"and DIRECTSIP_DATA for --data.",
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q%s", args[0], suggest(cmd, args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.PersistentFlags().StringVar(&a.dataDir, "data", defaultDataDir(), "directory of call records and the control socket")
	root.PersistentFlags().StringVar(&a.socket, "socket", "", "control socket (default: control.sock in the data directory)")
	root.AddGroup(&cobra.Group{ID: "document", Title: "Document:"}, &cobra.Group{ID: "run", Title: "Running:"}, &cobra.Group{ID: "look", Title: "Looking:"})
	add := func(group string, list ...*cobra.Command) {
		for _, c := range list {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("document", a.initCmd(), a.checkCmd(), a.diffCmd(), a.routeCmd(), a.testCmd(), a.ruleCmd(), a.profileCmd())
	add("run", a.demoCmd(), a.serveCmd(), a.applyCmd(), a.drainCmd(), a.statusCmd(), a.callCmd())
	add("look", a.healthCmd(), a.callsCmd(), a.reportCmd(), a.trunksCmd(), a.networkCmd(), a.whyCmd(), a.ladderCmd(), a.doctorCmd())
	root.AddCommand(a.versionCmd())
	wrapUsage(root, "")
	return root
}

// wrapUsage turns wrong flags and arguments into usage errors.
func wrapUsage(c *cobra.Command, path string) {
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{path, flagError(err)} })
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{path, err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapUsage(sub, strings.TrimSpace(path+" "+sub.Name()))
	}
}

// flagError says what a flag takes, where the parser says what its language calls it.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	want := bad.Unwrap().Error() // flags of ours say it themselves
	switch bad.GetFlag().Value.Type() {
	case "int":
		want = "write a whole number, like 10"
	case "duration":
		want = "write a number with its unit, like 500ms, 10s or 3m"
	case "bool":
		want = "write true or false, or nothing for true"
	}
	return fmt.Errorf("--%s is %q: %s", bad.GetFlag().Name, bad.GetValue(), want)
}

// none, calls, one and call are what commands take.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, but %q was given", cmd.Name(), args[0])
	}
	return nil
}

func calls(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("calls takes no argument, but %q was given; `directsip why` explains one call, and `directsip call` places one", args[0])
	}
	return nil
}

func one(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s takes one document, but %d were given: %s", cmd.Name(), len(args), strings.Join(args, " "))
	}
	return nil
}

func call(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("%s takes the id of one call; `directsip calls` lists them", cmd.Name())
	}
	return nil
}

func suggest(cmd *cobra.Command, word string) string {
	if list := cmd.SuggestionsFor(word); len(list) > 0 {
		return "; did you mean " + strings.Join(list, " or ") + "?"
	}
	return ""
}

// defaultDataDir is /var/lib/directsip for root and the user's own state directory for everybody else.
func defaultDataDir() string {
	if d := os.Getenv("DIRECTSIP_DATA"); d != "" {
		return d
	}
	if os.Geteuid() == 0 {
		return serviceData
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "directsip")
	}
	return "directsip-data"
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: none, RunE: func(*cobra.Command, []string) error {
		return a.print(map[string]string{"version": server.Version}, func(w io.Writer) { fmt.Fprintln(w, "directsip", server.Version) })
	}}
}
