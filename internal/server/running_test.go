package server

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/siptest"
	"github.com/directsip/directsip/internal/store"
)

// TestRunningCallsByFilter lists of the running calls those by trunk, number and time, also by a trunk that has refused the call.
func TestRunningCallsByFilter(t *testing.T) {
	r := start(t, strings.Replace(strings.Replace(basic, "trunks: [gw]", "trunks: [gw, spare], selection: ordered", 1), "gateways:\n", `gateways:
  spare: {kind: gateway, host: NET.4, root: {transport: UDP, port: 5090}}
`, 1))
	pbx, gw := r.agent(2), r.agent(3)
	spare := r.tester.Agent(siptest.Config{Name: "spare", Listen: r.net + "4:5060"})
	out, in := r.call(pbx, gw)
	gw.Answer(siptest.Reject(503))
	out2, in2 := r.call(pbx, spare)
	all := r.running(url.Values{})
	if len(all) != 2 {
		t.Fatalf("%d calls run", len(all))
	}
	first, second := all[0].ID, all[1].ID
	var one cdr.Record
	r.view("/call/"+first, &one)
	for _, r := range []cdr.Record{all[0], all[1], one} { // each shard looks at its calls when it is asked, so that they are not in order
		if r.Running <= 0 || r.Running > time.Since(r.Start) {
			t.Errorf("%s has run for %v since %v", r.ID, r.Running, r.Start)
		}
	}
	if one.Running < all[0].Running {
		t.Errorf("it has run for %v, then for %v", all[0].Running, one.Running)
	}
	between := all[1].Start.Format(time.RFC3339Nano)
	for _, c := range []struct{ query, want string }{
		{"trunk=pbx", first + " " + second}, {"trunk=GW", first + " " + second}, {"trunk=spare", second}, {"trunk=nobody", ""},
		{"number=" + url.QueryEscape(all[0].Called.Received), first + " " + second}, {"number=999999", ""},
		{"since=" + url.QueryEscape(between), second}, {"until=" + url.QueryEscape(between), first}, {"limit=1", second}, {"trunk=pbx&limit=5", first + " " + second},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, rec := range r.running(q) {
			ids = append(ids, rec.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.query, got, c.want)
		}
	}
	w := httptest.NewRecorder()
	r.controlHandler().ServeHTTP(w, httptest.NewRequest("GET", "/calls?since=yesterday", nil))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "is not a time") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.hangup(in, out)
	r.hangup(in2, out2)
	list := r.records(2)
	if i := slices.IndexFunc(list, func(s store.Summary) bool { return s.ID == second }); i < 0 || fmt.Sprint(list[i].Tried) != "[gw]" || list[i].TrunkOut != "spare" {
		t.Errorf("%+v", list)
	}
}

func (r *rig) running(q url.Values) (list []cdr.Record) {
	r.t.Helper()
	r.view("/calls?"+q.Encode(), &list)
	return list
}

// TestTrunkThatHasNotAnswered: of a trunk that has carried calls it is not said that nothing is known of it.
func TestTrunkThatHasNotAnswered(t *testing.T) {
	t.Parallel()
	r := start(t, strings.Replace(basic, "options: false", "options: true, optionsInterval: 1h, optionsIntervalDown: 1h", 1))
	pbx, gw := r.agent(2), r.agent(3)
	if why := r.trunk("gw").Why; why != "taken for up: it has not answered OPTIONS yet since the start" {
		t.Errorf("before: %q", why)
	}
	r.hangup(r.call(pbx, gw))
	r.records(1)
	if why := r.trunk("gw").Why; why != "calls do not fail on it; it has not answered OPTIONS yet since the start" {
		t.Errorf("after: %q", why)
	}
}
