package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/doctor"
	"github.com/directsip/directsip/internal/resolve"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// doctorFlags are those of the command.
type doctorFlags struct {
	all     bool
	media   bool
	server  string
	timeout time.Duration
	dns     []string
}

func (a *app) doctorCmd() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{Use: "doctor TRUNK [FILE]", Short: "Ask the peer of a trunk, and say what will not work with it",
		Long: "Look up the gateway of a trunk, connect as the server would, show both sides of the TLS handshake, send one OPTIONS to each address, and judge\n" +
			"what of the trunk's settings will not work with such a peer. No server needs to run; one that runs is not disturbed, and says how its registration stands and whether its calls fail there.\n" +
			"Exit status: 0 nothing worse than a warning, 1 an error, 2 a wrong command line.",
		Example: "  directsip doctor itsp\n  directsip doctor itsp --media\n  directsip doctor --all --server med1.example.com directsip.yaml --json",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case f.all && len(args) > 1:
				return fmt.Errorf("doctor --all takes one document, but %d were given: %s", len(args), strings.Join(args, " "))
			case !f.all && len(args) == 0:
				return errors.New("doctor takes the name of a trunk, or --all")
			case len(args) > 2:
				return fmt.Errorf("doctor takes one trunk and one document, but also %q was given", args[2])
			case f.timeout < 100*time.Millisecond || f.timeout > time.Minute:
				return fmt.Errorf("--timeout is %s, outside 100ms to 1m", f.timeout)
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if f.all || len(args) > 0 {
				return yamlFiles(cmd, args, word)
			}
			return completeFrom(trunkNames)(cmd, nil, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.doctor(cmd, &f, args) }}
	c.Flags().BoolVar(&f.all, "all", false, "every trunk of the server's pool")
	c.Flags().BoolVar(&f.media, "media", false, "look at media, too: addresses, ports and tier of ours, and what the peer's answer says of its own; the peer is asked nothing more")
	c.Flags().StringVar(&f.server, "server", os.Getenv("DIRECTSIP_SERVER"), "server of the document that asks (default: the one whose address this host has)")
	c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long each step may take: DNS, connection, handshake, answer")
	c.Flags().StringSliceVar(&f.dns, "dns", nil, "name servers as host:port (default: those of the system)")
	c.RegisterFlagCompletionFunc("server", func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if !f.all && len(args) > 0 {
			args = args[1:] // the trunk stands before the document
		}
		return completeFrom(serverNames)(cmd, args, word)
	})
	return c
}

func (a *app) doctor(cmd *cobra.Command, f *doctorFlags, args []string) error {
	name := ""
	if !f.all {
		name, args = args[0], args[1:]
	}
	snap, err := a.mustLoad(document(args))
	if err != nil {
		return err
	}
	me, trunks, err := patients(snap, f.server, name)
	if err != nil {
		return err
	}
	resolver, err := resolve.New(resolve.Config{Servers: f.dns})
	if err != nil {
		return err
	}
	defer resolver.Close()
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := doctor.Config{Snapshot: snap, Server: me, Resolver: resolver, Timeout: f.timeout, Media: f.media, UserAgent: "directsip/" + server.Version}
	if !a.json {
		cfg.Progress = func(s doctor.Step) { fmt.Fprintln(a.out, readable(a.out, stepLine(s))) }
	}
	reports := []*doctor.Report{}
	worst := doctor.OK
	for _, t := range trunks {
		if !a.json {
			fmt.Fprintf(a.out, "trunk %q: %s over %s, as server %s\n", t.Name, t.Gateway.Host, t.Transport, me.Name)
		}
		r := doctor.Examine(ctx, cfg, t)
		if ctx.Err() != nil { // what did not answer had no time to
			return errors.New("interrupted")
		}
		r.Findings = append(append(r.Findings, a.registered(ctx, t)...), a.carries(ctx, t)...)
		reports, worst = append(reports, r), max(worst, r.Worst())
		if !a.json {
			a.print(nil, func(w io.Writer) { writeReport(w, r) })
		}
	}
	if a.json {
		if err := a.print(reports, nil); err != nil {
			return err
		}
	}
	if worst == doctor.Error {
		return errNo
	}
	return nil
}

// patients is who asks, and which trunks are asked about: one, or all of the server's pool.
func patients(snap *topology.Snapshot, srv, trunk string) (*topology.Server, []*topology.Trunk, error) {
	var me *topology.Server
	if srv != "" {
		if me = snap.ServerByName(srv); me == nil {
			return nil, nil, noSuch("server", srv, serverNames(snap))
		}
	}
	candidates := snap.Servers
	var trunks []*topology.Trunk
	if trunk != "" {
		t := snap.TrunkByName(trunk)
		if t == nil {
			return nil, nil, noSuch("trunk", trunk, trunkNames(snap))
		}
		if me != nil && me.Pool != t.Pool {
			return nil, nil, fmt.Errorf("server %q is of pool %q and trunk %q of pool %q; name a server of that pool, or none", me.Name, me.Pool.Name, t.Name, t.Pool.Name)
		}
		trunks, candidates = []*topology.Trunk{t}, t.Pool.Servers
	}
	if me == nil {
		if me = serverHere(candidates); me == nil {
			return nil, nil, &usageError{"doctor", errors.New("the document has several servers, and no address of them is on this host; name one with --server")}
		}
	}
	if trunk == "" {
		for _, t := range snap.Trunks {
			if t.Pool == me.Pool {
				trunks = append(trunks, t)
			}
		}
	}
	return me, trunks, nil
}

// serverHere is the only server, or the first that has an address of this host.
func serverHere(list []*topology.Server) *topology.Server {
	if len(list) == 1 {
		return list[0]
	}
	for _, s := range list {
		if doctor.Here(s) {
			return s
		}
	}
	return nil
}

func stepLine(s doctor.Step) string {
	mark := " "
	if s.Failed {
		mark = "!"
	}
	return fmt.Sprintf("%s %-8s %8s  %s", mark, s.What, s.Took.Round(100*time.Microsecond), s.Text)
}
