package engine

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/ua"
)

func TestCallIDsOfAShardLeadBackToIt(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 4 })
	seen := make(map[string]bool)
	for i, s := range r.shards {
		ids := make(chan []string, 1)
		s.box.post(func(time.Time, *ua.Core, *ua.Out) {
			var list []string
			for range 200 {
				list = append(list, s.env.CallID())
			}
			ids <- list
		})
		for _, id := range <-ids {
			if got := r.shardOf(id); got != s {
				t.Fatalf("Call-ID %s of shard %d leads to shard %d", id, i, got.index)
			}
			if seen[id] {
				t.Fatalf("Call-ID %s was drawn twice", id)
			}
			seen[id] = true
		}
	}
}

// TestCallsOverFourShards has every answer find the shard of its call.
func TestCallsOverFourShards(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 4 })
	const n = 40
	for i := range n {
		r.invite("+14255550101", fmt.Sprint("call", i))
	}
	r.Flush()
	r.wire.wait(t, "INVITE", n)
	shards := make(map[*shard]bool)
	r.wire.mu.Lock()
	sent := append([]*sip.Message(nil), r.wire.sent...)
	r.wire.mu.Unlock()
	for _, m := range sent {
		if m.Method != "INVITE" {
			continue
		}
		shards[r.shardOf(m.CallID())] = true
		busy := sip.NewResponse(m, 486, "")
		busy.SetToTag("b")
		r.Packet(r.source("3", sip.UDP), busy.Append(nil))
	}
	r.Flush()
	for range n {
		select {
		case rec := <-r.records:
			if rec.Status != 486 || rec.Reason != diag.Busy.ID {
				t.Fatalf("record %+v", rec)
			}
		case <-time.After(timeout):
			t.Fatal("records are missing")
		}
	}
	if len(shards) < 2 {
		t.Errorf("%d calls are all of %d shard", n, len(shards))
	}
	r.quiesce()
	if r.Live() != 0 || r.board.Calls() != 0 {
		t.Errorf("%d calls live, %d hold a place", r.Live(), r.board.Calls())
	}
	if c := r.Counters(); c.Calls != n || c.Stray != 0 {
		t.Errorf("counters %+v", c)
	}
}

func TestPacketAnswersWhatItCannotUse(t *testing.T) {
	r := newRig(t, basic)
	good := string(r.request("INVITE", "+14255550101", "c1"))
	for name, c := range map[string]struct{ data, want string }{
		"no CSeq":          {replace(good, "CSeq: 1 INVITE\r\n", ""), "400"},
		"wrong version":    {replace(good, " SIP/2.0\r\nVia: SIP/2.0/UDP", " SIP/9.0\r\nVia: SIP/2.0/UDP"), "505"},
		"ACK without To":   {replace(replace(good, "INVITE", "ACK"), r.expand("To: <sip:+14255550101@NET.1>\r\n"), ""), ""},
		"garbage":          {"\x00\x01\x02 hello\r\n\r\n", ""},
		"garbage response": {"SIP/2.0 9999 X\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before, bad := len(r.wire.sent), r.Counters().Malformed
			r.Packet(r.source("2", sip.UDP), []byte(c.data))
			r.Flush()
			r.quiesce()
			r.wire.mu.Lock()
			defer r.wire.mu.Unlock()
			got := ""
			if len(r.wire.sent) > before {
				got = fmt.Sprint(r.wire.sent[len(r.wire.sent)-1].Status)
			}
			if got != c.want || r.malformed.Load() != bad+1 {
				t.Errorf("answered with %q, want %q; %d counted", got, c.want, r.malformed.Load()-bad)
			}
		})
	}
}

func TestDrainIsKnownToEveryShardWhenItReturns(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 3 })
	for i := range 30 {
		r.invite("+14255550101", fmt.Sprint("before", i))
	}
	r.Flush()
	r.Drain(true)
	if r.Live() != 30 || !r.Draining() {
		t.Fatalf("%d of 30 calls live, draining %v", r.Live(), r.Draining())
	}
	r.invite("+14255550101", "after")
	r.Flush()
	r.wire.wait(t, "503 INVITE", 1)
	r.Terminate(diag.ServerShutdown)
	if r.Live() != 0 || len(r.records) != 31 && len(r.records) != 30 {
		t.Fatalf("%d calls live, %d records", r.Live(), len(r.records))
	}
	for range 30 {
		if rec := <-r.records; rec.Reason != diag.ServerShutdown.ID && rec.Reason != diag.Draining.ID {
			t.Errorf("reason %s", rec.Reason)
		}
	}
	r.Drain(false)
	if r.Draining() {
		t.Error("still draining")
	}
}

// TestOldDocumentHoldsWhileItsCallsRun removes the peers of a running call.
func TestOldDocumentHoldsWhileItsCallsRun(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 2 })
	r.invite("+14255550101", "c1")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)
	pbx := netip.MustParseAddr(r.net + "2")
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	next := replace(basic, "host: NET.2, root: {transport: UDP, port: 5060}", "host: NET.9, root: {transport: UDP, port: 5070}")
	if err := r.Apply(compile(t, r.expand(next))); err != nil {
		t.Fatal(err)
	}
	if r.Forget() != 1 || len(r.Older()) != 1 {
		t.Fatal("the document of a running call is forgotten")
	}
	if !r.Known(at, pbx) {
		t.Fatal("the peer of a running call is a stranger")
	}
	if list := r.Calls(); len(list) != 1 || list[0].Version == r.Snapshot().Version {
		t.Fatalf("running calls: %+v", list)
	}
	r.invite("+14255550101", "c2") // but it gets no new call
	r.Flush()
	r.quiesce()
	if c := r.Counters(); c.Calls != 1 || c.Unknown != 1 {
		t.Errorf("counters %+v", c)
	}
	r.Terminate(diag.ServerShutdown)
	if r.Forget() != 0 || r.Known(at, pbx) {
		t.Error("the old document is kept after its last call")
	}
}

// TestCallsOfAnOlderPeer: a call that still hunts for the peer that a trunk had says nothing of the one that it has now.
func TestCallsOfAnOlderPeer(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 2 })
	old := r.Snapshot().TrunkByName("gw")
	fail := func(trunk *topology.Trunk) health.State {
		for range 20 {
			r.shards[0].box.post(func(now time.Time, _ *ua.Core, _ *ua.Out) {
				r.shards[0].result(now, b2bua.Result{Trunk: trunk, What: health.Bad})
			})
		}
		r.quiesce()
		for _, st := range r.Trunks() {
			if st.Trunk.Name == "gw" {
				return st.Health.State
			}
		}
		t.Fatal("the trunk is gone")
		return 0
	}
	if err := r.Apply(compile(t, r.expand(replace(basic, "host: NET.3", "host: NET.4")))); err != nil {
		t.Fatal(err)
	}
	if st := fail(old); st != health.Up {
		t.Errorf("calls to the peer before have made the trunk %v", st)
	}
	if st := fail(r.Snapshot().TrunkByName("gw")); st != health.Down {
		t.Errorf("calls to its peer have made the trunk %v", st)
	}
	if err := r.Apply(compile(t, r.expand(basic))); err != nil {
		t.Fatal(err)
	}
	r.quiesce()
	if st := r.Trunks()[1]; st.Health.State != health.Up || st.Health.Failures != 0 {
		t.Errorf("with the first peer again: %+v", st.Health)
	}
}

func TestMediaPortsOfANewDocument(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 2 })
	r.invite("+14255550101", "c1")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)
	if err := r.Apply(compile(t, r.expand(replace(basic, "40000-40399", "41000-41099")))); err != nil {
		t.Fatal(err)
	}
	r.invite("+14255550101", "c2")
	r.Flush()
	r.wire.wait(t, "INVITE", 2)
	r.wire.mu.Lock()
	var bodies []string
	for _, m := range r.wire.sent {
		if m.Method == "INVITE" {
			bodies = append(bodies, m.Body)
		}
	}
	r.wire.mu.Unlock()
	if !strings.Contains(bodies[0], "m=audio 40") || !strings.Contains(bodies[1], "m=audio 410") {
		t.Errorf("offers\n%s\n%s", bodies[0], bodies[1])
	}
	r.Terminate(diag.ServerShutdown)
	for range 2 {
		<-r.records
	}
	if free := r.FreePorts(); free != 50 {
		t.Errorf("%d pairs are free, want the 50 of the new range", free)
	}
}

// TestMediaPortsOfAWiderRange: new calls get no port that a running call has, whether the range grows or is moved there and back, and what running
// calls give back is free again.
func TestMediaPortsOfAWiderRange(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 2 })
	n := 0
	call := func() {
		for range 20 {
			n++
			r.invite("+14255550101", fmt.Sprint("c", n))
		}
		r.Flush()
		r.wire.wait(t, "INVITE", n)
	}
	call()
	for _, ports := range []string{"40000-40599", "41000-41999", "40000-40599"} {
		if err := r.Apply(compile(t, r.expand(replace(basic, "40000-40399", ports)))); err != nil {
			t.Fatal(err)
		}
		call()
	}
	r.Terminate(diag.ServerShutdown)
	for range n {
		if c := <-r.records; c.Reason == diag.MediaOpenFailed.ID {
			t.Errorf("a call had no ports: %s", c.Detail)
		}
	}
	if free := r.FreePorts(); free != 300 {
		t.Errorf("%d pairs are free, want the 300 of the range", free)
	}
}

// TestMediaPortsOfAllShards: no call is refused while there are ports, whatever shards the calls fall to.
func TestMediaPortsOfAllShards(t *testing.T) {
	r := newRig(t, replace(basic, "40000-40399", "40000-40063"), func(c *Config) { c.Shards = 16 })
	for i := range 16 {
		r.invite("+14255550101", fmt.Sprint("c", i))
	}
	r.Flush()
	r.wire.wait(t, "INVITE", 16)
	if n := r.FreePorts(); n != 0 {
		t.Errorf("%d pairs are free", n)
	}
	r.invite("+14255550101", "more")
	r.Flush()
	if c := <-r.records; c.Reason != diag.MediaPorts.ID {
		t.Errorf("ended with %s: %s", c.Reason, c.Detail)
	}
}

// TestMediaPortsOfAnotherProgram: who holds many ports of the range in a row costs a call that comes upon them, and none of those after it, however rarely they
// come.
func TestMediaPortsOfAnotherProgram(t *testing.T) {
	r := newRig(t, replace(basic, "40000-40399", "40000-40063"), func(c *Config) { c.Quarantine = time.Nanosecond })
	for i := range 20 {
		pc, err := net.ListenPacket("udp4", fmt.Sprintf("%s1:%d", r.net, 40000+2*i))
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
	}
	r.invite("+14255550101", "unlucky")
	r.Flush()
	if c := <-r.records; c.Reason != diag.MediaOpenFailed.ID {
		t.Fatalf("ended with %s: %s", c.Reason, c.Detail)
	}
	r.wire.wait(t, "503 INVITE", 1) // another server of the pool may have ports (Teams asks none after a 500)
	for i := range 3 {
		r.invite("+14255550101", fmt.Sprint("c", i))
		r.Flush()
		r.wire.wait(t, "INVITE", i+1)
		r.Terminate(diag.ServerShutdown)
		<-r.records
	}
}

func TestUnknownServerIsRefused(t *testing.T) {
	r := newRig(t, basic)
	err := r.Apply(compile(t, r.expand(replace(basic, "med1.test", "other.test"))))
	if err == nil || err.Error() != `the document has no server "med1.test"; it has other.test` {
		t.Errorf("error %v", err)
	}
	if _, err := New(Config{Server: "x", Snapshot: r.Snapshot()}); err == nil {
		t.Error("an engine without a place in the document was made")
	}
}

// TestKnownDoesNotAllocate: it is asked for every datagram.
func TestKnownDoesNotAllocate(t *testing.T) {
	r := newRig(t, basic)
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	stranger := netip.MustParseAddr(r.net + "77")
	if n := testing.AllocsPerRun(100, func() {
		if r.Known(at, stranger) {
			t.Error("a stranger is known")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFaultOfOneMessage: what a message provokes ends neither the shard nor the process.
func TestFaultOfOneMessage(t *testing.T) {
	r := newRig(t, basic)
	r.shards[0].box.post(func(time.Time, *ua.Core, *ua.Out) { panic("test") })
	r.invite("+14255550101", "c1")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)
	if n := r.Counters().Panics; n != 1 {
		t.Errorf("%d faults are counted", n)
	}
}

// TestOldDocumentHoldsHoweverManyFollow: the peer that a running call has is no stranger because of many later documents, each with calls.
func TestOldDocumentHoldsHoweverManyFollow(t *testing.T) {
	r := newRig(t, basic)
	r.invite("+14255550101", "first")
	r.Flush()
	r.wire.wait(t, "INVITE", 1)
	pbx := netip.MustParseAddr(r.net + "2")
	at := topology.Listener{Transport: sip.UDP, AddrPort: netip.MustParseAddrPort(r.net + "1:5060")}
	next := r.expand(replace(basic, "host: NET.2", "host: NET.9"))
	for i := range 2 * maxDocuments {
		if err := r.Apply(compile(t, next+fmt.Sprintf("# %d\n", i))); err != nil {
			t.Fatal(err)
		}
		r.Forget()
		r.Packet(r.source("9", sip.UDP), r.request("INVITE", "+14255550101", fmt.Sprint("later", i)))
		r.Flush()
		r.wire.wait(t, "INVITE", 2+i)
		if !r.Known(at, pbx) {
			t.Fatalf("after %d documents the peer of a running call is a stranger", i+1)
		}
	}
	if got := r.Forget(); got != 2*maxDocuments || len(r.Older()) != 1 {
		t.Errorf("%d older documents have calls, %d are kept for them", got, len(r.Older()))
	}
	r.Terminate(diag.ServerShutdown)
	if r.Forget() != 0 || r.Known(at, pbx) {
		t.Error("the old document is kept after its last call")
	}
}

// TestDocumentsAreForgottenInAnyOrder: each stays for its own calls, also when it is applied twice.
func TestDocumentsAreForgottenInAnyOrder(t *testing.T) {
	r := newRig(t, basic, func(c *Config) { c.Shards = 2 })
	for i := range 5 {
		r.invite("+14255550101", fmt.Sprint("c", i))
		r.Flush()
		r.wire.wait(t, "INVITE", i+1)
		text := r.expand(basic)
		if i%2 == 0 {
			text += "# other\n"
		}
		if err := r.Apply(compile(t, text)); err != nil {
			t.Fatal(err)
		}
		if got := r.Forget(); got != i+1 {
			t.Fatalf("%d older documents after %d calls", got, i+1)
		}
	}
	if n := len(r.documents()); n != 1 {
		t.Errorf("%d documents are kept for the same peers", n)
	}
	for i := range 20 {
		if err := r.Apply(compile(t, replace(r.expand(basic), "port: 5060", fmt.Sprint("port: ", 6000+i)))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.documents()); n != maxDocuments {
		t.Errorf("%d documents are kept, want at most %d", n, maxDocuments)
	}
	r.Terminate(diag.ServerShutdown)
	if r.Forget() != 0 {
		t.Error("documents without calls are kept")
	}
}
