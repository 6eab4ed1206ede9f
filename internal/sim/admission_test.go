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
	full := admitting("total: 170", "") // 85 for each server: one call
	first := to("+64255550100", one1("cac-rerouted", "CAC-04, CAC-05: the link to gwb carries one call; the second goes by the next trunk of the route", "normal-clearing", 200,
		longCall(10, Timer{}), map[string][]Callee{"gwb": {answers}})).doc(full...)
	second := plain(Caller{Manner: hangUp}, map[string][]Callee{"gwb": {answers}, "gwa": {answers}})
	second.Name, second.Number, second.Start = "second", "+64255550101", 3*time.Second
	first.calls = append(first.calls, second)

	sos := one1("cac-emergency", "NEW-18: an emergency call passes a link that lets nothing through, and is counted", "normal-clearing", 200,
		up, map[string][]Callee{"gwb": {answers}}).doc(append(admitting("total: 0", ""), "trunks: [gwa, gwb, gwc], selection: ordered", "trunks: [gwb], selection: ordered")...)
	sos.calls[0].Number = "112"
	narrow := admitting("perSession: 84", "")
	narrow[1] = strings.Replace(narrow[1], "198.51.100.12]", "198.51.100.1]", 1) // at the branch is the caller's platform
	return []story{
		first, sos,
		to("+7425555100", one1("cac-announcement", "CAC-04 is asked when somebody is called: an announcement after a 200 is heard over a link that has no room for what was agreed", "unassigned-number", 200,
			Caller{}, nil)).doc(narrow...),
		to("+64255550100", one1("cac-change", "CAC-04: a call that asks for shorter packets, for which the link has no room: 488 with Warning 370, and it goes on as it was", "normal-clearing", 200,
			Caller{Manner: then(Action{2 * time.Second, Shorten}, Action{5 * time.Second, Bye})}, at(answers, "gwb"))).doc(append(admitting("total: 200", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
		to("+64255550100", one1("cac-video", "CAC-02: video that is added and has no room is refused by its m-line alone", "normal-clearing", 200,
			Caller{Manner: then(Action{2 * time.Second, AddVideo}, Action{5 * time.Second, Bye})}, at(Callee{Progress: ringing, After: time.Second, Final: 200, Manner: Manner{Video: true}}, "gwb"))).
			doc(append(admitting("total: 400}, video: {total: 1000", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
		to("+64255550100", one1("cac-video-room", "… and is counted where there is room", "normal-clearing", 200,
			Caller{Manner: then(Action{2 * time.Second, AddVideo}, Action{5 * time.Second, Bye})}, at(Callee{Progress: ringing, After: time.Second, Final: 200, Manner: Manner{Video: true}}, "gwb"))).
			doc(append(admitting("total: 400}, video: {total: 1200", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
		to("+64255550100", one1("cac-refused", "CAC-04: no other trunk, so the caller is refused with the reason and Warning 370", "link-full", 503,
			up, nil)).doc(append(admitting("total: 0", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
		to("+64255550100", one1("cac-session", "CAC-02: the profile lets a call have less than G.711 needs, and nothing else is offered", "session-too-wide", 488,
			up, nil)).doc(append(admitting("perSession: 84", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...),
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
	w := world(t, append(admitting("total: 170", ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
	long, short := plain(longCall(10, Timer{}), map[string][]Callee{"gwb": {answers}}), plain(Caller{Manner: hangUp}, nil)
	long.Number, short.Number, short.Name, short.Start = "+64255550100", "+64255550101", "second", 3*time.Second
	w.Call(long)
	w.Call(short)
	at5 := [2]int{}
	w.after(5*second, func() { at5[0], at5[1], _ = use(w.Nodes[0]) })
	w.Run(20 * time.Minute)
	done(t, w)
	used, calls, refused := use(w.Nodes[0])
	if at5 != [2]int{85, 1} || used != 0 || calls != 0 || refused != 1 {
		t.Errorf("in the middle %v, at the end %d kbit/s of %d calls, %d refused", at5, used, calls, refused)
	}
	for _, r := range w.Nodes[0].Records {
		if r.Called.Received != short.Number {
			continue
		}
		const why = `site "branch" carries 85 of 85 kbit/s, and the call needs 85`
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
		if r := w.Nodes[0].Records[0]; (r.Status == 200) != override || (r.Reason == diag.LinkFull.ID) == override || (used == 85) != override {
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
	if r := w.Nodes[0].Records[0]; r.Status != 200 || used != 85 {
		t.Errorf("status %d %s, %d kbit/s", r.Status, r.Reason, used)
	}
}

// TestCAC04Mix is TestTenThousandCalls where links are scarce: whatever happens, nothing stays on a link when all calls are over.
func TestCAC04Mix(t *testing.T) {
	t.Parallel()
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

// CAC-04: what a running call asks for beyond what it has is refused where the link has no room, and the call goes on as it was; a change that fails gives
// back what it was given.
func TestCAC04Changes(t *testing.T) {
	const video = 1
	thrifty := func(acts ...Action) Caller {
		return Caller{Manner: Manner{Thrifty: true, Then: append(acts, Action{90 * second, Bye})}}
	}
	wide := func(acts ...Action) Caller { return Caller{Manner: then(append(acts, Action{90 * second, Bye})...)} }
	recode := Action{2 * second, Recode}
	for _, x := range []struct {
		name    string
		limits  string // of both servers together
		caller  Caller
		callee  Manner
		used    [2]int // of audio and video, in the end
		refused int
	}{
		{"G.729 becomes G.711", "total: 170", thrifty(recode), Manner{}, [2]int{85, 0}, 0},
		{"… and has no room", "total: 168", thrifty(recode), Manner{}, [2]int{29, 0}, 1},
		{"… which one call may not have", "total: 1000, perSession: 84", thrifty(recode), Manner{}, [2]int{29, 0}, 1},
		{"hold and resume where the link is full", "total: 58", thrifty(Action{2 * second, Hold}, Action{4 * second, Resume}), Manner{}, [2]int{29, 0}, 0},
		{"hold by 0.0.0.0 where the link is full", "total: 58", thrifty(Action{2 * second, Zero}, Action{4 * second, Resume}), Manner{}, [2]int{29, 0}, 0},
		{"the callee holds where the link is full", "total: 58", thrifty(), Manner{Thrifty: true, Then: []Action{{2 * second, Zero}, {4 * second, Resume}}}, [2]int{29, 0}, 0},
		{"packets of 10 ms", "total: 202", wide(Action{2 * second, Shorten}), Manner{}, [2]int{101, 0}, 0},
		{"… have no room", "total: 200", wide(Action{2 * second, Shorten}), Manner{}, [2]int{85, 0}, 1},
		{"the callee wants to be called in G.711", "total: 168", thrifty(), then(Action{2 * second, Hold}), [2]int{29, 0}, 1},
		{"an offer in a 200, which cannot be refused", "total: 168", thrifty(Action{2 * second, Offerless}), Manner{}, [2]int{85, 0}, 1},
		{"the other side refuses", "total: 170", thrifty(recode), Manner{Reinvite: 488}, [2]int{29, 0}, 0},
		{"glare", "total: 170", thrifty(recode), Manner{Glare: 2}, [2]int{85, 0}, 0},
		{"glare without end", "total: 170", thrifty(recode), Manner{Glare: 100}, [2]int{29, 0}, 0},
		{"withdrawn", "total: 170", Caller{Manner: Manner{Thrifty: true, Then: []Action{{2 * second, Withdraw}, {90 * second, Bye}}}}, Manner{Slow: 3 * second}, [2]int{29, 0}, 0},
		{"video", "total: 170}, video: {total: 1200", wide(Action{2 * second, AddVideo}), Manner{Video: true}, [2]int{85, 600}, 0},
		{"… has no room", "total: 170}, video: {total: 1198", wide(Action{2 * second, AddVideo}), Manner{Video: true}, [2]int{85, 0}, 1},
		{"… which one call may not have", "total: 170}, video: {perSession: 500", wide(Action{2 * second, AddVideo}), Manner{Video: true}, [2]int{85, 0}, 1},
		{"… gets no ports", "total: 170}, video: {total: 1200", wide(Action{2 * second, AddVideo}), Manner{Video: true}, [2]int{85, 0}, 0},
		{"… and is not wanted", "total: 170}, video: {total: 1200", wide(Action{2 * second, AddVideo}), Manner{}, [2]int{85, 0}, 0},
		{"an offer without what was refused", "total: 170}, video: {total: 1198", wide(Action{2 * second, AddVideo}, Action{4 * second, Update}), Manner{Video: true}, [2]int{85, 0}, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := world(t, append(admitting(x.limits, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
			sc := plain(x.caller, map[string][]Callee{"gwb": {{Progress: ringing, After: second, Final: 200, Manner: x.callee}}})
			sc.Number = "+64255550100"
			w.Call(sc)
			if strings.Contains(x.name, "no ports") {
				w.Fault.Shut = 1
			}
			var got [2]int
			refused, full := 0, false
			w.after(80*second, func() {
				for _, u := range w.Nodes[0].board.account.Links(w.snap.Network) {
					got[u.Kind], refused, full = got[u.Kind]+u.Used, refused+int(u.Refused), full || u.Used > u.Share
				}
			})
			w.Run(20 * time.Minute)
			done(t, w)
			r := w.Nodes[0].Records[0]
			if got != x.used || refused != x.refused || full != (x.used[0] == 85 && x.limits == "total: 168") || r.Reason != diag.NormalClearing.ID || r.End.Sub(r.Answered) < 89*second {
				t.Errorf("%v kbit/s, want %v; %d refused, want %d; %s after %v", got, x.used, refused, x.refused, r.Reason, r.End.Sub(r.Answered))
			}
			if told := strings.Contains(strings.Join(r.Decision, "\n"), "a change of the running"); told != (x.refused > 0 && x.used[video] == 0 && !strings.Contains(x.limits, "video")) {
				t.Errorf("the explanation is\n%s", strings.Join(r.Decision, "\n"))
			}
			if left, calls, _ := use(w.Nodes[0]); left != 0 || calls != 0 {
				t.Errorf("%d kbit/s of %d calls are left", left, calls)
			}
			if t.Failed() {
				t.Log(w.Trace.String())
			}
		})
	}
}

// CAC-04: UPDATE asks like a re-INVITE (RFC 3311 section 5.2).
func TestCAC04Update(t *testing.T) {
	for total, want := range map[string]int{"total: 200": 85, "total: 202": 101} {
		w := world(t, append(admitting(total, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
		sc := plain(Caller{Manner: then(Action{3 * second, Update}, Action{20 * second, Bye})}, at(answers, "gwb"))
		sc.Number = "+64255550100"
		w.Call(sc)
		used, refused := 0, uint64(0)
		w.after(3*second, func() { w.order[0].caller.speaker.ptime = 10 })
		w.after(15*second, func() { used, _, refused = use(w.Nodes[0]) })
		w.Run(20 * time.Minute)
		done(t, w)
		if r := w.Nodes[0].Records[0]; used != want || (refused == 1) != (want == 85) || r.Reason != diag.NormalClearing.ID {
			t.Errorf("%s: %d kbit/s, %d refused, %s\n%s", total, used, refused, r.Reason, w.Trace.String())
		}
		if text := w.Trace.String(); strings.Contains(text, `488 (UPDATE) #`) != (want == 85) || !strings.Contains(text, "med1  ─▶ gwb    UPDATE") != (want == 85) {
			t.Errorf("%s:\n%s", total, text)
		}
	}
}

// CAC-04: an offer in the 200 to a re-INVITE without one, for which there is no room, is answered with what stands, which is also what who asked is offered then: the
// media goes on, where the peer wants it now, and the hold in the answer of who asked is told by a re-INVITE.
func TestCAC04OfferIn200(t *testing.T) {
	for total, want := range map[string]int{"total: 200": 85, "total: 202": 101} {
		w := world(t, append(admitting(total, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
		sc := plain(Caller{Manner: then(Action{3 * second, Offerless}, Action{8 * second, Resume}, Action{20 * second, Bye})}, at(answers, "gwb"))
		sc.Number = "+64255550100"
		w.Call(sc)
		used, refused, moved := 0, uint64(0), false
		w.after(3*second, func() {
			s := &w.order[0].ends[0].speaker
			s.ptime, s.port = 10, s.port+2
			w.order[0].caller.held = "sendonly"
		})
		w.after(5*second+65*time.Millisecond, func() { w.order[0].ends[0].speaker.ptime = 0 })
		w.after(7*second, func() {
			used, _, refused = use(w.Nodes[0])
			for _, s := range w.Nodes[0].relay.sessions {
				moved = s.want.Streams[0].Side[1].Remote.Port() == w.order[0].ends[0].speaker.port
			}
		})
		w.Run(20 * time.Minute)
		done(t, w)
		r := w.Nodes[0].Records[0]
		if used != want || (refused == 1) != (want == 85) || !moved || r.Reason != diag.NormalClearing.ID {
			t.Errorf("%s: %d kbit/s, %d refused, media follows %v, %s\n%s", total, used, refused, moved, r.Reason, w.Trace.String())
		}
		if told := strings.Contains(strings.Join(r.Decision, "\n"), "a change of the running"); told != (want == 85) || strings.Contains(w.Trace.String(), "488") ||
			strings.Contains(w.Trace.String(), "5.090  med1  ─▶ gwb    INVITE (in dialog) #3  sdp v2 audio:sendonly") != (want == 85) {
			t.Errorf("%s: explained %v\n%s", total, told, w.Trace.String())
		}
	}
}

// CAC-04: … and before the answer as well, also where the target cannot be asked, so that what stands is the answer.
func TestCAC04EarlyUpdate(t *testing.T) {
	for _, mute := range []bool{false, true} {
		for total, want := range map[string]int{"total: 200": 85, "total: 202": 101} {
			w := world(t, append(admitting(total, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
			target := reliably([]Progress{{ms100(2), 183, true}}, Rel{Known: true})
			target.NoUpdate = mute
			sc := plain(Caller{Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{second}, Then: hangUp.Then}}, at(target, "gwb"))
			sc.Number = "+64255550100"
			w.Call(sc)
			used, refused := 0, uint64(0)
			w.after(ms100(5), func() { w.order[0].caller.speaker.ptime = 10 })
			w.after(ms100(12), func() { used, _, refused = use(w.Nodes[0]) })
			w.Run(20 * time.Minute)
			done(t, w)
			if r := w.Nodes[0].Records[0]; used != want || (refused == 1) != (want == 85) || r.Reason != diag.NormalClearing.ID {
				t.Errorf("%s: %d kbit/s, %d refused, %s\n%s", total, used, refused, r.Reason, w.Trace.String())
			}
			if text := w.Trace.String(); strings.Contains(text, `488 (UPDATE) #`) != (want == 85) || strings.Contains(text, "med1  ─▶ gwb    UPDATE") != (want == 101 && !mute) {
				t.Errorf("%s, target without UPDATE %v:\n%s", total, mute, text)
			}
		}
	}
}

// CAC-04: who comes by INVITE with Replaces and needs more than who leaves is asked for room.
func TestCAC04Guest(t *testing.T) {
	for total, want := range map[string]int{"total: 168": 29, "total: 170": 85} {
		w := world(t, append(admitting(total, ""), "trunks: [gwb, gwa]", "trunks: [gwb]")...)
		caller := Caller{Manner: Manner{Thrifty: true, Then: []Action{{20 * second, Bye}}}}
		sc := plain(caller, at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Pickup})}, "gwb"))
		sc.Number = "+64255550100"
		w.Call(sc)
		used, refused := 0, uint64(0)
		w.after(15*second, func() { used, _, refused = use(w.Nodes[0]) })
		w.Run(20 * time.Minute)
		done(t, w)
		r := w.Nodes[0].Records[0]
		if used != want || (len(r.Transfers) == 1) != (want == 85) || (refused == 1) != (want == 29) || r.End.Sub(r.Answered) < 19*second {
			t.Errorf("%s: %d kbit/s, %d refused, %v, transfers %+v\n%s", total, used, refused, r.End.Sub(r.Answered), r.Transfers, w.Trace.String())
		}
		if left, calls, _ := use(w.Nodes[0]); left != 0 || calls != 0 {
			t.Errorf("%s: %d kbit/s of %d calls are left", total, left, calls)
		}
	}
}

// NEW-18: an emergency call may grow beyond what the link carries.
func TestCAC04EmergencyGrows(t *testing.T) {
	w := world(t, append(admitting("total: 0", ""), "trunks: [gwa, gwb, gwc], selection: ordered", "trunks: [gwb], selection: ordered")...)
	sc := plain(Caller{Manner: Manner{Thrifty: true, Then: []Action{{2 * second, Recode}, {9 * second, Bye}}}}, map[string][]Callee{"gwb": {answers}})
	sc.Number = "112"
	w.Call(sc)
	used := 0
	w.after(8*second, func() { used, _, _ = use(w.Nodes[0]) })
	w.Run(20 * time.Minute)
	done(t, w)
	if used != 85 {
		t.Errorf("%d kbit/s", used)
	}
}

// CAC-04: a transfer to where the link has no room fails and the call goes on; one that fits is counted instead of who has left.
func TestCAC04Transfer(t *testing.T) {
	for total, want := range map[string]int{"total: 0": 0, "total: 400": 85} {
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
		"total: 2000":                  {85, 600, 0},
		"total: 1000":                  {85, 0, 2}, // it is offered again with the hold
		"total: 2000, perSession: 500": {85, 0, 2},
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
