package sim

import "time"

// tales are calls in which two or three things meet, each small enough to be tried in many orders.
func tales() []tale {
	rings := Callee{Progress: ringing, After: second, Final: 200}
	mid := then
	does := func(acts ...Action) Callee {
		c := rings
		c.Then = acts
		return c
	}
	one := func(name string, c Caller, callees map[string][]Callee) tale {
		return tale{name: name, calls: []Scenario{plain(c, callees)}}
	}
	// races has the two of a call that is up do what they do at the same time, or one earlier or later than the other.
	races := func(name string, a, b []Verb) tale {
		acts := func(verbs []Verb) (list []Action) {
			for i, v := range verbs {
				list = append(list, Action{2*second + time.Duration(i)*8*second, v})
			}
			return list
		}
		x := one(name, Caller{Manner: mid(acts(a)...)}, at(does(acts(b)...), "gwa"))
		x.since = 2500 * time.Millisecond
		return x
	}
	verbs := func(v ...Verb) []Verb { return v }
	rel := func(c Callee) Callee {
		c.Rel = Rel{Known: true}
		return c
	}
	late := func(c Callee, d time.Duration) Callee {
		c.Late = d
		return c
	}
	early := []Progress{{ms100(2), 183, true}}
	reliable := rel(Callee{Progress: early, After: second, Final: 200})
	updates := reliable
	updates.Early = []time.Duration{ms100(5)}
	moved := func(name string, stays []Verb, target Callee, more ...Verb) tale {
		x := races(name, append(verbs(Refer), more...), stays)
		x.calls[0].Callees["gwb"] = []Callee{target}
		x.calls[0].Caller.ReferTo = "+2"
		return x
	}
	// joined is an attended transfer: who called joins the two that it has called.
	joined := func(name string, a, b, c []Verb) tale {
		x := races(name, verbs(ReferJoin), a)
		other := plain(Caller{Manner: mid()}, at(rings, "gwb"))
		other.Name, other.Number = "other", "+24255550100"
		for i, v := range b {
			other.Callees["gwb"][0].Then = append(other.Callees["gwb"][0].Then, Action{2*second + time.Duration(i)*8*second, v})
		}
		for _, v := range c {
			other.Caller.Then = append([]Action{{2 * second, v}}, other.Caller.Then...)
		}
		x.calls = append(x.calls, other)
		return x
	}
	// as has both sides be as they are told.
	as := func(x tale, a, b Manner) tale {
		c := &x.calls[0]
		a.Then, a.ReferTo = c.Caller.Then, c.Caller.ReferTo
		c.Caller.Manner = a
		list := c.Callees["gwa"]
		b.Then = list[0].Then
		list[0].Manner = b
		return x
	}
	timer := func(who string) Manner {
		return Manner{Timer: Timer{Known: true, Interval: 90 * time.Second, Refresher: who}}
	}
	// at45 has what is done meet the refreshes of a session of 90 s.
	at45 := func(x tale) tale {
		x.timers = true
		c := &x.calls[0]
		for _, m := range []*Manner{&c.Caller.Manner, &c.Callees["gwa"][0].Manner} {
			for i := range m.Then {
				m.Then[i].After += 44*second - 2*second
			}
		}
		x.since = 44 * second
		return x
	}
	slow := Manner{Slow: second}
	forked := func(c Callee) Callee {
		c.Fork = []Callee{c}
		return c
	}
	// sharded has the two calls of a tale in two shards.
	sharded := func(x tale) tale {
		x.shards, x.seed = 2, 7
		return x
	}
	return []tale{
		one("cancel", Caller{GiveUp: 5 * second, Manner: mid()}, at(rings, "gwa")),
		one("cancel-early-media", Caller{GiveUp: 5 * second, Manner: mid()}, at(Callee{Progress: early, After: second, Final: 200}, "gwa")),
		one("cancel-crossed", Caller{GiveUp: 5 * second, Manner: mid()}, at(late(rings, 1), "gwa")),
		one("cancel-challenged", Caller{GiveUp: 5 * second, Manner: mid()}, at(asks(407, rings), "gwa")),
		one("cancel-hunting", Caller{GiveUp: 5 * second, Manner: mid()}, map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 503}}, "gwb": {rings}}),
		one("hunting-late", Caller{GiveUp: 20 * second, Manner: mid()}, map[string][]Callee{"gwa": {{No100: true, After: 5 * second, Final: 200}}, "gwb": {{Progress: ringing, After: 9 * second, Final: 200}}}),
		one("hunting-cancelled", Caller{GiveUp: 20 * second, Manner: mid()}, map[string][]Callee{"gwa": {late(Callee{}, 1)}, "gwb": {rings}}),
		one("fork", Caller{GiveUp: 5 * second, Manner: mid()}, at(Callee{Progress: ringing, After: second, Final: 200, Fork: []Callee{{Progress: ringing, After: second, Final: 200}}}, "gwa")),
		one("prack", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true}}}, at(reliable, "gwa")),
		one("prack-offer", Caller{Manner: Manner{Rel: Rel{Known: true, Reoffer: true}}}, at(reliable, "gwa")),
		one("prack-offerless", Caller{Offerless: true, Manner: Manner{Rel: Rel{Known: true}}}, at(reliable, "gwa")),
		one("early-update", Caller{Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{ms100(5)}}}, at(reliable, "gwa")),
		one("early-update-callee", Caller{Manner: Manner{Rel: Rel{Known: true}}}, at(updates, "gwa")),
		one("early-update-both", Caller{Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{ms100(5)}}}, at(updates, "gwa")),
		races("glare", verbs(Hold), verbs(Hold)),
		races("glare-resume", verbs(Hold, Resume), verbs(Hold)),
		races("hold-bye", verbs(Hold), verbs(Bye)),
		races("bye-hold", verbs(Bye), verbs(Hold)),
		races("bye-bye", verbs(Bye), verbs(Bye)),
		races("update-hold", verbs(Update), verbs(Hold)),
		races("update-update", verbs(Update), verbs(Update)),
		races("info-hold", verbs(Info), verbs(Hold)),
		races("info-bye", verbs(Info), verbs(Bye)),
		races("offerless-hold", verbs(Offerless), verbs(Hold)),
		races("hold-offerless", verbs(Hold), verbs(Offerless)),
		races("offerless-bye", verbs(Offerless), verbs(Bye)),
		races("withdraw-hold", verbs(Withdraw), verbs(Hold)),
		races("withdraw-bye", verbs(Withdraw), verbs(Bye)),
		races("recant-hold", verbs(Recant), verbs(Hold)),
		moved("transfer", verbs(Bye), rings),
		moved("transfer-busy", verbs(Bye), Callee{Progress: ringing, After: second, Final: 486}),
		moved("transfer-held", verbs(Hold), rings),
		moved("transfer-busy-held", verbs(Hold), Callee{Progress: ringing, After: second, Final: 486}),
		moved("transfer-leaves", nil, rings, Bye),
		moved("transfer-target-leaves", nil, does(Action{2 * second, Bye})),
		joined("join", nil, nil, nil),
		joined("join-bye-here", verbs(Bye), nil, nil),
		joined("join-bye-there", nil, verbs(Bye), nil),
		joined("join-hold-here", verbs(Hold), nil, nil),
		joined("join-hold-there", nil, verbs(Hold), nil),
		joined("join-leaves", nil, nil, verbs(Bye)),
		sharded(joined("join-shards", nil, nil, nil)),
		sharded(joined("join-shards-bye-here", verbs(Bye), nil, nil)),
		sharded(joined("join-shards-bye-there", nil, verbs(Bye), nil)),
		sharded(joined("join-shards-hold-here", verbs(Hold), nil, nil)),
		sharded(joined("join-shards-hold-there", nil, verbs(Hold), nil)),
		sharded(joined("join-shards-leaves", nil, nil, verbs(Bye))),
		sharded(joined("join-shards-both", verbs(Hold), verbs(Hold), nil)),
		sharded(joined("join-shards-twice", nil, nil, verbs(ReferJoin))),
		joined("join-twice", nil, nil, verbs(ReferJoin)),
		joined("join-both-hold", verbs(Hold), verbs(Hold), nil),
		joined("join-offerless", verbs(Offerless), verbs(Hold), nil),
		joined("join-refer-there", nil, verbs(Refer), nil),
		sharded(joined("join-shards-refer-there", nil, verbs(Refer), nil)),
		sharded(joined("join-shards-bye-both", verbs(Bye), verbs(Bye), nil)),
		moved("transfer-both", verbs(Refer), rings),
		moved("transfer-twice", nil, rings, Refer),
		moved("transfer-two", nil, rings),
		moved("transfer-hold-leaves", verbs(Hold, Resume), rings, Bye),
		moved("transfer-offerless", verbs(Offerless), rings),
		moved("transfer-update", verbs(Update), rings),
		moved("transfer-target-holds", verbs(Hold), does(Action{2 * second, Hold})),
		moved("transfer-target-media", verbs(Hold), Callee{Progress: early, After: second, Final: 200}),
		moved("transfer-pickup", verbs(Pickup), rings),
		moved("transfer-withdraw", verbs(Withdraw), rings),
		one("hang-up", Caller{GiveUp: 5 * second, HangUp: true}, at(rings, "gwa")),
		one("hang-up-hunting", Caller{GiveUp: 5 * second, HangUp: true}, map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 503}}, "gwb": {rings}}),
		one("cancel-prack-offerless", Caller{GiveUp: 5 * second, Offerless: true, Manner: Manner{Rel: Rel{Known: true}}}, at(reliable, "gwa")),
		one("cancel-offerless", Caller{GiveUp: 5 * second, Offerless: true}, at(rings, "gwa")),
		one("cancel-update", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{ms100(5)}}}, at(updates, "gwa")),
		one("cancel-prack-offer", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true, Reoffer: true}}}, at(reliable, "gwa")),
		one("bye-first", Caller{ByeFirst: true}, at(rings, "gwa")),
		one("answers-bye", Caller{}, at(does(Action{1, Bye}), "gwa")),
		one("answers-hold", Caller{}, at(does(Action{1, Hold}), "gwa")),
		one("holds-at-once", Caller{Manner: then(Action{1, Hold})}, at(does(Action{1, Hold}), "gwa")),
		one("offerless-holds-at-once", Caller{Offerless: true, Manner: then(Action{1, Hold})}, at(does(Action{1, Hold}), "gwa")),
		one("offerless-bye-at-once", Caller{Offerless: true, Manner: then(Action{1, Bye})}, at(does(Action{1, Bye}), "gwa")),
		one("forks-update", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true}, Early: []time.Duration{ms100(5)}}}, at(forked(updates), "gwa")),
		one("forks-prack", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true}}}, at(forked(reliable), "gwa")),
		one("forks-answer-hold", Caller{Manner: then(Action{1, Hold})}, at(forked(does(Action{1, Hold})), "gwa")),
		one("redirected", Caller{GiveUp: 5 * second}, map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 302, Contact: "<sip:NUMBER@198.51.100.12>"}}, "gwb": {rings}}),
		one("taken", Caller{GiveUp: 5 * second}, at(Callee{Progress: ringing, After: 2 * second, Final: 200, Taken: second}, "gwa")),
		one("hunting-prack", Caller{GiveUp: 5 * second, Manner: Manner{Rel: Rel{Known: true}}}, map[string][]Callee{"gwa": {rel(Callee{Progress: early, After: second, Final: 503})}, "gwb": {reliable}}),
		one("hunting-prack-offerless", Caller{Offerless: true, Manner: Manner{Rel: Rel{Known: true}}}, map[string][]Callee{"gwa": {rel(Callee{Progress: early, After: second, Final: 503})}, "gwb": {reliable}}),
		one("hunting-early-media", Caller{GiveUp: 5 * second}, map[string][]Callee{"gwa": {{Progress: early, After: second, Final: 503}}, "gwb": {{Progress: early, After: second, Final: 200}}}),
		one("hunting-challenged", Caller{GiveUp: 5 * second}, map[string][]Callee{"gwa": {{After: second, Final: 503}}, "gwb": {asks(407, rings)}}),
		one("hunting-late-prack", Caller{GiveUp: 20 * second, Manner: Manner{Rel: Rel{Known: true}}}, map[string][]Callee{"gwa": {rel(Callee{No100: true, Progress: []Progress{{5 * second, 183, true}}, After: 6 * second, Final: 200})}, "gwb": {rel(Callee{Progress: early, After: 5 * second, Final: 200})}}),
		as(races("slow-hold", verbs(Hold), verbs(Hold)), slow, slow),
		as(races("slow-bye", verbs(Hold), verbs(Bye)), slow, slow),
		as(races("slow-update", verbs(Update), verbs(Hold)), slow, slow),
		as(races("slow-withdraw", verbs(Withdraw), verbs(Hold)), slow, slow),
		as(races("slow-withdraw-bye", verbs(Withdraw), verbs(Bye)), slow, slow),
		as(races("slow-recant", verbs(Recant), verbs(Hold)), slow, slow),
		as(races("slow-recant-bye", verbs(Recant), verbs(Bye)), slow, slow),
		as(races("slow-offerless", verbs(Offerless), verbs(Hold)), slow, slow),
		as(races("slow-offerless-bye", verbs(Offerless), verbs(Bye)), slow, slow),
		as(races("slow-pickup", verbs(Pickup), verbs(Hold)), slow, slow),
		as(moved("slow-transfer", verbs(Hold), rings), slow, slow),
		as(moved("slow-transfer-bye", verbs(Bye), rings), slow, slow),
		as(moved("slow-transfer-withdraw", verbs(Withdraw), rings), slow, slow),
		as(moved("slow-transfer-leaves", nil, rings, Bye), slow, slow),
		as(moved("slow-transfer-target-leaves", nil, does(Action{2 * second, Bye})), slow, slow),
		as(moved("slow-transfer-target-holds", nil, does(Action{2 * second, Hold})), slow, slow),
		as(joined("slow-join", verbs(Hold), nil, nil), slow, slow),
		as(joined("slow-join-bye", verbs(Bye), nil, nil), slow, slow),
		as(joined("slow-join-leaves", nil, nil, verbs(Bye)), slow, slow),
		sharded(as(joined("slow-join-shards", verbs(Hold), nil, nil), slow, slow)),
		sharded(as(joined("slow-join-shards-bye", verbs(Bye), nil, nil), slow, slow)),
		sharded(as(joined("slow-join-shards-leaves", nil, nil, verbs(Bye)), slow, slow)),
		as(races("refused-hold", verbs(Hold), verbs(Hold)), Manner{}, Manner{Reinvite: 488}),
		as(races("refused-withdraw", verbs(Withdraw), nil), Manner{}, Manner{Reinvite: 488}),
		as(races("refused-pickup", verbs(Pickup), nil), Manner{}, Manner{Reinvite: 488}),
		as(moved("refused-transfer", verbs(Hold), rings), Manner{}, Manner{Reinvite: 488}),
		as(races("misfit", verbs(Hold), verbs(Hold)), Manner{}, Manner{Misfits: 1}),
		as(races("glares", verbs(Hold), verbs(Hold)), Manner{}, Manner{Glare: 2}),
		as(races("glares-bye", verbs(Hold), verbs(Bye)), Manner{}, Manner{Glare: 2}),
		as(races("glares-withdraw", verbs(Withdraw), verbs(Hold)), Manner{}, Manner{Glare: 2}),
		as(races("glares-offerless", verbs(Offerless), verbs(Hold)), Manner{}, Manner{Glare: 2}),
		as(races("challenged-hold", verbs(Hold), verbs(Hold)), Manner{Ask: 401}, Manner{Ask: 407}),
		as(races("challenged-withdraw", verbs(Withdraw), verbs(Hold)), Manner{}, Manner{Ask: 407, Slow: second}),
		as(races("challenged-bye", verbs(Hold), verbs(Bye)), Manner{Ask: 401}, Manner{Ask: 407}),
		as(moved("challenged-transfer", verbs(Hold), asks(407, rings)), Manner{Ask: 401}, Manner{Ask: 407}),
		at45(as(races("timer", nil, nil), timer("uac"), timer("uas"))),
		at45(as(races("timer-hold", verbs(Hold), nil), timer("uac"), timer("uac"))),
		at45(as(races("timer-hold-theirs", verbs(Hold), verbs(Hold)), timer("uas"), timer("uac"))),
		at45(as(races("timer-hold-ours", verbs(Hold), verbs(Hold)), timer("uas"), timer("uas"))),
		at45(as(races("timer-bye", verbs(Hold), verbs(Bye)), timer("uas"), timer("uas"))),
		at45(as(races("timer-offerless", verbs(Offerless), verbs(Hold)), timer("uas"), timer("uac"))),
		at45(as(moved("timer-transfer", nil, rings), timer("uas"), timer("uac"))),
		races("pickup-both", verbs(Pickup), verbs(Pickup)),
		races("pickup-twice", verbs(Pickup, Pickup), nil),
		races("withdraw-withdraw", verbs(Withdraw), verbs(Withdraw)),
		races("recode-hold", verbs(Recode), verbs(Hold)),
		races("update-offerless", verbs(Update), verbs(Offerless)),
		races("offerless-offerless", verbs(Offerless), verbs(Offerless)),
		races("hold-bare", verbs(Hold, ResumeBare), verbs(Hold)),
		races("inactive-bare", verbs(Inactive, ResumeBare), verbs(Inactive, Resume)),
		races("video-hold", verbs(AddVideo), verbs(Hold)),
		races("refresh-update", verbs(Refresh), verbs(Update)),
		races("ping-hold", verbs(Ping), verbs(Hold)),
		races("zero-hold", verbs(Zero), verbs(Hold)),
		races("pickup", verbs(Pickup), verbs(Hold)),
		races("pickup-bye", verbs(Pickup), verbs(Bye)),
	}
}
