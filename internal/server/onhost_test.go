package server

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/lack"
)

// silent is a call of which nothing came from the callee, whose media is to come from its signalling's host where that is abroad and it says a private address.
func silent(announced string) *cdr.Record {
	at := time.Now().Add(-time.Minute)
	r := &cdr.Record{Start: at, Answered: at, End: time.Now(), In: cdr.Leg{Trunk: "pbx", Remote: "198.51.100.2:5060"}, Out: &cdr.Leg{Trunk: "itsp", Remote: "203.0.113.9:5060"}, Media: []cdr.Media{
		{From: "caller", Packets: 3000, First: at, Last: time.Now(), Evidence: &cdr.Evidence{Ours: "198.51.100.1:40000"}},
		{From: "callee", Announced: announced, Evidence: &cdr.Evidence{Ours: "198.51.100.1:40002"}}}}
	r.Audio = r.Trouble(r.End)
	return r
}

// TestRecordOfWhatTheHostDrops: the verdict on a call names the reverse path filter of the host where that drops what the side sends, as long as it does.
func TestRecordOfWhatTheHostDrops(t *testing.T) {
	runtime.LockOSThread() // for good: no other goroutine gets a thread that is elsewhere
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lack.Of(t, "a network namespace of its own: ", err)
	}
	for _, words := range []string{"ip link add inside type veth peer name farinside", "ip link add outside type veth peer name faroutside", "ip addr add 198.51.100.1/24 dev inside",
		"ip addr add 10.2.0.1/24 dev outside", "ip link set inside up", "ip link set farinside up", "ip link set outside up", "ip link set faroutside up", "ip route add 203.0.113.0/24 via 10.2.0.2 dev outside"} {
		args := strings.Fields(words)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", words, err, out)
		}
	}
	for _, c := range []struct{ announced, filter, cause string }{
		{"203.0.113.9:4000", "1", "reverse-path"},
		{"192.168.7.7:4000", "1", "private+reverse-path"},
		{"203.0.113.9:4000", "2", "nothing"},
	} {
		for _, name := range []string{"all", "inside"} {
			if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte(c.filter), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var o onHost
		ended := silent(c.announced)
		r := o.explained(ended)()
		if ended.Media[1].Evidence.Arrives != "" || ended.Audio[len(ended.Audio)-1].Cause == "reverse-path" {
			t.Errorf("the record that others read is changed: %+v", ended.Media[1].Evidence)
		}
		if a := r.Audio[len(r.Audio)-1]; a.From != "callee" || a.Cause != c.cause {
			t.Errorf("%s, rp_filter %s: %+v, want %s", c.announced, c.filter, r.Audio, c.cause)
		}
	}
}

// TestRecordWhileTheTableIsFull: packets that the host drops for want of room count for calls that ran then, and none that it dropped before this server was there.
func TestRecordWhileTheTableIsFull(t *testing.T) {
	files := func(drops string) fstest.MapFS {
		return fstest.MapFS{"proc/thread-self/net/stat/nf_conntrack": {Data: []byte("entries  insert_failed drop early_drop\n00000001  00000007 " + drops + " 00000000\n00000001  00000000 00000001 00000009\n")}}
	}
	now := time.Now()
	var o onHost
	for i, c := range []struct {
		host fstest.MapFS
		full int // since which minute; 0: never
	}{{files("0000000a"), 0}, {files("0000000a"), 0}, {files("0000001a"), 2}, {files("0000001a"), 2}, {fstest.MapFS{}, 2}, {files("0000002a"), 2}, {files("0000002b"), 6}} {
		o.count(c.host, now.Add(time.Duration(i)*time.Minute))
		want := time.Time{}
		if c.full > 0 {
			want = now.Add(time.Duration(c.full) * time.Minute)
		}
		if !o.full.Equal(want) {
			t.Errorf("minute %d: %v, want %v", i, o.full, want)
		}
	}
	r := silent("203.0.113.9:4000")
	o = onHost{full: r.Start.Add(time.Second)}
	o.explain(r)
	if len(r.Audio) != 1 || r.Audio[0].Cause != "table-full" {
		t.Errorf("%+v", r.Audio)
	}
	r = silent("203.0.113.9:4000")
	o.full = r.Start.Add(-time.Second)
	if o.explain(r); r.Audio[0].Cause != "nothing" {
		t.Errorf("%+v", r.Audio)
	}
}

// TestHeardCallsAskNothing: nobody asks the host for the record of a call whose sides were both heard, or that nobody complains of.
func TestHeardCallsAskNothing(t *testing.T) {
	var o onHost
	r := silent("203.0.113.9:4000")
	if o.explained(r) == nil {
		t.Fatal("nothing is asked of a side that was not heard")
	}
	heard := *r
	heard.Media = heard.Media[:1]
	still := *r
	still.Audio = nil
	if o.explained(&heard) != nil || o.explained(&still) != nil {
		t.Error("the host is asked")
	}
}

// TestWaysAreNotAskedAgain: calls of many peers that end at once ask the kernel for few of them.
func TestWaysAreNotAskedAgain(t *testing.T) {
	var o onHost
	now := time.Now()
	for i := range 1000 {
		o.way(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.AddrFrom4([4]byte{127, 0, 0, 1}), now)
	}
	if len(o.ways) != mostWays {
		t.Errorf("%d are known", len(o.ways))
	}
	if o.way(netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{127, 0, 0, 1}), now.Add(wayAge)); len(o.ways) != 1 {
		t.Errorf("%d are known later", len(o.ways))
	}
}
