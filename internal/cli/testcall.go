package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/topology"
)

// callTone is what a test call sends, in Hz; callKeys are the keys that it may send, and maxKeys how many.
const (
	callTone = 440
	callKeys = "0123456789*#ABCD"
	maxKeys  = 100
)

// testCall is how a test call went. Times are from the INVITE.
type testCall struct {
	ID       string        `json:"id"` // Call-ID, for directsip why
	Status   int           `json:"status"`
	Phrase   string        `json:"phrase,omitempty"`
	Ringing  time.Duration `json:"ringing,omitempty"`
	Answered time.Duration `json:"answered,omitempty"`
	Ended    string        `json:"ended,omitempty"` // by whom, when it ended before the time of talk was over
	Media    testMedia     `json:"media"`
	Back     *testMedia    `json:"back,omitempty"` // of the call that came back over the same trunk
}

// testMedia is what one end of a test call sent and heard.
type testMedia struct {
	Sent   int    `json:"sent"`
	Heard  int    `json:"heard"`
	Lost   int    `json:"lost"`
	Tone   int    `json:"tone,omitempty"` // Hz, to the next ten; 0: none
	Digits string `json:"digits,omitempty"`
}

// good tells whether both directions are proved as far as they can be: the call was answered, and something was heard at each end that is ours.
func (c *testCall) good() bool {
	return c.Answered > 0 && c.Media.Heard > 0 && (c.Back == nil || c.Back.Heard > 0)
}

func (a *app) callCmd() *cobra.Command {
	var trunk, srv, to, from, digits string
	var talk, wait time.Duration
	c := &cobra.Command{Use: "call --trunk TRUNK --to NUMBER [FILE]", Short: "Place a real call through the running server, as the peer of one of its trunks", Args: one,
		Long: "Place a real call through the running server, in the place of the peer of a trunk: for a gateway of the document that stands for test calls and whose\n" +
			"address is one of this host. It sends a tone and digits, says what it hears, and hangs up. A call that comes back over the same trunk is answered,\n" +
			"so that a number which the provider sends here again proves both directions. The exit status is 1 when nobody answers or nothing is heard.",
		Example:           "  directsip call --trunk tester --to +14255550100 --digits 123# --talk 10s",
		ValidArgsFunction: yamlFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			to, from = pasted(to), pasted(from)
			switch {
			case to == "" || trunk == "":
				return &usageError{"call", errors.New("call needs the trunk that the call comes from and the called number: --trunk TRUNK --to NUMBER; `directsip calls` lists calls")}
			case strings.Trim(digits, callKeys) != "" || len(digits) > maxKeys:
				return &usageError{"call", fmt.Errorf("--digits %q: write at most %d of %s", digits, maxKeys, callKeys)}
			case talk < 0 || wait <= 0:
				return &usageError{"call", errors.New("--talk and --wait are durations like 10s, and no call is answered without waiting for it")}
			}
			snap, err := a.mustLoad(document(args))
			if err != nil {
				return err
			}
			ours, peer, t, err := ends(snap, trunk, srv)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			res, err := place(ctx, ours, peer, t, to, from, digits, talk, wait)
			if err != nil {
				return err
			}
			if err := a.print(res, res.write); err != nil {
				return err
			}
			if !res.good() {
				return errNo
			}
			return nil
		}}
	f := c.Flags()
	f.StringVar(&trunk, "trunk", "", "trunk that the call comes from (required)")
	f.StringVar(&to, "to", "", "called number (required)")
	f.StringVar(&from, "from", "anonymous", "calling number")
	f.StringVar(&srv, "server", os.Getenv("DIRECTSIP_SERVER"), "server of the document that is called (default: the first of the trunk's pool)")
	f.StringVar(&digits, "digits", "", "keys to send once the call is answered")
	f.DurationVar(&talk, "talk", 5*time.Second, "how long the call lasts")
	f.DurationVar(&wait, "wait", time.Minute, "how long to wait for an answer")
	c.RegisterFlagCompletionFunc("trunk", completeFrom(trunkNames))
	c.RegisterFlagCompletionFunc("server", completeFrom(serverNames))
	return c
}

// ends are our listener and the peer of a trunk whose part is to be taken.
func ends(snap *topology.Snapshot, trunk, srv string) (ours, peer netip.AddrPort, t *topology.Trunk, err error) {
	if t = snap.TrunkByName(trunk); t == nil {
		return ours, peer, nil, noSuch("trunk", trunk, trunkNames(snap))
	}
	s := t.Pool.Servers[0]
	if srv != "" {
		if s = snap.ServerByName(srv); s == nil || s.Pool != t.Pool {
			return ours, peer, nil, fmt.Errorf("server %q is none of pool %q, which trunk %q belongs to", srv, t.Pool.Name, t.Name)
		}
	}
	switch {
	case t.Transport == sip.TLS:
		err = fmt.Errorf("trunk %q has TLS; test calls are placed over UDP or TCP: give the gateway of test calls such a trunk", t.Name)
	case !t.Gateway.Addr.IsValid() || t.GatewayPort == 0:
		err = fmt.Errorf("gateway %q has no fixed address and port; test calls need one that is this host", t.Gateway.Name)
	case t.Authenticate != nil:
		err = fmt.Errorf("trunk %q asks its peer for a password, which test calls have none of", t.Name)
	}
	if err != nil {
		return ours, peer, nil, err
	}
	for _, addr := range s.Toward(t).Addresses {
		if addr.Is4() == t.Gateway.Addr.Is4() {
			ours = netip.AddrPortFrom(addr, t.Port)
			break
		}
	}
	return ours, netip.AddrPortFrom(t.Gateway.Addr, t.GatewayPort), t, nil
}

// place makes the call and waits for its end.
func place(ctx context.Context, ours, peer netip.AddrPort, t *topology.Trunk, to, from, digits string, talk, wait time.Duration) (*testCall, error) {
	network := strings.ToLower(t.Transport.String())
	us, err := siptest.NewAgent(siptest.Config{Name: "call", Network: network, Listen: peer.String(), Codecs: []string{"PCMA", "PCMU"}, Audio: siptest.Tone(callTone),
		UserAgent: "directsip-call"})
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s, the address of gateway %q, is not of this host; a gateway for test calls has an address of the host that they are placed from", peer.Addr(), t.Gateway.Name)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s of gateway %q is in use here; give the gateway of test calls a gatewayPort of its own", peer, t.Gateway.Name)
	case err != nil:
		return nil, err
	}
	defer us.Close()
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	begin := time.Now()
	c, err := us.Dial(limit, ours.String(), "sip:"+sip.EscapeUser(to)+"@"+ours.String(), siptest.WithFrom("<sip:"+sip.EscapeUser(from)+"@"+peer.String()+">"))
	if err != nil {
		return nil, err
	}
	r := &testCall{ID: c.ID()}
	if err := c.Wait(limit, siptest.Answered); err != nil && c.Status() == 0 && ctx.Err() == nil && limit.Err() == nil {
		return nil, err
	}
	events := func(k siptest.Kind) time.Duration {
		now, done := context.WithCancel(context.Background())
		done()
		if e, err := c.WaitN(now, k, 1); err == nil {
			return e.At.Sub(begin)
		}
		return 0
	}
	r.Ringing, r.Answered = events(siptest.Ringing), events(siptest.Answered)
	if ctx.Err() == nil && c.Response() == nil && r.Ringing == 0 && events(siptest.Trying) == 0 {
		return nil, fmt.Errorf("nothing answers on %s %s: look whether the server runs there, with a document that has the trunk %q", t.Transport, ours, t.Name)
	}
	if r.Answered > 0 {
		c.SendDigits(digits)
		ended, done := context.WithTimeout(ctx, talk)
		if c.Wait(ended, siptest.HungUp) == nil {
			r.Ended = "the called side"
		}
		done()
	}
	r.Media = heard(c)
	for _, other := range us.Calls() {
		if other.Incoming() {
			back := heard(other)
			r.Back = &back
		}
	}
	c.Hangup()
	last, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	c.Wait(last, siptest.Ended) // what has not ended by then the server ends
	if r.Status = c.Status(); r.Status != 0 {
		r.Phrase = sip.Phrase(r.Status)
	}
	return r, nil
}

func heard(c *siptest.Call) testMedia {
	m := c.Media()
	return testMedia{Sent: m.Sent, Heard: m.Received, Lost: m.Lost, Tone: int(c.HeardTone()+5) / 10 * 10, Digits: m.Digits}
}

func (c *testCall) write(w io.Writer) {
	if c.Ringing > 0 {
		fmt.Fprintf(w, "ringing after %s\n", span(c.Ringing))
	}
	switch {
	case c.Answered > 0:
		fmt.Fprintf(w, "answered after %s\n", span(c.Answered))
	case c.Status == 0:
		fmt.Fprintln(w, "no answer")
	default:
		fmt.Fprintf(w, "refused: %d %s\n", c.Status, c.Phrase)
	}
	if c.Ended != "" {
		fmt.Fprintf(w, "ended by %s\n", c.Ended)
	}
	if c.Answered > 0 {
		c.Media.write(w, "caller")
	}
	if c.Back != nil {
		c.Back.write(w, "the call that came back")
	}
	fmt.Fprintf(w, "directsip why %s\n", c.ID)
}

func (m *testMedia) write(w io.Writer, who string) {
	fmt.Fprintf(w, "%s: %d packets sent, %d heard, %d lost", who, m.Sent, m.Heard, m.Lost)
	if m.Tone > 0 {
		fmt.Fprintf(w, ", a tone of %d Hz", m.Tone)
	}
	if m.Digits != "" {
		fmt.Fprintf(w, ", digits %s", m.Digits)
	}
	fmt.Fprintln(w)
}
