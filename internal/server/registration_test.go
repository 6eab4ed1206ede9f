package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/siptest"
)

// provider is basic with a gateway that is registered with.
func provider(registration string) string {
	return strings.Replace(basic, "port: 5070}", "port: 5070, credentials: {user: '+49301234', passwordEnv: DIRECTSIP_TEST_SECRET}, registration: {"+registration+"}}", 1)
}

const secret = "hunter2hunter2"

// registrar is a provider at NET.3.
func (r *rig) registrar(how siptest.Registrar) *siptest.Agent {
	r.t.Helper()
	how.User, how.Password = "+49301234", secret
	return r.tester.Agent(siptest.Config{Name: "provider", Listen: r.net + "3:5060", Registrar: &how})
}

// bound waits until the provider knows our contact.
func (r *rig) bound(a *siptest.Agent) (b siptest.Binding) {
	r.t.Helper()
	until(r.t, "the registration", func() bool {
		for _, b = range a.Bindings() {
			return true
		}
		return false
	})
	return b
}

// trunk is the view of a trunk.
func (r *rig) trunk(name string) TrunkView {
	r.t.Helper()
	for _, v := range r.trunkViews() {
		if v.Name == name {
			return v
		}
	}
	r.t.Fatalf("no trunk %s", name)
	return TrunkView{}
}

// TestNEW02_RegistersAndCalls: the server registers with a password, calls with it, takes calls to its contact, and says good-bye.
func TestNEW02_RegistersAndCalls(t *testing.T) {
	t.Parallel()
	r := start(t, provider("calledFrom: to"))
	gw := r.registrar(siptest.Registrar{Realm: "provider.example", Algorithm: "SHA-512-256", Calls: true, Least: 2 * time.Hour, Expires: 3 * time.Hour,
		Headers: []string{"Service-Route: <sip:" + r.net + "3;lr>"}})
	pbx := r.agent(2)
	b := r.bound(gw)
	if b.Contact != "sip:+49301234@"+r.net+"1:5070" || b.Count != 1 {
		t.Errorf("bound %+v", b)
	}
	until(t, "the trunk is up", func() bool { return r.trunk("gw").State == "up" })
	v := r.trunk("gw").Registration
	if v.State != "registered" || v.Server != "med1.test" || v.At != r.net+"3:5060" || time.Until(v.Until) < 2*time.Hour || v.Error != "" {
		t.Errorf("view %+v", v)
	}
	out, in := r.call(pbx, gw) // asked for the password as well
	if route := in.Invite().Get(sip.IDRoute); route != "<sip:"+r.net+"3;lr>" {
		t.Errorf("Route %q", route)
	}
	r.hangup(in, out)
	for range 9 { // each of the two shards is asked once
		out, in = r.call(pbx, gw)
		r.hangup(in, out)
	}
	if n := gw.Refusals(); n > 1+2 {
		t.Errorf("asked for the password %d times", n)
	}
	page := r.get("http://" + r.net + "1:9090/metrics")
	if !strings.Contains(page, `directsip_trunk_registered{trunk="gw"} 1`) {
		t.Error("no metric of the registration")
	}
	// A call to our contact: who is called stands in To.
	incoming := r.tester.Dial(gw, r.net+"1:5070", b.Contact, siptest.WithTo("sip:+14255550199@provider.example"))
	r.tester.Wait(incoming, siptest.Ended)
	list := r.records(11)
	if list[0].Called != "+14255550199" {
		t.Errorf("called %q", list[0].Called)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if len(gw.Bindings()) != 0 {
		t.Error("the contact is still bound")
	}
	if strings.Contains(r.log.String(), secret) {
		t.Error("the password is in the log")
	}
}

// status is the answer of /status.
func (r *rig) status() (st Status) {
	r.t.Helper()
	r.view("/status", &st)
	return st
}

// view is what the control socket shows at a path.
func (r *rig) view(path string, to any) {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.controlHandler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if err := json.Unmarshal(w.Body.Bytes(), to); err != nil {
		r.t.Fatal(err)
	}
}

// TestNEW02_RefusedPassword: the trunk is down and says why; the right password, from the same document, brings it up.
func TestNEW02_RefusedPassword(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	file := filepath.Join(dir, "secret")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong")
	document := strings.Replace(provider(""), "passwordEnv: DIRECTSIP_TEST_SECRET", "passwordFile: "+file, 1)
	r := start(t, document)
	gw := r.registrar(siptest.Registrar{})
	until(t, "the refusal", func() bool { return r.trunk("gw").Registration.State == "failed" })
	if v := r.trunk("gw"); v.State != "down" || !strings.Contains(v.Why, "not registered: answered 403") {
		t.Errorf("trunk %s: %s", v.State, v.Why)
	}
	if st := r.status(); st.Trunks != 2 || !slices.Equal(st.TrunksDown, []string{"gw"}) {
		t.Errorf("status %+v", st)
	}
	compare := func() string {
		t.Helper()
		_, changes, problems, err := r.compare("test.yaml", []byte(expand(r.net, document)), "")
		if err != nil || len(changes) > 0 {
			t.Errorf("the same document: %v, %v", changes, err)
		}
		return problems.Error()
	}
	if text := compare(); strings.Contains(text, "password") {
		t.Errorf("the same password: %s", text)
	}
	write(secret)
	if text := compare(); !strings.Contains(text, "is not that of the running server") || strings.Contains(text, secret) {
		t.Errorf("another password: %s", text)
	}
	if _, _, err := r.Apply("test.yaml", []byte(expand(r.net, document))); err != nil {
		t.Fatal(err)
	}
	first := r.bound(gw)
	until(t, "the trunk is up", func() bool { return r.trunk("gw").State == "up" })
	// A document that changes something else leaves the registration alone; one that changes it begins another.
	r.applyGood(document + "dialPlans: {x: {rules: [{pattern: '^1$', translation: '+1'}]}}\ndialPlan: x\n")
	if b := r.bound(gw); b != first {
		t.Errorf("registered again: %+v, before %+v", b, first)
	}
	r.applyGood(strings.Replace(document, "registration: {}", "registration: {contact: pool}", 1))
	until(t, "the new contact alone", func() bool {
		list := gw.Bindings()
		return len(list) == 1 && list["sip:pool@"+r.net+"1:5070"].Count > 0
	})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, problems, err := r.Apply("test.yaml", []byte(expand(r.net, document)))
	if err == nil || !strings.Contains(problems.Error(), "no such file") {
		t.Errorf("without its password file: %v", err)
	}
}

// TestNEW02_Drain: draining ends the registration, and taking calls again begins it.
func TestNEW02_Drain(t *testing.T) {
	t.Parallel()
	r := start(t, provider("contact: pool"))
	gw := r.registrar(siptest.Registrar{})
	r.bound(gw)
	r.Drain(true)
	until(t, "the good-bye", func() bool { return len(gw.Bindings()) == 0 && r.trunk("gw").Registration.State == "off" })
	r.Drain(false)
	r.bound(gw)
	until(t, "the trunk is up", func() bool { return r.trunk("gw").State == "up" })
	if log := r.log.String(); strings.Contains(log, "trunk state") || strings.Contains(log, "no trunk of a route is up") {
		t.Error("draining raised an alarm")
	}
	if log := r.log.String(); strings.Count(log, `msg="new calls are refused" calls=0`) != 1 || strings.Count(log, `msg="new calls are taken again" calls=0`) != 1 {
		t.Error("the log does not tell of draining")
	}
}

// RFC 5626 §4.5: a provider calls by the connection that we have registered by, and when that is gone we register anew, not with the next refresh. One
// that hangs up behind every answer has no REGISTER more often than once a minute.
func TestNEW02_LostConnection(t *testing.T) {
	net := siptest.Net(t)
	gw := newNode(t, "tcp", net+"3:5066")
	doc := strings.Replace(provider(""), "root: {transport: UDP, port: 5070", "root: {transport: TCP, port: 5070", 1)
	r := startWith(t, net, doc, func(*Config) {})
	first := gw.takes("REGISTER")
	if err := gw.tcp.Close(); err != nil {
		t.Fatal(err)
	}
	if again := gw.takes("REGISTER"); again.CallID() != first.CallID() || again.Get(sip.IDCSeq) != "2 REGISTER" {
		t.Errorf("%s after %s", again.Get(sip.IDCSeq), first.Get(sip.IDCSeq))
	}
	if err := gw.tcp.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "its turn in a minute", func() bool {
		left := time.Until(r.trunk("gw").Registration.Next)
		return left > 0 && left < time.Minute
	})
	gw.untouched()
}

// NEW-02: a registration that the registrar has refused is tried again with the next document, changed or not, and not a minute later.
func TestNEW02_ApplyRetriesARegistration(t *testing.T) {
	t.Parallel()
	doc := provider("")
	for name, next := range map[string]string{"unchanged": doc, "changed elsewhere": strings.Replace(doc, "gateways:", "gateways:\n  more: {host: NET.9, root: {transport: UDP, port: 5090}}", 1)} {
		t.Run(name, func(t *testing.T) {
			r := start(t, doc)
			gw := r.tester.Agent(siptest.Config{Name: "provider", Listen: r.net + "3:5060", Registrar: &siptest.Registrar{Realm: "provider.example", User: "+49301234", Password: "another"}})
			failed := func() bool { return r.trunk("gw").Registration.State == "failed" }
			until(t, "the refusal", failed)
			if left := time.Until(r.trunk("gw").Registration.Next); left < 30*time.Second {
				t.Fatalf("tried again in %v anyway", left)
			}
			before := gw.Refusals()
			until(t, "the next try", func() bool {
				r.applyGood(next)
				return gw.Refusals() > before
			})
			if log := r.log.String(); strings.Count(log, "state=registering") != 1 {
				t.Error("registered anew")
			}
		})
	}
}

// NEW-02: trunks that come and go leave the registrations of the others alone, and what is known of their health.
func TestNEW02_OtherTrunksComeAndGo(t *testing.T) {
	t.Parallel()
	doc := strings.Replace(provider(""), "  global: {options: false}", "  global: {options: false}\n  trunk:silent: {optionsInterval: 1s, optionsTimeout: 500ms, optionsMisses: 1}", 1)
	doc = strings.Replace(doc, "\nusages:", "\n  silent: {host: NET.4, root: {transport: UDP, port: 5075}}\nusages:", 1)
	r := start(t, doc)
	gw := r.registrar(siptest.Registrar{})
	r.bound(gw)
	until(t, "the trunk is down", func() bool { return r.trunk("silent").State == "down" })
	since := r.trunk("silent").Since
	for n := 1; n <= 3; n++ {
		more := ""
		for i := range n {
			more += fmt.Sprintf("\n  more%d: {host: NET.%d, root: {transport: UDP, port: %d}}", i, 10+i, 5080+i)
		}
		r.applyGood(strings.Replace(doc, "gateways:", "gateways:"+more, 1))
		if silent := r.trunk("silent"); silent.State != "down" || silent.Since != since {
			t.Errorf("with %d trunks more what was down since %v is %s since %v", n, since, silent.State, silent.Since)
		}
	}
	r.applyGood(doc)
	if log := r.log.String(); strings.Count(log, "state=registering") != 1 {
		t.Error("registered anew")
	}
}

// TestRegistrationOfARenamedTrunk: the registration under the new name takes the place of the one under the old, which says no good-bye that could
// end it. So it is with other credentials, and when the trunk is gone it does say good-bye.
func TestRegistrationOfARenamedTrunk(t *testing.T) {
	t.Parallel()
	doc := provider("")
	renamed := strings.NewReplacer("  gw:", "  other:", "[gw]", "[other]").Replace(doc)
	r := start(t, doc)
	gw := r.registrar(siptest.Registrar{})
	first := r.bound(gw)
	for n, next := range []string{renamed, doc, strings.Replace(doc, "registration: {", "registration: {expires: 30m", 1)} {
		r.applyGood(next)
		until(t, "another registration of the contact", func() bool { return gw.Bindings()[first.Contact].CallID != first.CallID })
		if first = r.bound(gw); first.Count != n+2 {
			t.Errorf("after document %d the contact was removed", n)
		}
	}
	r.applyGood(basic)
	until(t, "good-bye", func() bool { return len(gw.Bindings()) == 0 })
	if st := r.trunk("gw"); st.Registration != nil {
		t.Errorf("a trunk that does not register has %+v", st.Registration)
	}
}

// OPS-13: that a trunk is not registered yet is no alarm; that its registration is refused is one.
func TestNotRegisteredYetIsNoAlarm(t *testing.T) {
	t.Parallel()
	const alarm, calm = "no trunk of a route is up", "route has a trunk again"
	r := start(t, provider("calledFrom: to"))
	if up := r.trunk("gw").State; up != "down" {
		t.Errorf("calls may take the trunk: it is %s", up)
	}
	gw := r.registrar(siptest.Registrar{Realm: "provider.example"})
	until(t, "the trunk is up", func() bool { return r.trunk("gw").State == "up" })
	if log := r.log.String(); strings.Contains(log, alarm) || strings.Contains(log, calm) || strings.Contains(log, "trunk state") {
		t.Error("alarm at the start")
	}
	if err := gw.Close(); err != nil {
		t.Fatal(err)
	}

	r = start(t, provider("calledFrom: to"))
	gw = r.tester.Agent(siptest.Config{Name: "provider", Listen: r.net + "3:5060"})
	gw.Respond("REGISTER", 403)
	until(t, "the alarm", func() bool { return strings.Contains(r.log.String(), alarm) })
	if log := r.log.String(); !strings.Contains(log, "not registered: ") {
		t.Error("no reason")
	}
}
