package cli

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/siptest"
)

//go:embed demo.yaml
var demoDocument []byte

// demoTime bounds the whole demonstration.
const demoTime = 60 * time.Second

func (a *app) demoCmd() *cobra.Command {
	var keep bool
	c := &cobra.Command{Use: "demo", Short: "Show a pool of two servers carrying calls between a PBX, a gateway and a provider, all on loopback", Args: none,
		Long: "Start two servers of one pool and, as SIP agents of their own, a PBX, a PSTN gateway and a provider's SBC; make calls with audio in both\n" +
			"directions, one of which the provider refuses with 503 so that it goes out by the gateway; print ladder and explanation of that one. Nothing\n" +
			"listens beyond a free network 127.83.x.0/24, and nothing is left behind.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			d := &demo{out: a.out, quiet: a.json}
			defer d.close()
			run, cancel := context.WithTimeout(ctx, demoTime)
			defer cancel()
			if err := d.run(run); err != nil {
				return fmt.Errorf("demo: %w", err)
			}
			if a.json {
				if err := a.print(d.records, nil); err != nil {
					return err
				}
			}
			if keep {
				d.say("\nThe pool stays up until Ctrl-C. Look at it from another terminal:\n  directsip trunks --data %s\n  directsip calls --data %s\n  curl http://%s11:9090/metrics\n",
					d.data(0), d.data(0), d.net)
				<-ctx.Done()
			}
			return nil
		}}
	c.Flags().BoolVar(&keep, "keep", false, "stay up after the calls")
	return c
}

// demo is the pool and its peers.
type demo struct {
	out                    io.Writer
	quiet                  bool
	net                    string // what its addresses begin with
	hold                   io.Closer
	dir                    string
	servers                []*server.Server
	pbx, gateway, provider *siptest.Agent
	records                []*cdr.Record
}

func (d *demo) say(format string, args ...any) {
	if !d.quiet {
		fmt.Fprintf(d.out, format, args...)
	}
}

func (d *demo) data(i int) string { return filepath.Join(d.dir, fmt.Sprintf("med%d", i+1)) }

// run starts everything and makes the calls.
func (d *demo) run(ctx context.Context) error {
	if err := d.start(); err != nil {
		return err
	}
	d.say("\ncalls\n")
	out, err := d.call(ctx, "a telephone of the PBX calls out, med1 takes it to the provider", d.pbx, d.net+"11:5061", "02065550123", d.provider)
	if err != nil {
		return err
	}
	in, err := d.call(ctx, "the PSTN calls an extension, med2 takes it to the PBX", d.gateway, d.net+"12:5062", "+14255550201", d.pbx)
	if err != nil {
		return err
	}
	d.provider.Reject(503, "Reason: Q.850;cause=34")
	over, err := d.call(ctx, "the provider answers 503, med1 takes the call to the gateway instead", d.pbx, d.net+"11:5061", "02065550199", d.gateway)
	if err != nil {
		return err
	}
	for i, id := range []string{out, in, over} {
		rec, err := d.servers[i%2].Call(ctx, id)
		if err != nil {
			return err
		}
		d.records = append(d.records, rec)
	}
	if !d.quiet {
		fmt.Fprintf(d.out, "\nwhy the last one went where it went (directsip why %s)\n\n", over)
		WriteWhy(d.out, d.records[2])
	}
	return nil
}

// start opens the peers and the servers.
func (d *demo) start() error {
	var err error
	if d.net, d.hold, err = siptest.TakeNet(83, 0); err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "directsip-demo-"); err != nil {
		return err
	}
	d.say("peers\n")
	for _, p := range []struct {
		agent  **siptest.Agent
		config siptest.Config
	}{
		{&d.pbx, siptest.Config{Name: "pbx", Network: "udp", Listen: d.net + "21:5060", Audio: siptest.Tone(440)}},
		{&d.gateway, siptest.Config{Name: "gateway", Network: "udp", Listen: d.net + "22:5060", Audio: siptest.Tone(620)}},
		{&d.provider, siptest.Config{Name: "provider", Network: "tcp", Listen: d.net + "23:5066", Audio: siptest.Tone(800)}},
	} {
		if *p.agent, err = siptest.NewAgent(p.config); err != nil {
			return fmt.Errorf("%s: %w", p.config.Name, err)
		}
		(*p.agent).Answer(siptest.Ring(200*time.Millisecond), siptest.OK())
		d.say("  %-9s %s %s\n", p.config.Name, p.config.Network, (*p.agent).Addr())
	}
	path := filepath.Join(d.dir, "directsip.yaml")
	if err := os.WriteFile(path, bytes.ReplaceAll(demoDocument, []byte("127.83.0."), []byte(d.net)), 0o600); err != nil {
		return err
	}
	d.say("servers of pool.demo\n")
	for i, name := range []string{"med1.demo", "med2.demo"} {
		s, err := server.Start(server.Config{Document: path, Server: name, DataDir: d.data(i), Shards: 1, Watch: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.servers = append(d.servers, s)
		d.say("  %-9s %s\n", name, fmt.Sprintf("%s1%d", d.net, i+1))
	}
	return nil
}

// call makes one call, lets both ends hear each other's tone, hangs up, and returns its Call-ID.
func (d *demo) call(ctx context.Context, what string, from *siptest.Agent, to, number string, callee *siptest.Agent) (string, error) {
	n := 1
	for _, c := range callee.Calls() {
		if c.Incoming() {
			n++
		}
	}
	call, err := from.Dial(ctx, to, "sip:"+number+"@"+to, siptest.WithFrom("Demo <sip:+14255550201@"+from.Addr()+";user=phone>"))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if err := call.Wait(ctx, siptest.Answered); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", what, err, call.Ladder())
	}
	other, err := callee.Incoming(ctx, n)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if err := errors.Join(call.WaitTone(ctx, tones[callee.Name()]), other.WaitTone(ctx, tones[from.Name()])); err != nil {
		return "", fmt.Errorf("%s: no audio: %w", what, err)
	}
	caller, called := call.Media(), other.Media()
	call.Hangup()
	if err := errors.Join(call.Wait(ctx, siptest.Ended), other.Wait(ctx, siptest.Ended)); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	d.say("  ok  %s\n      %s dialled %s; the caller heard %.0f Hz in %d packets, the callee %.0f Hz in %d\n", what, from.Name(), number,
		tones[callee.Name()], caller.Received, tones[from.Name()], called.Received)
	return call.ID(), nil
}

// tones are what each peer sends, in Hz.
var tones = map[string]float64{"pbx": 440, "gateway": 620, "provider": 800}

// close ends everything and removes its files.
func (d *demo) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, s := range d.servers {
		s.Shutdown(ctx)
	}
	for _, p := range []*siptest.Agent{d.pbx, d.gateway, d.provider} {
		if p != nil {
			p.Close()
		}
	}
	if d.hold != nil {
		d.hold.Close()
	}
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}
