package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/diag"
)

// admitting is the document with a link of so many kbit/s for both servers together between them and gwb.
func admitting(total, more string) []string {
	return []string{"\nusages: [all, sos]\n", `
network:
  profiles:
    branch: {audio: {` + total + `}}
    itsp: {audio: {total: 1000}}
  regions: {emea: {}}
  sites:
    hq: {subnets: [192.0.2.0/24, 198.51.100.0/24]}
    branch: {bandwidthPolicy: branch, subnets: [198.51.100.12]}
` + more + `usages: [all, sos]
`}
}

// admissionStories are the ladders of call admission control.
func admissionStories() []story {
	up := Caller{Manner: hangUp}
	full := admitting("total: 194", "") // 97 for each server: one call
	first := to("+64255550100", one1("cac-rerouted", "CAC-04, CAC-05: the link to gwb carries one call; the second goes by the next trunk of the route", "normal-clearing", 200,
		longCall(10, Timer{}), map[string][]Callee{"gwb": {answers}})).doc(full...)
	second := plain(Caller{Manner: hangUp}, map[string][]Callee{"gwb": {answers}, "gwa": {answers}})
	second.Name, second.Number, second.Start = "second", "+64255550101", 3*time.Second
	first.calls = append(first.calls, second)

	sos := one1("cac-emergency", "NEW-18: an emergency call passes a link that lets nothing through, and is counted", "normal-clearing", 200,
		up, map[string][]Callee{"gwb": {answers}}).doc(append(admitting("total: 0", ""), "trunks: [gwa, gwb, gwc], selection: ordered", "trunks: [gwb], selection: ordered")...)
	sos.calls[0].Number = "112"
	return []story{
		first, sos,
		to("+64255550100", one1("cac-refused", "CAC-04: no other trunk, so the caller is refused with the reason and Warning 370", "link-full", 503,
			up, nil)).doc(append(admitting("total: 0", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
		to("+64255550100", one1("cac-session", "CAC-02: the profile lets a call have less than G.711 needs, and nothing else is offered", "session-too-wide", 488,
			up, nil)).doc(append(admitting("perSession: 96", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
	}
}

// use is what is on the links of a node, and how many calls they have refused.
func use(n *Node) (used, calls int, refused uint64) {
	for _, u := range n.board.account.Links(n.w.snap.Network) {
		used, calls, refused = used+u.Used, calls+u.Calls, refused+u.Refused
	}
	return used, calls, refused
}

// CAC-04, CAC-06: an answered call has on the link what its codec needs, and nothing any more when it is over. The record of the refused attempt says why.
func TestCAC04Counts(t *testing.T) {
	w := world(t, append(admitting("total: 194", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
	long, short := plain(longCall(10, Timer{}), map[string][]Callee{"gwb": {answers}}), plain(Caller{Manner: hangUp}, nil)
	long.Number, short.Number, short.Name, short.Start = "+64255550100", "+64255550101", "second", 3*time.Second
	w.Call(long)
	w.Call(short)
	at5 := [2]int{}
	w.after(5*second, func() { at5[0], at5[1], _ = use(w.Nodes[0]) })
	w.Run(20 * time.Minute)
	done(t, w)
	used, calls, refused := use(w.Nodes[0])
	if at5 != [2]int{97, 1} || used != 0 || calls != 0 || refused != 1 {
		t.Errorf("in the middle %v, at the end %d kbit/s of %d calls, %d refused", at5, used, calls, refused)
	}
	for _, r := range w.Nodes[0].Records {
		if r.Called.Received != short.Number {
			continue
		}
		const why = `site "branch" carries 97 of 97 kbit/s, and the call needs 97`
		if r.Reason != diag.LinkFull.ID || r.Attempts[0].Reason != diag.LinkFull.ID || r.Attempts[0].Detail != why || r.Detail != why ||
			!slices.Contains(r.Decision, `bandwidth     "gwb"                   no room: `+why) {
			t.Errorf("record: %s %q, attempt %+v\n%s", r.Reason, r.Detail, r.Attempts[0], strings.Join(r.Decision, "\n"))
		}
	}
}

// CAC-07: a call to a user whose policy has enableBWPolicyOverride goes through a full link, and is counted.
func TestCAC07Override(t *testing.T) {
	for _, override := range []bool{false, true} {
		policy := "voicePolicies:\n  staff: {usages: [all]"
		if override {
			policy += ", enableBWPolicyOverride: true"
		}
		changes := append(admitting("total: 0", ""), "users:\n", policy+"}\nusers:\n", "gateway: ucb}", "gateway: ucb, voicePolicy: staff}")
		changes[1] = strings.Replace(changes[1], "198.51.100.12]", "198.51.100.2]", 1) // at the branch is the platform
		w := world(t, changes...)
		sc := plain(longCall(5, Timer{}), map[string][]Callee{"ucb": {answers}})
		sc.Number = "+4989123456"
		if !override {
			sc.Callees, sc.Caller = nil, Caller{Manner: hangUp}
		}
		w.Call(sc)
		used := 0
		w.after(3*second, func() { used, _, _ = use(w.Nodes[0]) })
		w.Run(20 * time.Minute)
		done(t, w)
		if r := w.Nodes[0].Records[0]; (r.Status == 200) != override || (r.Reason == diag.LinkFull.ID) == override || (used == 97) != override {
			t.Errorf("override %v: status %d %s, %d kbit/s", override, r.Status, r.Reason, used)
		}
	}
}

// CAC-03: a provider is a site without a way into the region, and its connection to the servers has an intersite policy.
func TestCAC03Provider(t *testing.T) {
	w := world(t, append(admitting("total: 0", "  intersitePolicies:\n    itsp: {sites: [hq, branch], bandwidthPolicy: itsp}\n"), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
	sc := plain(longCall(5, Timer{}), map[string][]Callee{"gwb": {answers}})
	sc.Number = "+64255550100"
	w.Call(sc)
	used := 0
	w.after(3*second, func() { used, _, _ = use(w.Nodes[0]) })
	w.Run(20 * time.Minute)
	done(t, w)
	if r := w.Nodes[0].Records[0]; r.Status != 200 || used != 97 {
		t.Errorf("status %d %s, %d kbit/s", r.Status, r.Reason, used)
	}
}

// TestCAC04Mix is TestTenThousandCalls where links are scarce: whatever happens, nothing stays on a link when all calls are over.
func TestCAC04Mix(t *testing.T) {
	document := strings.NewReplacer(admitting("total: 400}, video: {total: 1400", "")...).Replace(Document)
	var refused uint64
	calls := mixes(t, document, 10, func(w *World) {
		for _, n := range w.Nodes {
			used, live, r := use(n)
			if used != 0 || live != 0 {
				t.Errorf("seed %d: %s keeps %d kbit/s of %d calls", w.Seed, n.name(), used, live)
			}
			refused += r
		}
	})
	if refused < uint64(calls)/200 {
		t.Errorf("of %d calls %d were refused on a link", calls, refused)
	}
}

// CAC-04: a transfer to where the link has no room fails and the call goes on; one that fits is counted instead of who has left.
func TestCAC04Transfer(t *testing.T) {
	for total, want := range map[string]int{"total: 0": 0, "total: 400": 97} {
		w := world(t, append(admitting(total, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
		blind := Manner{ReferTo: "+64255550199", Then: []Action{{2 * second, Refer}, {30 * second, Bye}}}
		sc := plain(Caller{Manner: blind}, map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 200, Manner: then(Action{20 * second, Bye})}}, "gwb": {answers}})
		w.Call(sc)
		used := -1
		w.after(10*second, func() { used, _, _ = use(w.Nodes[0]) })
		w.Run(20 * time.Minute)
		done(t, w)
		r := w.Nodes[0].Records[0]
		if len(r.Transfers) != 1 || used != want || (r.Transfers[0].Status == 200) != (want > 0) || (r.Transfers[0].Reason == diag.LinkFull.ID) == (want > 0) {
			t.Errorf("%s: %d kbit/s, transfers %+v", total, used, r.Transfers)
		}
		if left, calls, _ := use(w.Nodes[0]); left != 0 || calls != 0 {
			t.Errorf("%s: %d kbit/s of %d calls are left", total, left, calls)
		}
	}
}

// CAC-02: video counts apart from audio; where it has no room, or a session may not have so much, the call goes on without.
func TestCAC02Video(t *testing.T) {
	for video, want := range map[string][3]int{ // used of audio and video, and refused
		"total: 2000":                  {97, 600, 0},
		"total: 1000":                  {97, 0, 1},
		"total: 2000, perSession: 500": {97, 0, 1},
	} {
		w := world(t, append(admitting("total: 400}, video: {"+video, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
		sc := plain(Caller{Video: true, Manner: then(Action{3 * second, Hold}, Action{4 * second, Resume}, Action{7 * second, Bye})}, map[string][]Callee{"gwb": {{Progress: ringing, After: 2 * second, Final: 200, Manner: Manner{Video: true}}}})
		sc.Number = "+64255550100"
		w.Call(sc)
		got := [3]int{}
		w.after(6*second, func() {
			for _, u := range w.Nodes[0].board.account.Links(w.snap.Network) {
				got[u.Kind], got[2] = u.Used, got[2]+int(u.Refused)
			}
		})
		w.Run(20 * time.Minute)
		done(t, w)
		if r := w.Nodes[0].Records[0]; r.Status != 200 || got != want {
			t.Errorf("%s: status %d %s, %v, want %v", video, r.Status, r.Reason, got, want)
		}
		if left, calls, _ := use(w.Nodes[0]); left != 0 || calls != 0 {
			t.Errorf("%s: %d kbit/s of %d calls are left", video, left, calls)
		}
	}
}
