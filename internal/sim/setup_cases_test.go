package sim

import "time"

// Settings of both trunks of a ladder.
const timers = ", enableSessionTimer: true, sessionExpires: 90s"

// longCall is hung up after so many seconds.
func longCall(n int, t Timer) Caller {
	return Caller{Manner: Manner{Timer: t, Then: []Action{{time.Duration(n) * second, Bye}}}}
}

// clocked is a telephone that answers and deals with session timers in some way.
func clocked(t Timer) Callee {
	return Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Timer: t}}
}

// setupStories are the ladders of what RFC 3262, RFC 3311 and RFC 4028 add to the set-up of calls.
func setupStories() []story {
	up := Caller{Manner: hangUp}
	known := Timer{Known: true}
	asks := func(by string) Timer { return Timer{Known: true, Interval: 90 * second, Refresher: by} }
	noUpdate := clocked(asks("uas"))
	noUpdate.NoUpdate = true
	deaf := clocked(Timer{})
	deaf.NoUpdate = true
	lazy := asks("uac")
	lazy.Lazy = true
	return []story{
		one1("timer-off", "TRK-08: no timer is offered, and one that the caller asks for is served on its leg alone", "normal-clearing", 200,
			longCall(100, asks("uac")), at(answers, "gwa")),
		one1("timer-caller-wants-us", "RFC 4028 §9: the caller wants us to refresh: UPDATE at half the interval", "normal-clearing", 200,
			longCall(100, asks("uas")), at(answers, "gwa")),
		one1("timer-422", "RFC 4028 §6: less than 90 s is refused with 422, and the caller asks for more", "session-interval-too-small", 422,
			longCall(5, Timer{Known: true, Interval: 60 * second}), at(answers, "gwa")),
		one1("timer-target-422", "RFC 4028 §7.3: the target's 422 leads to a longer interval in the same dialog to be", "normal-clearing", 200,
			longCall(5, Timer{}), at(clocked(Timer{Known: true, Least: 200 * second}), "gwa")).doc(targets, targets+timers),
		one1("timer-callee-refreshes", "TRK-08: the target refreshes the timer that we offer", "normal-clearing", 200,
			longCall(100, Timer{}), at(clocked(asks("uas")), "gwa")).doc(targets, targets+timers),
		one1("timer-we-refresh", "TRK-08: the target leaves the refresh to us; it has no UPDATE, so it is a re-INVITE", "normal-clearing", 200,
			longCall(100, Timer{}), at(with(clocked(asks("uac")), func(c *Callee) { c.NoUpdate = true }), "gwa")).doc(targets, targets+timers),
		one1("timer-target-without", "RFC 4028 §7.2: the target knows no timers: we refresh alone", "normal-clearing", 200,
			longCall(100, Timer{}), at(deaf, "gwa")).doc(targets, targets+timers),
		one1("timer-both-vanish", "RFC 4028 §10: both peers vanish while nobody watches their media: the timer ends the call", "session-expired", 200,
			Caller{Manner: Manner{Then: []Action{{10 * second, Vanish}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Then: []Action{{10 * second, Vanish}}}}, "gwa")).
			doc(targets, targets+timers+liveness, callers, callers+liveness),
		one1("timer-expires", "RFC 4028 §10: the caller was to refresh and does not: BYE on both legs before the interval ends", "session-expired", 200,
			Caller{Manner: Manner{Timer: lazy}}, at(answers, "gwa")),
		one1("reliable", "SIG-07, RFC 3262: both sides take reliable provisional responses; each leg has its own PRACK", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Known: true})}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("reliable-target", "SIG-07: only the target does; its answer comes in the 183, the 200 has none", "normal-clearing", 200,
			Caller{Manner: hangUp}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("reliable-caller", "SIG-07: only the caller does; the 200 waits for the PRACK of the answer", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Required: true})}, at(Callee{Progress: media183, After: ms100(2), Final: 200}, "gwa")),
		one1("reliable-no-prack", "RFC 3262 §3: the caller never acknowledges: its INVITE is refused after 64*T1", "prack-missing", 504,
			Caller{Manner: prack(hangUp, Rel{Known: true, NoPrack: true})}, at(Callee{Progress: media183}, "gwa")),
		one1("reliable-off", "SIG-07: reliableProvisional off: 420 to a caller that requires it", "unsupported-extension", 420,
			Caller{Manner: prack(hangUp, Rel{Required: true})}, at(answers, "gwa")).doc(callers, callers+", reliableProvisional: off"),
		one1("reliable-required", "SIG-07: reliableProvisional required: 421 to a caller that does not have it", "extension-required", 421,
			Caller{Manner: hangUp}, at(answers, "gwa")).doc(callers, callers+", reliableProvisional: required"),
		one1("reliable-forked", "RFC 3262 §4: every early dialog of a fork counts for itself", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Known: true})}, at(with(reliably(media183, Rel{Known: true}), func(c *Callee) {
				c.Final = 0
				c.Fork = []Callee{reliably([]Progress{{ms100(4), 180, false}, {ms100(5), 183, true}}, Rel{Known: true})}
			}), "gwa")),
		one1("reliable-offerless", "RFC 3262 §5: offer in the 183, answer in the PRACK, on both legs", "normal-clearing", 200,
			Caller{Offerless: true, Manner: prack(hangUp, Rel{Known: true})}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("reliable-offerless-target", "RFC 3262 §5: the target offers in its 183; the caller cannot answer before the 200, so we do", "normal-clearing", 200,
			Caller{Offerless: true, Manner: hangUp}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("reliable-offerless-held", "… then it is told by re-INVITE that the caller has answered with hold", "normal-clearing", 200,
			Caller{Offerless: true, Held: "sendonly", Manner: hangUp}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("reliable-offerless-491", "… and once more where that crosses one of its own", "normal-clearing", 200,
			Caller{Offerless: true, Held: "sendonly", Manner: then(Action{9 * second, Bye})},
			at(with(reliably(media183, Rel{Known: true}), func(c *Callee) { c.Glare = 2 }), "gwa")),
		one1("reliable-offerless-refused", "RFC 3261 section 14.1: … which it refuses: each side keeps what it has agreed with us, and the caller holds", "normal-clearing", 200,
			Caller{Offerless: true, Held: "sendonly", Manner: hangUp},
			at(with(reliably(media183, Rel{Known: true}), func(c *Callee) { c.Reinvite = 488 }), "gwa")),
		one1("reliable-offerless-bye", "… or it hangs up before it has heard of that", "normal-clearing", 200, Caller{Offerless: true, Held: "sendonly", Manner: hangUp},
			at(with(reliably(media183, Rel{Known: true}), func(c *Callee) { c.Manner.Then = []Action{{15 * time.Millisecond, Bye}} }), "gwa")),
		one1("reliable-reoffer", "RFC 3262 §5, RFC 3311: a new offer in the caller's PRACK goes on as UPDATE", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Known: true, Reoffer: true})}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("early-update-caller", "RFC 3311 §5.1: the caller moves its media before the answer", "normal-clearing", 200,
			Caller{Manner: updates(prack(hangUp, Rel{Known: true}), ms100(10))}, at(reliably(media183, Rel{Known: true}), "gwa")),
		one1("early-update-target", "RFC 3311 §5.1: the target moves its media before the answer", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Known: true})}, at(with(reliably(media183, Rel{Known: true}), func(c *Callee) { c.Early = []time.Duration{second} }), "gwa")),
		one1("early-update-alone", "RFC 3311: the caller has no reliable answer, so the target's UPDATE is answered by us", "normal-clearing", 200,
			Caller{Manner: hangUp}, at(with(reliably(media183, Rel{Known: true}), func(c *Callee) { c.Early = []time.Duration{second} }), "gwa")),
		one1("early-update-none", "RFC 3311 §5.1: a caller that has heard nothing reliably moves nothing before its ACK", "normal-clearing", 200,
			Caller{AckDelay: second, Manner: updates(hangUp, ms100(25))}, at(answers, "gwa")),
		one1("offer-always", "outboundOffer always: an INVITE without offer goes on with one of ours", "normal-clearing", 200,
			Caller{Offerless: true, Manner: hangUp}, at(Callee{Progress: media183, After: second, Final: 200}, "gwa")).doc(targets, targets+", outboundOffer: always"),
		one1("early-media-first", "earlyMedia first: the description of the second branch is not told before the answer", "normal-clearing", 200, up,
			at(Callee{Progress: media183, After: 2 * second, Final: 0, Fork: []Callee{{Progress: []Progress{{ms100(4), 183, true}}, After: 2 * second, Final: 200}}}, "gwa")).
			doc(callers, callers+", earlyMedia: first"),
		one1("early-media-none", "earlyMedia none: 183 without description (SIG-20)", "normal-clearing", 200, up,
			at(Callee{Progress: media183, After: 2 * second, Final: 200}, "gwa")).doc(callers, callers+", earlyMedia: none"),
		one1("early-media-local", "earlyMedia local: the caller plays its own ring-back", "normal-clearing", 200, up,
			at(Callee{Progress: media183, After: 2 * second, Final: 200}, "gwa")).doc(callers, callers+", earlyMedia: local"),
		one1("progress-by-sdp", "P20: progressCode by-sdp: a description in 180 is shown in 183", "normal-clearing", 200, up,
			at(Callee{Progress: []Progress{{ms100(2), 180, true}}, After: 2 * second, Final: 200}, "gwa")).doc(callers, callers+", progressCode: by-sdp"),
		one1("progress-code-180", "P08: progressCode 180: a caller that plays no ring-back on 183 is told 180", "normal-clearing", 200, up,
			at(Callee{Progress: []Progress{{ms100(2), 183, false}}, After: 2 * second, Final: 200}, "gwa")).doc(callers, callers+", progressCode: 180"),
		one1("progress-code-183", "SIG-20, P08: progressCode 183: a caller that takes no description in 180 has it in 183, and 183 without one before", "normal-clearing", 200, up,
			at(Callee{Progress: []Progress{{ms100(2), 180, false}, {ms100(5), 180, true}}, After: 2 * second, Final: 200}, "gwa")).doc(callers, callers+", progressCode: 183"),
		one1("forwarded-183", "SIG-20: progressCode 183: a caller is told by 183 without description that its call is forwarded", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+14255550199@198.51.100.12>")}, "gwb": {answers}}).doc(callers, callers+", progressCode: 183"),
		one1("forwarded-100rel", "RFC 3262 §3: a caller that requires reliable responses is not told of it by another one", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Required: true})},
			map[string][]Callee{"gwa": {elsewhere("<sip:+14255550199@198.51.100.12>")}, "gwb": {answers}}),
		one1("redirect", "redirect follow: the 302 names another gateway that redirectHosts allows", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+14255550199@198.51.100.12>")}, "gwb": {answers}}),
		one1("redirect-through-us", "redirect follow: the 302 names our own host, as a telephone that is forwarded does: the number goes where routing has it", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+34255550199@192.0.2.11>")}, "sbc": {answers}}),
		one1("redirect-order", "RFC 3261 section 20.10: the Contact with the highest q is tried first; it is on the same trunk", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+14255550198@198.51.100.12>;q=0.2, <sip:+14255550199@198.51.100.11>;q=0.9"), answers}}),
		one1("redirect-loop", "RFC 3261 section 8.1.3.4: two gateways that name each other are each tried once", "all-trunks-failed", 503, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+14255550100@198.51.100.12>")}, "gwb": {elsewhere("<sip:+14255550100@198.51.100.11>")}, "gwc": {{Final: 503}}}).
			doc(gwb, gwb+", redirect: follow, redirectHosts: [198.51.100.11]"),
		one1("redirect-refused", "redirectHosts: a host that is not named is not called", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+14255550199@203.0.113.9>")}, "gwb": {answers}}),
		one1("redirect-not-allowed", "redirect follow: a number that the caller may not call is not called for it", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {elsewhere("<sip:+999123@198.51.100.11>, <sip:+14255550199@198.51.100.12>"), answers}, "gwb": {answers}}),
		one1("timer-known", "TRK-08, RFC 4028 §9: the caller knows timers and asks for none: we add one and refresh", "normal-clearing", 200,
			longCall(100, known), at(noUpdate, "gwa")).doc(callers, callers+timers),
	}
}

// reliably is a telephone that rings in some way, reliably where that is offered, and answers after two seconds.
func reliably(ring []Progress, r Rel) Callee {
	return Callee{Progress: ring, After: 2 * second, Final: 200, Manner: Manner{Rel: r}}
}

func prack(m Manner, r Rel) Manner {
	m.Rel = r
	return m
}

func updates(m Manner, early time.Duration) Manner {
	m.Early = []time.Duration{early}
	return m
}

// elsewhere is a telephone that redirects.
func elsewhere(contact string) Callee { return Callee{After: ms100(3), Final: 302, Contact: contact} }

func with(c Callee, change func(*Callee)) Callee {
	change(&c)
	return c
}

// doc has the story run with a changed document: pairs of old and new text.
func (s story) doc(changes ...string) story {
	s.changes = changes
	return s
}
