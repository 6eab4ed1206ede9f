package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/routing"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/topology"
)

var (
	drawFirst = flag.Uint64("draw.first", 1, "the first document of TestRouteIsWhatIsSent")
	drawCount = flag.Int("draw.count", 5, "how many documents it draws")
	drawCalls = flag.Int("draw.calls", 60, "how many calls by each")
)

// TestRouteIsWhatIsSent is what `directsip route` is good for: in documents of every kind it says of calls of every kind by which trunks they leave, in which order,
// with which numbers, identities and redirections, or why they are refused; and that is what the server does with them, whose peers refuse, answer or
// say nothing.
func TestRouteIsWhatIsSent(t *testing.T) {
	t.Parallel()
	for i := range *drawCount {
		seed := *drawFirst + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { startDrawn(t, seed).compare(*drawCalls) })
	}
}

// drawnRig is a server with a drawn document, and its peers.
type drawnRig struct {
	*drawn
	t      *testing.T
	snap   *topology.Snapshot
	path   string
	agents map[string]*siptest.Agent
	answer map[string]answer
}

// foretold is what route says.
type foretold struct {
	Decision struct {
		Kind   string
		Reason struct{ Status int }
	}
	Invites []inviteJSON
}

// answer is how a peer answers every INVITE; status 0: not at all.
type answer struct{ status, cause int }

func startDrawn(t *testing.T, seed uint64) *drawnRig {
	t.Helper()
	dir := shortDir(t)
	r := &drawnRig{drawn: &drawn{Rand: rand.New(rand.NewPCG(seed, 0)), net: siptest.Net(t)}, t: t, path: filepath.Join(dir, "drawn.yaml"),
		agents: map[string]*siptest.Agent{}, answer: map[string]answer{}}
	var text string
	text, r.snap = r.document(t)
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(server.Config{Server: "med1.test", Document: r.path, DataDir: filepath.Join(dir, "data"), Shards: 1, Watch: -1, DNS: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, p := range peers {
		a, err := siptest.NewAgent(siptest.Config{Name: p.name, Listen: fmt.Sprintf("%s%d:5060", r.net, p.host), NoMedia: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		r.agents[p.name] = a
	}
	return r
}

// compare draws calls until one is not made as route says.
func (r *drawnRig) compare(calls int) {
	for range calls {
		c := r.invite()
		r.answers()
		said := r.route(c)
		want := r.hunt(&said)
		got, status := r.call(c)
		switch {
		case !slices.Equal(got, want):
			r.t.Errorf("%v\nroute says\n   %s\nsent is, and the caller gets %d\n   %s", c, strings.Join(want, "\n   "), status, strings.Join(got, "\n   "))
		case len(said.Invites) == 0 && status != said.Decision.Reason.Status:
			r.t.Errorf("%v\nroute says %d, the caller gets %d", c, said.Decision.Reason.Status, status)
		default:
			continue
		}
		r.t.Logf("document\n%s", r.b.String())
		return
	}
}

// answers chooses what the peers answer from now on.
func (r *drawnRig) answers() {
	statuses := []int{503, 503, 500, 404, 486, 403, 480, 600, 603, 488, 200, 408, 604, 484, 502, 606, 482, 410}
	causes := []int{1, 17, 34, 16, 21, 3, 38, 127, 19, 65, 41}
	for name, agent := range r.agents {
		a := answer{status: statuses[r.IntN(len(statuses))]}
		var lines []string
		if r.in(3) {
			a.cause = causes[r.IntN(len(causes))]
			lines = append(lines, fmt.Sprintf("Reason: Q.850;cause=%d", a.cause))
		}
		switch {
		case r.in(40):
			a.status = 0
			agent.Silent()
		case a.status == 200:
			agent.Answer(siptest.OK(), siptest.HangupAfter(0))
		default:
			agent.Reject(a.status, lines...)
		}
		r.answer[name] = a
	}
}

// route asks the command. A caller whom From alone names is told by --from, a user who calls from the UC platform by the name, too.
func (r *drawnRig) route(c *invite) (said foretold) {
	args := []string{"route", r.path, "--json", "--headers", "--to", c.uri}
	user := r.snap.UserByURI(strings.Trim(c.from, "<>"))
	switch {
	case len(c.headers) > 0 || strings.Contains(c.from, `"`):
		args = append(args, "--trunk", c.trunk, "--header", "From: "+c.from+";tag=1")
		for _, h := range c.headers {
			args = append(args, "--header", h)
		}
	case c.trunk == "uc" && user != nil && c.from == "<"+user.URI+">":
		args = append(args, "--from", user.Name)
	default:
		args = append(args, "--trunk", c.trunk, "--from", strings.Trim(c.from, "<>"))
	}
	_, out, errs := command(r.t, args...)
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		r.t.Fatalf("%q: %v\n%s%s", args, err, out, errs)
	}
	return said
}

// hunt is which of the INVITEs will be sent, by what the peers answer.
func (r *drawnRig) hunt(said *foretold) (list []string) {
	for _, inv := range said.Invites {
		list = append(list, inv.Trunk+" "+identities(inv.URI, inv.Headers))
		a := r.answer[inv.Trunk]
		v := routing.Judge(r.snap.TrunkByName(inv.Trunk).Settings, a.status, a.cause)
		on := v.Hunt
		if said.Decision.Kind == "emergency" {
			on = v.HuntEmergency()
		}
		if a.status != 0 && !on {
			break
		}
	}
	return list
}

// call makes the call and tells what came to the peers.
func (r *drawnRig) call(c *invite) (list []string, status int) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	before := map[string]int{}
	for name, a := range r.agents {
		before[name] = len(a.Calls())
	}
	opts := []siptest.Option{siptest.WithFrom(c.from)}
	for _, h := range c.headers {
		opts = append(opts, siptest.WithHeader(h))
	}
	out, err := r.agents[c.trunk].Dial(ctx, r.net+"1:5060", c.uri, opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := out.Wait(ctx, siptest.Ended); err != nil { // a target that answers hangs up
		r.t.Fatalf("%v: %v\n%s", c, err, out.Ladder())
	}
	type arrival struct {
		at   time.Time
		text string
	}
	var came []arrival
	for name, a := range r.agents {
		for _, in := range a.Calls()[before[name]:] {
			if !in.Incoming() {
				continue
			}
			first, err := in.WaitN(ctx, siptest.Invited, 1)
			if err != nil {
				r.t.Fatal(err)
			}
			came = append(came, arrival{first.At, name + " " + identities(in.Invite().URI, headersOf(in.Invite()))})
		}
	}
	slices.SortFunc(came, func(a, b arrival) int { return a.at.Compare(b.at) })
	for _, a := range came {
		list = append(list, a.text)
	}
	return list, out.Status()
}

func headersOf(m *sip.Message) (list []headerJSON) {
	for _, h := range m.Headers {
		list = append(list, headerJSON{h.Name, h.Value})
	}
	return list
}

// identities is what an INVITE says of the called party and the caller.
func identities(uri string, headers []headerJSON) string {
	list := []string{uri}
	for _, name := range []string{"To", "From", "P-Asserted-Identity", "Remote-Party-ID", "Privacy", "Diversion", "History-Info", "Referred-By", "Geolocation-Routing"} {
		for _, h := range headers {
			if strings.EqualFold(h.Name, name) {
				value, _, _ := strings.Cut(h.Value, ";tag=")
				list = append(list, name+": "+value)
			}
		}
	}
	return strings.Join(list, "\n      ")
}
