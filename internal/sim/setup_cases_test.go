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
		one1("timer-known", "TRK-08, RFC 4028 §9: the caller knows timers and asks for none: we add one and refresh", "normal-clearing", 200,
			longCall(100, known), at(noUpdate, "gwa")).doc(callers, callers+timers),
	}
}

func with(c Callee, change func(*Callee)) Callee {
	change(&c)
	return c
}

// doc has the story run with a changed document: pairs of old and new text.
func (s story) doc(changes ...string) story {
	s.changes = changes
	return s
}
