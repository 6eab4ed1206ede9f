package sim

import (
	"strings"
	"time"
)

// painStories are the ladders of what administrators of Direct SIP suffer from (docs/features.md, P01 to P35), each with the defaults and, where
// these are not what helps, with the setting that does.
func painStories() []story {
	up := Caller{Manner: hangUp}
	refuses := func(status, cause int) Callee { return Callee{After: ms100(3), Final: status, Cause: cause} }
	lasts := func(n int) Caller { return Caller{Manner: then(Action{time.Duration(n) * second, Bye})} }
	mute := Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{0, Mute})}
	muteOnHold := Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Mute})}
	mutely := Caller{Manner: then(Action{second, Hold}, Action{2 * second, Mute}, Action{60 * second, Resume}, Action{65 * second, Bye})}
	held := Caller{Manner: then(Action{second, Hold}, Action{60 * second, Resume}, Action{65 * second, Bye})}
	halfHour := Timer{Known: true, Interval: 30 * time.Minute, Refresher: "uac"}
	byUs := halfHour
	byUs.Refresher = "uas"
	stiff := Callee{Progress: ringing, After: second, Final: 200, NoUpdate: true, Manner: Manner{Reinvite: 500}}
	target := Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{30 * second, Bye})} // of a transfer
	stubborn := Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{SendRecv: true}}

	list := []story{
		one1("p01-mute", "P01: the gateway sends neither RTP nor RTCP: by default the call ends after mediaTimeout", "media-dead", 200, lasts(60), at(mute, "gwa")),
		one1("p01-mute-kept", "P01: … and with rtcpActiveCalls off it stays", "normal-clearing", 200, lasts(60), at(mute, "gwa")).
			doc(targets, targets+", rtcpActiveCalls: false"),
		one1("p01-hold", "P01: the gateway sends nothing while it is held, neither RTP nor RTCP: it only listens, and is not missed", "normal-clearing", 200, held, at(muteOnHold, "gwa")),
		one1("p01-hold-holder", "P01: who holds says that it sends, and does not: by default the call ends after mediaTimeout", "media-dead", 200, mutely, at(answers, "gwa")),
		one1("p01-hold-kept", "P01: … and with rtcpCallsOnHold off it stays", "normal-clearing", 200,
			mutely, at(answers, "gwa")).doc(callers, callers+", rtcpCallsOnHold: false"),
		one1("p02-refresh", "P02: the caller refreshes its timer of 30 minutes and is answered at once, whatever the other leg would say", "normal-clearing", 200,
			longCall(35*60, halfHour), at(stiff, "gwa")),
		one1("p02-refresh-by-us", "P02: the caller leaves the refresh to us: it comes in time", "normal-clearing", 200, longCall(35*60, byUs), at(stiff, "gwa")),
		one1("p03-slow", "P03: a mobile telephone that is looked for during 45 s, with noProgressTimeout off", "normal-clearing", 200, up,
			at(Callee{After: 45 * second, Final: 200}, "gwa")).doc(targets, targets+", noProgressTimeout: 0s"),
		one1("p04-failover-code", "P04: failoverCodes of the trunk: what this gateway does not know another one may", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(404, 1)}, "gwb": {answers}}).doc(targets, targets+", failoverCodes: [404]"),
		to("+64255550100", one1("p04-response-rule", "P04: a response rule of the trunk takes its busy for congestion", "normal-clearing", 200, up,
			map[string][]Callee{"gwb": {refuses(486, 0)}, "gwa": {answers}}).doc("{failoverCodes: [486]", "{responseRules: [{name: full, code: 486, to: 503}]")),
		one1("p05-502", "P05: a line out of service, told as 502: the next trunk is tried", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(502, 0)}, "gwb": {answers}}),
		one1("p05-cause-27", "P05: … told as 404 or 486 with Q.850 cause 27: the cause decides", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(404, 27)}, "gwb": {refuses(486, 27)}, "gwc": {answers}}).doc("{failoverCodes: [486], ", "{"),
		one1("p06-no-refer", "P06: the platform transfers a gateway that has no REFER: directsip calls the target in its place", "normal-clearing", 200,
			Caller{Manner: Manner{ReferTo: "+24255550199", Then: []Action{{second, Refer}, {20 * second, Bye}}}},
			map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 200, Manner: then(Action{10 * second, Bye})}}, "gwc": {target}}),
		one1("p07-pbx-refers", "P07: the PBX transfers by its own REFER, with acceptRefer", "normal-clearing", 200, Caller{Manner: then(Action{10 * second, Bye})},
			map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 200, Manner: Manner{ReferTo: "+24255550199", Then: []Action{{second, Refer}, {20 * second, Bye}}}}}, "gwc": {target}}),
		one1("p07-refused", "P07: … and is refused by default, and the call stays", "normal-clearing", 200, Caller{Manner: then(Action{10 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{second, Refer})}, "gwa")).
			doc(targets, strings.Replace(targets, "acceptRefer: true, ", "", 1)),
		one1("p08-180-with-sdp", "P08: early media in 180: it passes, and the answer has the same description", "normal-clearing", 200, up,
			at(Callee{Progress: []Progress{{ms100(2), 180, true}}, After: 2 * second, Final: 200}, "gwa")),
		one1("p08-183-then-180", "P08: 183 with early media, then 180 without: both pass", "normal-clearing", 200, up,
			at(Callee{Progress: []Progress{{ms100(2), 183, true}, {ms100(9), 180, false}}, After: 2 * second, Final: 200}, "gwa")),
		one1("p08-two-trunks", "P08: early media of a trunk that then fails, and of the next one: each in an early dialog of its own", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {{Progress: media183, After: second, Final: 503}}, "gwb": {{Progress: media183, After: 2 * second, Final: 200}}}),
		one1("p11-t38", "P11: a fax machine behind the gateway asks for T.38, and the other side has it: it passes", "normal-clearing", 200,
			Caller{Manner: Manner{Fax: true, Then: []Action{{10 * second, Bye}}}}, at(Callee{Progress: ringing, After: second, Final: 200,
				Manner: Manner{Fax: true, Then: []Action{{2 * second, Fax}}}}, "gwa")),
		one1("p11-t38-refused", "P11: … and the other side refuses it: the call goes on in G.711 as it was", "normal-clearing", 200,
			Caller{Manner: Manner{Reinvite: 488, Then: []Action{{10 * second, Bye}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Fax})}, "gwa")),
		one1("p15-udp", "P15: from a platform by TCP to a provider that has UDP only", "normal-clearing", 200, up, at(answers, "gwa")),
		to("+34255550100", one1("p16-digest", "P16: a provider that asks for user name and password", "normal-clearing", 200, up, at(asks(407, answers), "sbc")).
			doc("host: sbc.sim.example, root: {transport: UDP}", "host: sbc.sim.example, root: {transport: UDP, credentials: {user: directsip, password: secret}}")),
		one1("p21-no-other-gateway", "P21: the only trunk of the route fails: no gateway that the routes do not name is asked", "peer-congestion", 503, up,
			map[string][]Callee{"gwb": {refuses(503, 0)}, "*": {answers}}).doc("trunks: [gwa, gwb, gwc], selection: ordered}\n  - {name: two", "trunks: [gwb]}\n  - {name: two"),
		to("+24255550100", one1("p22-half-dead", "P22: a dead gateway that no route of the call names has no part in it", "normal-clearing", 200, up, at(answers, "gwc"))),
		one1("p25-inbound-rule", "P25: an inbound rule sends a number that is nobody's to a user", "normal-clearing", 200, up, at(answers, "ucb")).
			doc("emergency:\n", "inboundRules:\n  - {name: night, called: '^\\+49897000$', kinds: [gateway], to: {user: ursula}}\nemergency:\n"),
		one1("p27-park", "P27: the platform parks the call and the gateway answers sendrecv; the platform is shown what it asked for", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Inactive}, Action{10 * second, Resume}, Action{12 * second, Bye})}, at(stubborn, "gwa")),
		one1("p28-held", "P28: a call that begins on hold is taken by default, and resumed", "normal-clearing", 200,
			Caller{Held: "inactive", Manner: then(Action{second, Resume}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("p28-refused", "P28: … and refused as by Lync with heldOffer: refuse", "held-offer", 488, Caller{Held: "inactive", Manner: hangUp}, at(answers, "gwa")).
			doc(callers, callers+", heldOffer: refuse"),
		one1("p29-no-prack", "P29: the caller has 100rel and never sends PRACK: with reliableProvisional off it is asked for none; the trunk still is", "normal-clearing", 200,
			Caller{Manner: prack(hangUp, Rel{Known: true, NoPrack: true})}, at(reliably(media183, Rel{Known: true}), "gwa")).
			doc(callers, callers+", reliableProvisional: off"),
	}
	for i := range list {
		switch c := &list[i].calls[0]; list[i].file {
		case "p02-refresh", "p02-refresh-by-us":
			list[i].long = true
		case "p15-udp":
			c.From = "ucb"
		case "p22-half-dead":
			list[i].set = func(w *World) { w.Host("gwb").Dead = true }
		case "p25-inbound-rule":
			c.From, c.Number = "gwa", "+49897000"
		}
	}
	return list
}
