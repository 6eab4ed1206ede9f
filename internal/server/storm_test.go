package server

import (
	"fmt"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/siptest"
)

// TestDocumentsInAStorm: a call, a registration and a trunk that is down stand while documents are applied from several sides at once, some of them
// refused, and while the server drains and takes calls again. What was there before is there afterwards, and nothing more.
func TestDocumentsInAStorm(t *testing.T) {
	t.Parallel()
	doc := strings.Replace(provider(""), "  global: {options: false}", "  global: {options: false}\n  trunk:silent: {optionsInterval: 1s, optionsTimeout: 500ms, optionsMisses: 1}", 1)
	doc = strings.Replace(doc, "\nusages:", "\n  silent: {host: NET.4, root: {transport: UDP, port: 5075}}\nusages:", 1)
	r := start(t, doc)
	pbx, gw := r.agent(2), r.registrar(siptest.Registrar{})
	contact := r.bound(gw)
	until(t, "the trunk is down", func() bool {
		return r.trunk("silent").State == "down" && r.trunk("gw").Registration.State == "registered"
	})
	busy, err := net.ListenPacket("udp", r.net+"1:5090")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	out, in := r.call(pbx, gw)
	stands := func() (list []TrunkView) {
		list = r.trunkViews()
		for i := range list { // what goes on by itself
			list[i].LastProbe, list[i].RTT, list[i].Why = time.Time{}, 0, ""
		}
		return list
	}
	before, listening := stands(), r.Listening()
	others := []string{
		doc + "# the same\n",
		strings.Replace(doc, "gateways:", "gateways:\n  aaa: {host: NET.9, root: {transport: TCP, port: 5081}}", 1),
		strings.Replace(doc, "pbx, host: NET.2, root: {transport: UDP, port: 5060}", "pbx, host: NET.2, root: {transport: UDP, port: 5061}", 1),
		strings.Replace(doc, "trunk:pbx: {", "trunk:pbx: {maxCalls: 1, maxCPS: 1, ", 1),
		strings.Replace(doc, "40000-40399", "41000-41099", 1),
		strings.Replace(doc, "NET.1:9090", "NET.1:9092", 1),
	}
	taken := strings.NewReplacer("port: 5060", "port: 5062", "port: 5075", "port: 5090").Replace(doc)
	if _, _, err := r.Apply("test.yaml", []byte(expand(r.net, taken))); err == nil || !strings.Contains(err.Error(), "5090") {
		t.Fatalf("a port that is taken: %v", err)
	}
	if now := stands(); !reflect.DeepEqual(now, before) || r.Listening() != listening {
		t.Errorf("after a document that is refused\n%+v\nbefore\n%+v", now, before)
	}
	round := func(n int) {
		var wg sync.WaitGroup
		for side := range 4 {
			wg.Go(func() {
				for i := range n {
					text := others[(i+side)%len(others)]
					switch _, _, err := r.Apply(fmt.Sprint("side", side), []byte(expand(r.net, text))); {
					case err != nil:
						t.Error(err)
					case side == 0:
						r.Drain(i%2 == 0)
					case side == 1:
						if _, _, err := r.Apply("taken", []byte(expand(r.net, taken))); err == nil {
							t.Error("a port that another has was opened")
						}
					case side == 2:
						r.ReloadLogged()
					}
					if st := r.trunk("gw"); st.Calls != 1 {
						t.Errorf("the running call is counted as %d", st.Calls)
					}
				}
			})
		}
		wg.Wait()
		r.Drain(false)
		r.applyGood(doc)
	}
	round(2) // opens what the runtime keeps
	until(t, "older documents are forgotten", func() bool { return len(r.engine.Older()) <= 1 })
	files, routines := descriptors(t), runtime.NumGoroutine()
	round(50)
	in.Hangup()
	r.tester.Wait(in, siptest.Ended)
	r.tester.Wait(out, siptest.Ended)
	until(t, "older documents are forgotten", func() bool { return len(r.engine.Older()) == 0 })
	until(t, "nothing more is open than before", func() bool { return descriptors(t) <= files && runtime.NumGoroutine() <= routines })
	until(t, "the registration", func() bool {
		st := r.trunk("gw")
		return st.Registration != nil && st.Registration.State == "registered" && gw.Bindings()[contact.Contact].Contact != ""
	})
	if st := r.trunk("silent"); st.State != "down" || st.Since != before[2].Since {
		t.Errorf("what was down since %v is %s since %v", before[2].Since, st.State, st.Since)
	}
	if now := r.Listening(); now != listening {
		t.Errorf("listens on\n%s\nbefore\n%s", now, listening)
	}
	if b, err := os.ReadFile(r.cfg.Document); err != nil || string(b) != expand(r.net, doc) {
		t.Error("the file was changed")
	}
	out, in = r.call(pbx, gw)
	r.hangup(in, out)
	r.records(2)
}
