package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/store"
)

// maxShards is more than any machine has use for.
const maxShards = 1024

// sayListening is one line also as JSON: a journal has it among those of the log.
func (a *app) sayListening(where string) error {
	if a.json {
		return json.NewEncoder(a.out).Encode(map[string]string{"listening": where})
	}
	_, err := fmt.Fprintln(a.out, where)
	return err
}

func (a *app) serveCmd() *cobra.Command {
	var name string
	keep := age{time: store.DefaultRetention}
	var drain, watch time.Duration
	var verbose bool
	var shards int
	c := &cobra.Command{Use: "serve [FILE]", Short: "Run one server of the document", Args: one, ValidArgsFunction: yamlFiles,
		Long: "Run one server of the document until SIGTERM or SIGINT. Then no new calls are taken, running ones may end for the time of --drain, and what\n" +
			"remains is ended. A second signal ends at once. SIGHUP, `directsip apply` and a changed file apply a new document without touching calls.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if document(args) == "-" {
				return &usageError{"serve", errors.New("a server reads its document again when it changes and with SIGHUP, so it needs a file, not standard input")}
			}
			if drain < 0 || shards < 0 || shards > maxShards {
				return &usageError{"serve", fmt.Errorf("--drain is a time like 30s, and --shards 1 to %d, or 0 for one per processor", maxShards)}
			}
			if _, err := os.Stat(document(args)); err != nil {
				return noFile(document(args), err)
			}
			prof, err := startProfiles()
			if err != nil {
				return err
			}
			sig := listenSignals() // also those that come while the server starts
			defer sig.stop()
			log := newLog(a.err, a.json, verbose)
			defer log.close()
			s, err := begin(sig, server.Config{Document: document(args), Server: name, DataDir: a.dataDir, Shards: shards, Watch: watch, Keep: keep.retention(),
				Logger: log.logger()})
			if err != nil {
				return err
			}
			if err := a.sayListening(s.Listening()); err != nil {
				return errors.Join(err, s.Shutdown(cmd.Context()))
			}
			notify(log, daemon.SdNotifyReady, s.Listening())
			return a.run(s, sig, drain, prof, log)
		}}
	c.Flags().StringVar(&name, "server", os.Getenv("DIRECTSIP_SERVER"), "which server of the document this is")
	c.RegisterFlagCompletionFunc("server", completeFrom(serverNames))
	c.Flags().DurationVar(&drain, "drain", 30*time.Second, "how long running calls may go on after SIGTERM")
	c.Flags().DurationVar(&watch, "watch", 2*time.Second, "how often the file is looked at for changes; negative: never")
	c.Flags().Var(&keep, "keep", "how long call records are kept: 60d, 36h; 0 for ever")
	c.Flags().IntVar(&shards, "shards", 0, "signalling shards (default: one per processor)")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "log every call")
	return c
}

// age is a flag for how long something is kept, in days or as a duration; zero is for ever.
type age struct{ time time.Duration }

func (a *age) String() string {
	if a.time > 0 && a.time%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(a.time/(24*time.Hour)), 10) + "d"
	}
	return a.time.String()
}

func (a *age) Type() string { return "age" }

func (a *age) Set(s string) error {
	if n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 16); err == nil && (n == 0 || strings.HasSuffix(s, "d")) {
		a.time = time.Duration(n) * 24 * time.Hour
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Hour {
		return errors.New("write days or hours, an hour at least, like 60d or 36h; 0 keeps them for ever")
	}
	a.time = d
	return nil
}

// retention is the age as the store has it.
func (a *age) retention() time.Duration {
	if a.time == 0 {
		return -1
	}
	return a.time
}

// signals are what the process is told.
type signals struct{ end, reload, pipe chan os.Signal }

func listenSignals() *signals {
	s := &signals{make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan os.Signal, 1)}
	signal.Notify(s.end, os.Interrupt, syscall.SIGTERM)
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.pipe, syscall.SIGPIPE) // who takes the log may go away: without this, Go ends the program then
	return s
}

func (s *signals) stop() {
	signal.Stop(s.end)
	signal.Stop(s.reload)
	signal.Stop(s.pipe)
}

// startsWithin is how long a server that was told to stop may still take to start, before it stops as any other.
const startsWithin = 5 * time.Second

// errNotStarted is for a server that was told to stop while it could not start.
var errNotStarted = errors.New("told to stop before the server had started: something that it needs, such as a disk, does not answer")

// begin starts a server. One that hangs in that, as on a disk that does not answer, can be told to stop all the same: nothing of it has to be ended in order.
func begin(sig *signals, cfg server.Config) (*server.Server, error) {
	type result struct {
		s   *server.Server
		err error
	}
	started, gone := make(chan result), make(chan struct{})
	go func() {
		s, err := server.Start(cfg)
		select {
		case started <- result{s, err}:
		case <-gone:
			if err == nil {
				over, cancel := context.WithCancel(context.Background())
				cancel()
				s.Shutdown(over)
			}
		}
	}()
	select {
	case r := <-started:
		return r.s, r.err
	case first := <-sig.end:
		select {
		case r := <-started:
			select {
			case sig.end <- first: // run obeys it
			default: // or those that came since
			}
			return r.s, r.err
		case <-sig.end:
		case <-time.After(startsWithin):
		}
	}
	close(gone)
	return nil, errNotStarted
}

// run serves until a signal. Any number of SIGHUP that come while a document is applied are one: there is nothing newer to read.
func (a *app) run(s *server.Server, sig *signals, drain time.Duration, prof profiles, log *serverLog) error {
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { s.WatchFile(ctx) })
	watch.Go(func() { tendMemory(ctx) })
	watch.Go(func() { keepAlive(ctx, s, log) }) // until systemd is told of the end, after which it wants to hear no more
	for running := true; running; {
		select {
		case <-sig.reload:
			s.ReloadLogged()
		case <-sig.end:
			running = false
		}
	}
	notify(log, daemon.SdNotifyStopping, leaving(drain))
	cancel()
	watch.Wait()
	err := prof.write()
	limit, stop := context.WithTimeout(context.Background(), drain)
	defer stop()
	go func() {
		select {
		case <-sig.end:
			stop()
		case <-limit.Done():
		}
	}()
	return errors.Join(err, s.Shutdown(limit))
}

// version is how a document is told from another one.
var version = regexp.MustCompile("^[0-9a-f]{12}$")

func (a *app) applyCmd() *cobra.Command {
	var (
		dry    bool
		expect string
	)
	c := &cobra.Command{Use: "apply [FILE]", Short: "Give the running server a new document; a bad one is refused whole", Args: one,
		ValidArgsFunction: yamlFiles, Example: "  directsip apply --dry-run directsip.yaml\n  directsip apply directsip.yaml\n  directsip apply --expect 5f1e0c9a7b32 directsip.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, to := document(args), "/apply"
			if cmd.Flags().Changed("expect") { // also "", which a script has that found no version
				if !version.MatchString(expect) {
					return &usageError{"apply", fmt.Errorf("--expect %q is no version of a document: write the 12 digits and letters that `directsip apply --dry-run`, `status` or `check` of the document that "+
						"yours was made of shows", expect)}
				}
				to += "/" + expect
			}
			src, err := readAll(a.in, path)
			if err != nil {
				return err
			}
			if dry {
				return a.wouldApply(cmd.Context(), to, path, src)
			}
			var res struct {
				Document string   `json:"document"`
				Before   string   `json:"before,omitempty"`
				Changed  *bool    `json:"changed,omitempty"` // a server older than this command does not tell
				Warnings []string `json:"warnings"`
			}
			if err := a.client().post(cmd.Context(), to+"?name="+escape(shown(path)), src, &res); err != nil {
				return err
			}
			return a.print(res, func(w io.Writer) {
				for _, l := range res.Warnings {
					fmt.Fprintln(w, l)
				}
				if res.Changed != nil && !*res.Changed {
					fmt.Fprintf(w, "document %s is the one that the server has; nothing has changed\n", res.Document)
					return
				}
				place := ""
				if res.Before != "" {
					place = " in the place of " + res.Before
				}
				fmt.Fprintf(w, "document %s applied%s; running calls keep theirs\n", res.Document, place)
			})
		}}
	c.Flags().BoolVar(&dry, "dry-run", false, "check it at the server and show what it would change, without applying it")
	c.Flags().StringVar(&expect, "expect", "", "refuse it unless this version of the document runs: the one that it was made of")
	return c
}

func readAll(in io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(in, maxDocument))
	}
	src, err := os.ReadFile(path)
	return src, noFile(path, err)
}

// errNotDrained keeps a script from going on that waits for the last call.
var errNotDrained = errors.New("the server takes calls again: somebody has ended the draining (`directsip drain --off`), or it was started anew meanwhile")

func (a *app) drainCmd() *cobra.Command {
	var off, wait bool
	c := &cobra.Command{Use: "drain", Short: "Take no new calls; running ones go on", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var st server.Status
			path := "/drain"
			if off {
				path += "?off=true"
			}
			if err := a.client().post(cmd.Context(), path, nil, &st); err != nil {
				return err
			}
			last := -1
			for wait && !off && st.Calls > 0 {
				if st.Calls != last && !a.json {
					fmt.Fprintln(a.out, plural(st.Calls, "call")+" left")
				}
				last = st.Calls
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-time.After(500 * time.Millisecond):
				}
				if err := a.client().get(cmd.Context(), "/status", &st); err != nil {
					return err
				}
				if !st.Draining {
					return errNotDrained
				}
			}
			return a.print(st, func(w io.Writer) {
				if st.Draining {
					fmt.Fprintf(w, "%s takes no new calls; %d running\n", st.Server, st.Calls)
				} else {
					fmt.Fprintf(w, "%s takes calls; %d running\n", st.Server, st.Calls)
				}
			})
		}}
	c.Flags().BoolVar(&off, "off", false, "take calls again")
	c.Flags().BoolVar(&wait, "wait", false, "return when no call is left")
	return c
}

func (a *app) statusCmd() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Show what the running server is doing", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var st server.Status
			if err := a.client().get(cmd.Context(), "/status", &st); err != nil {
				return err
			}
			return a.print(st, func(w io.Writer) {
				state := "takes calls"
				if st.Draining {
					state = "draining"
				}
				if st.Stopping {
					state = "draining, and stops when its calls have ended"
				}
				fmt.Fprintf(w, "server    %s (%s)\npool      %s\ndocument  %s\nversion   %s\nup        %s\ncalls     %d\nmedia     %s%s\n", st.Server, state, st.Pool,
					st.Document, st.Version, lasting(st.Uptime), st.Calls, st.MediaTier, inBrackets(st.MediaTierWhy))
				fmt.Fprintf(w, "trunks    %d%s\n", st.Trunks, inBrackets(downTrunks(st.TrunksDown)))
				if st.RecordsWait != "" {
					fmt.Fprintf(w, "records   %s\n", st.RecordsWait)
				}
				for _, why := range st.Closed {
					fmt.Fprintf(w, "closed    %s\n", why)
				}
				if n := len(st.Missed); n > 0 {
					fmt.Fprintf(w, "health    misses %s: %s (directsip health)\n", plural(n, "target"), strings.Join(st.Missed, ", "))
				}
				for _, v := range st.Strangers {
					fmt.Fprintf(w, "strangers %s refused %d that no trunk is for, the last from %s %s ago%s\n", v.Listener, v.Refused, v.Last, span(time.Since(v.LastAt)), astray(&v))
				}
			})
		}}
}

// astray says that the last stranger is a gateway which comes to the wrong listener.
func astray(v *server.StrangerView) string {
	if v.Gateway == "" {
		return ""
	}
	return fmt.Sprintf(": that is gateway %q, which by its trunks comes to %s and not there", v.Gateway, strings.Join(v.Meets, ", "))
}

// downTrunks names the trunks that are down, the first of many.
func downTrunks(names []string) string {
	const most = 8
	switch n := len(names); {
	case n == 0:
		return ""
	case n > most:
		return "down: " + strings.Join(names[:most], ", ") + " and " + strconv.Itoa(n-most) + " more"
	}
	return "down: " + strings.Join(names, ", ")
}
