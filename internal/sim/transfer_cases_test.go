package sim

// transferStories are the ladders of transfers (RFC 5589). The caller is at uca, the callee at gwa, the target at gwc.
func transferStories() []story {
	refer := func(v Verb) Manner {
		return Manner{ReferTo: "+24255550199", Then: []Action{{second, v}, {20 * second, Bye}}}
	}
	target := Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{10 * second, Bye})}
	last := then(Action{30 * second, Bye}) // whoever is left hangs up
	ends := func(b, c Callee) map[string][]Callee { return map[string][]Callee{"gwa": {b}, "gwc": {c}} }
	callee := func(m Manner) Callee { return Callee{Progress: ringing, After: second, Final: 200, Manner: m} }
	story1 := func(file, title, reason string, m Manner, b, c Callee) story {
		return one1(file, title, reason, 200, Caller{Manner: m}, ends(b, c))
	}
	refused := one1("refer", "SIG-11: a trunk without acceptRefer refuses REFER with 405", "normal-clearing", 200,
		Caller{Manner: then(Action{second, Refer}, Action{2 * second, Bye})}, at(answers, "gwa"))
	refused.calls[0].From = "ucb"
	one, two := plain(Caller{Manner: then(Action{4 * second, ReferJoin}, Action{60 * second, Bye})}, at(callee(last), "gwa")),
		plain(Caller{Manner: last}, map[string][]Callee{"gwc": {callee(last)}})
	two.Name, two.Number, two.Start = "consultation", "+24255550100", 2*second
	digit, after := plain(Caller{Manner: then(Action{ms100(39), Info}, Action{4 * second, ReferJoin}, Action{60 * second, Bye})}, at(callee(last), "gwa")),
		plain(Caller{Manner: last}, map[string][]Callee{"gwc": {callee(last)}})
	after.Name, after.Number, after.Start = "consultation", "+24255550100", 2*second
	asks, asked := plain(Caller{Manner: then(Action{4 * second, Options}, Action{30 * second, Bye})}, at(callee(then(Action{4 * second, ReferJoin}, Action{60 * second, Bye})), "gwa")),
		plain(Caller{Manner: last}, at(callee(last), "gwa"))
	asked.Name, asked.Start = "consultation", second/2
	three, four := plain(Caller{Manner: then(Action{4 * second, ReferJoin}, Action{60 * second, Bye})}, at(callee(Manner{Slow: 3 * second, Then: []Action{{ms100(55), Bye}}}), "gwa")),
		plain(Caller{Manner: last}, map[string][]Callee{"gwc": {callee(last)}})
	four.Name, four.Number, four.Start = "consultation", "+24255550100", 2*second
	long := then(Action{90 * second, Bye})
	five, six := plain(Caller{Manner: then(Action{4 * second, ReferJoin}, Action{90 * second, Bye})}, at(callee(then(Action{4 * second, Vanish})), "gwa")),
		plain(Caller{Manner: long}, map[string][]Callee{"gwc": {callee(long)}})
	six.Name, six.Number, six.Start = "consultation", "+24255550100", 2*second
	return []story{
		refused,
		{file: "attended-asked", title: "RFC 5589 section 7: … and what comes from who stays while its leg goes from call to call is answered", calls: []Scenario{asks, asked},
			reason: "transferred", status: 200},
		{file: "attended", title: "RFC 5589 section 7: the two who talk to the referrer are joined in one call; the other call is over", calls: []Scenario{one, two},
			reason: "transferred", status: 200},
		{file: "attended-digit", title: "… at once, though repetitions of the answer to a request that went to who stays are still waited for", calls: []Scenario{digit, after},
			reason: "transferred", status: 200},
		story1("pickup", "DR-17, RFC 3891: another telephone of the callee's equipment takes the callee's place", "normal-clearing",
			last, callee(then(Action{2 * second, Pickup})), target),
		story1("pickup-ringing", "RFC 3891 section 3: another telephone of the callee's equipment answers instead of the one that rings, which is cancelled", "normal-clearing",
			hangUp, Callee{Progress: ringing, After: 5 * second, Final: 200, Taken: 2 * second}, target),
		story1("pickup-early-media", "… as another early dialog of the caller's, which has heard the description of the one that rang", "normal-clearing",
			hangUp, Callee{Progress: media183, After: 5 * second, Final: 200, Taken: 2 * second}, target),
		one1("pickup-challenged", "… in which the UPDATE of the one that rang is challenged just then: it is void, and not sent again", "normal-clearing", 200,
			Caller{Manner: Manner{Then: hangUp.Then, Rel: Rel{Known: true}, Ask: 401}},
			at(Callee{Progress: media183, After: 5 * second, Final: 200, Taken: 2 * second, Manner: updates(prack(Manner{}, Rel{Known: true}), 2*second-ms100(1)/8)}, "gwa")),
		one1("pickup-offerless", "… not for a caller without offer, whose INVITE has none to answer: the telephone rings on", "normal-clearing", 200,
			Caller{Offerless: true, Manner: hangUp}, at(Callee{Progress: ringing, After: 5 * second, Final: 200, Taken: 2 * second}, "gwa")),
		story1("refer-caller", "NEW-03, SIG-10: the caller transfers the callee; the target takes the caller's place", "normal-clearing",
			refer(Refer), callee(last), target),
		story1("refer-callee", "NEW-03, SIG-10: the callee transfers the caller; the target takes the callee's place", "normal-clearing",
			last, callee(refer(Refer)), target),
		story1("refer-held", "A callee that is on hold is transferred: it is taken off hold by the re-INVITE", "normal-clearing",
			Manner{ReferTo: "+24255550199", Then: []Action{{second, Hold}, {2 * second, Refer}}}, callee(last), target),
		story1("refer-rest-holds", "Who stays holds the call from its end: the target is told so after it has answered", "normal-clearing",
			Manner{ReferTo: "+24255550199", Then: []Action{{2 * second, Refer}}},
			callee(then(Action{second, Hold}, Action{8 * second, Resume}, Action{30 * second, Bye})), target),
		story1("refer-bye", "RFC 5589 section 6.1: the referrer hangs up as soon as its REFER is accepted", "normal-clearing",
			refer(ReferBye), callee(last), target),
		story1("refer-bye-failed", "… and the target does not take the call: nobody is left to talk to", "transfer-failed",
			refer(ReferBye), callee(last), Callee{After: second, Final: 486}),
		one1("refer-late", "A target that was left behind answers while the next one rings: who picked up has the place", "normal-clearing", 200, Caller{Manner: refer(Refer)},
			map[string][]Callee{"gwa": {callee(last), {Progress: ringing, After: 4 * second, Final: 200}},
				"gwc": {{No100: true, After: 5 * second, Final: 200, Manner: then(Action{10 * second, Bye})}}}),
		one1("refer-unanswered", "A transfer is asked for before the caller's ACK, which has its description, and it hangs up right behind that", "normal-clearing", 200,
			Caller{Offerless: true, Manner: then(Action{ms100(1) / 20, Bye})}, at(with(reliably(media183, Rel{Known: true}), func(c *Callee) { c.Then = []Action{{0, Refer}} }), "gwa")),
		one1("refer-rash", "RFC 3261 section 15: the target hangs up before its ACK, which it must not, and its 200 is lost: the transfer has failed, and the 200 that comes again does not give it the place", "normal-clearing", 200,
			Caller{Manner: Manner{ReferTo: "+64255550199", Then: []Action{{second, Refer}, {20 * second, Bye}}}},
			map[string][]Callee{"gwa": {callee(then(Action{ms100(2565) / 100, Bye}))}, "gwb": {{Progress: ringing, After: second, Final: 200, ByeEarly: true}}}),
		story1("refer-mute", "RFC 4488: a referrer that wants no NOTIFYs gets none", "normal-clearing", refer(ReferMute), callee(last), target),
		story1("refer-busy", "The target is busy: the call goes on as it was", "normal-clearing", refer(Refer), callee(last), Callee{After: second, Final: 486}),
		story1("refer-not-joined", "Who stays refuses the description of the target: the target is hung up, the call goes on", "normal-clearing",
			refer(Refer), callee(Manner{Then: last.Then, Reinvite: 488}), target),
		story1("refer-bad-answer", "… or answers it with what does not fit: then it is told by re-INVITE how its session stands", "normal-clearing",
			refer(Refer), callee(Manner{Then: last.Then, Misfits: 1}), target),
		story1("refer-glare", "Who stays answers 491 to the re-INVITE and is asked again", "normal-clearing", refer(Refer), callee(Manner{Then: last.Then, Glare: 1}), target),
		story1("refer-two", "One transfer at a time: a second REFER gets 491", "normal-clearing", refer(ReferTwo), callee(last), target),
		story1("refer-bad", "A REFER without a target gets 400", "normal-clearing", refer(ReferBad), callee(last), target),
		story1("refer-far", "A REFER reaches only what the referrer may call", "normal-clearing", refer(ReferFar), callee(last), target),
		one1("refer-home", "DR-16: a target at the referrer's own equipment is called there, by the very URI of Refer-To", "normal-clearing", 200,
			Caller{Manner: last}, map[string][]Callee{"gwa": {callee(refer(ReferHome)), target}}).doc("gwa: {kind: gateway", "gwa: {kind: pbx"),
		one1("refer-home-pstn", "… but not at that of the telephone network, where its number costs money: a REFER from there reaches what the usages of its trunk allow", "normal-clearing", 200,
			Caller{Manner: last}, map[string][]Callee{"gwa": {callee(refer(ReferHome)), target}}).
			doc("relayMethods: [INFO, MESSAGE], usages: [all], acceptRefer", "relayMethods: [INFO, MESSAGE], acceptRefer"),
		story1("refer-rest-leaves", "Who stays hangs up while the target rings: the target is cancelled", "normal-clearing",
			refer(Refer), callee(then(Action{ms100(15), Bye})), target),
		story1("refer-target-leaves", "The target hangs up before who stays has heard of it: the transfer fails, and the call goes on", "normal-clearing",
			refer(Refer), callee(Manner{Then: last.Then, Slow: 3 * second}), Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{second, Bye})}),
		{file: "attended-guest-leaves", title: "RFC 5589 section 7: who stays hangs up before the two are joined: the call that it was to join goes on", calls: []Scenario{three, four},
			reason: "transfer-failed", status: 200},
		{file: "attended-guest-vanished", title: "… or is gone when it is asked", calls: []Scenario{five, six}, reason: "peer-vanished", status: 200},
		story1("refer-no-ack", "Who has taken the caller's place does not acknowledge: the record says that it was the caller's side", "ack-missing",
			refer(Refer), callee(then(Action{90 * second, Bye})), Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{3 * second, Hold}, Action{3*second + ms100(1)/4, Vanish})}).
			doc("trunk:gwc: {", "trunk:gwc: {rtcpActiveCalls: false, rtcpCallsOnHold: false, "),
		story1("refer-passed", "TRK-06, SIG-09: the other side takes REFER and calls the target itself", "transferred", refer(Refer), callee(Manner{Then: last.Then, Refers: 200}), target),
		story1("refer-passed-failed", "… which does not succeed: the call goes on", "normal-clearing", refer(Refer), callee(Manner{Then: last.Then, Refers: 486}), target),
		story1("refer-passed-mute", "… without NOTIFYs", "transferred", refer(ReferMute), callee(Manner{Then: last.Then, Refers: 200}), target),
		story1("refer-passed-refused", "P6: the other side's Allow was not true: the transfer is made without it", "normal-clearing",
			refer(Refer), callee(Manner{Then: last.Then, Refuses: 405}), target),
	}
}
