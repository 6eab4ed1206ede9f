package sim

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/topology"
)

const second = time.Second

func ms100(n int) time.Duration { return time.Duration(n) * 100 * time.Millisecond }

// Ingredients of the ladders.
var (
	media183 = []Progress{{ms100(2), 183, true}}
	hangUp   = Manner{Then: []Action{{5 * second, Bye}}}
	answers  = Callee{Progress: ringing, After: 2 * second, Final: 200}
)

func then(acts ...Action) Manner { return Manner{Then: acts} }

func at(c Callee, host string) map[string][]Callee { return map[string][]Callee{host: {c}} }

// story is one ladder: a scenario, or more, on a perfect network.
type story struct {
	file   string
	title  string
	calls  []Scenario
	set    func(w *World)
	reason string // of the first record
	status int
	// changes of the document: pairs of old and new text
	changes []string
	snap    *topology.Snapshot // the document, compiled once
	shards  int                // of each node; 0: one
	long    bool               // most of its packets are probes, whose faults are those of other stories
}

// plain is a call from uca to a number of route one.
func plain(c Caller, callees map[string][]Callee) Scenario {
	return Scenario{Name: "call", From: "uca", Number: "+14255550100", Caller: c, Callees: callees}
}

func one1(file, title, reason string, status int, c Caller, callees map[string][]Callee) story {
	return story{file: file, title: title, calls: []Scenario{plain(c, callees)}, reason: reason, status: status}
}

func to(number string, s story) story {
	s.calls[0].Number = number
	return s
}

// stories are the behaviours that the documentation promises, one ladder each.
func stories() []story {
	up := Caller{Manner: hangUp}
	wakes, soon := Callee{No100: true, Progress: []Progress{{4 * second, 180, false}}}, Callee{No100: true, After: 10 * time.Millisecond, Final: 503}
	deaf := func(c *Callee) { c.Deaf, c.After, c.Final = true, 60*second, 480 }
	refuses := func(status, cause int) Callee { return Callee{After: ms100(3), Final: status, Cause: cause} }
	list := []story{
		one1("plain", "A call that is answered, and that the caller ends", "normal-clearing", 200, up, at(answers, "gwa")),
		one1("callee-bye", "A call that the callee ends", "normal-clearing", 200, Caller{}, at(Callee{Progress: ringing, After: second, Final: 200, Manner: hangUp}, "gwa")),
		one1("early-media", "SIG-06: a description in 183 before the answer", "normal-clearing", 200, up, at(Callee{Progress: media183, After: 2 * second, Final: 200}, "gwa")),
		one1("forked-180", "SIG-05, TRK-02: a proxy behind the trunk forks; the caller sees each early dialog under a tag of its own", "normal-clearing", 200, up,
			at(Callee{Progress: media183, After: 2 * second, Final: 0, Fork: []Callee{{Progress: []Progress{{ms100(4), 183, true}}, After: 2 * second, Final: 200}}}, "gwa")),
		one1("forked-200", "Two telephones behind a forking proxy answer: the second answer is acknowledged and hung up", "normal-clearing", 200, up,
			at(Callee{Progress: ringing, After: 2 * second, Final: 200, Fork: []Callee{{Progress: ringing, After: ms100(21), Final: 200}}}, "gwa")),
		one1("refused-answered", "RFC 3261 §16.7 item 5: a telephone behind a forking proxy answers when another one has refused the call: it is acknowledged and hung up", "busy", 486, up,
			at(Callee{Progress: ringing, After: second, Final: 486, Fork: []Callee{{Progress: ringing, After: 3 * second, Final: 200}}}, "gwa")),
		to("+24255550100", one1("refused-answered-tcp", "… by TCP", "busy", 486, up,
			at(Callee{Progress: ringing, After: second, Final: 486, Fork: []Callee{{Progress: ringing, After: 3 * second, Final: 200}}}, "gwc"))),
		one1("refused-answered-hunting", "… while the next target rings: who picked up is connected", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {{Progress: ringing, After: second, Final: 503, Fork: []Callee{{Progress: ringing, After: 3 * second, Final: 200}}}},
				"gwb": {{Progress: ringing, After: 9 * second, Final: 200}}}),
		one1("busy", "P4: busy ends the call, no other trunk is tried", "busy", 486, up, at(refuses(486, 0), "gwa")),
		to("+64255550100", one1("busy-failover", "NEW-08, P5: failoverCodes of the trunk name 486, so the next trunk is tried", "normal-clearing", 200, up,
			map[string][]Callee{"gwb": {refuses(486, 0)}, "gwa": {answers}})),
		one1("terminated", "A target that says 487 of its own accord is not the caller's giving up", "declined", 487, up, at(refuses(487, 0), "gwa")),
		to("112", one1("terminated-emergency", "… and another one takes an emergency call all the same", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(487, 0)}, "gwb": {answers}})),
		one1("declined", "P4: 603 ends the call", "declined", 603, up, at(refuses(603, 0), "gwa")),
		one1("not-found", "404 ends the call: the number is wrong everywhere", "not-found", 404, up, at(refuses(404, 0), "gwa")),
		one1("no-circuit", "RTE-16: 404 with Q.850 cause 34 means no circuit, so the next trunk is tried", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(404, 34)}, "gwb": {answers}}),
		one1("privacy-critical", "RFC 3323 section 5: the caller insists on a privacy that nobody knows, and is refused", "privacy-impossible", 500,
			Caller{Headers: []string{"Privacy: telepathy;critical"}, Manner: hangUp}, at(answers, "gwa")),
		one1("redirected-in-circles", "NEW-05: a call that was passed on eleven times is refused", "too-many-redirections", 483,
			Caller{Headers: []string{"Diversion: <sip:PASSED@HOST>;counter=6, <sip:PASSED@HOST>;counter=5"}, Manner: hangUp}, at(answers, "gwa")),
		to("+24255550100", one1("connected-update", "TRK-28: the callee says by UPDATE who is there now, and the caller is told by UPDATE", "normal-clearing", 200,
			Caller{Manner: then(Action{5 * second, Bye})}, at(Callee{Progress: ringing, After: second, Final: 200, Named: true, Manner: then(Action{2 * second, Ping})}, "gwc"))),
		one1("failover-503", "RTE-16: 503, then 500, then the third trunk answers", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(503, 0)}, "gwb": {refuses(500, 0)}, "gwc": {answers}}),
		one1("all-failed", "Every trunk fails", "all-trunks-failed", 503, up, map[string][]Callee{"*": {refuses(503, 0)}}),
		one1("silent", "TRK-17: a trunk that does not answer at all is left after noResponseTimeout", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {{Silent: true}}, "gwb": {answers}}),
		one1("only-100", "P3, TRK-17: no progress in 10 s: the target is cancelled, confirms, and only then the next one rings", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {{}}, "gwb": {answers}}),
		one1("slow-ringing", "P3: ringing for a minute is progress: the call stays on its trunk", "normal-clearing", 200, up,
			at(Callee{Progress: []Progress{{8 * second, 180, false}}, After: 60 * second, Final: 200}, "gwa")),
		one1("200-crosses-cancel", "The answer crosses the CANCEL of noProgressTimeout: the call is made", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {{Late: 1 * time.Millisecond}}, "gwb": {answers}}),
		one1("late-answer", "A target that was left behind answers while the next one is tried: who picked up is connected", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {{No100: true, After: 5 * second, Final: 200}}, "gwb": {{Progress: ringing, After: 9 * second, Final: 200}}}),
		one1("woken", "A target that was left behind wakes up and rings, and the next one refuses before it has confirmed its CANCEL: no third one rings before that", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {wakes}, "gwb": {soon}, "gwc": {answers}}),
		one1("woken-answers", "… or it answers in spite of the CANCEL: the call is made", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {with(wakes, func(c *Callee) { c.Late = ms100(3) })}, "gwb": {soon}, "gwc": {answers}}),
		one1("woken-deaf", "… or it takes no notice of the CANCEL: after a second the third one is tried", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {with(wakes, deaf)}, "gwb": {soon}, "gwc": {answers}}),
		one1("woken-cancel", "… and the caller gives up within that second: what the target was left behind for stays in the record", "caller-cancelled", 487,
			Caller{GiveUp: ms100(45), Manner: hangUp},
			map[string][]Callee{"gwa": {with(wakes, deaf)}, "gwb": {soon}, "gwc": {answers}}),
		one1("woken-no-tcp", "… or the next one asks for a password, which makes the INVITE too large for UDP, and has no TCP: it is the same target that is called once more by UDP",
			"normal-clearing", 200, up, map[string][]Callee{"gwa": {with(wakes, func(c *Callee) { c.Progress = []Progress{{3995 * time.Millisecond, 180, false}} })}, "gwb": {asks(407, answers)}}).
			doc(gwb, gwb+", udpMaxRequest: 1100"),
		one1("rash", "RFC 3261 section 15: the target hangs up before its ACK, which it must not, and its 200 is lost: the call is over, and the 200 that comes again makes none", "answer-lost", 480,
			up, at(Callee{Progress: ringing, After: second, Final: 200, ByeEarly: true}, "gwa")),
		one1("rings-for-ever", "Nobody answers: noAnswerTimeout cancels the target", "no-answer", 480, up, at(Callee{Progress: ringing}, "gwa")),
		one1("rings-408", "The target rings, and the proxy before it gives up with 408: nobody has answered, and no other telephone rings", "no-answer", 408, up,
			map[string][]Callee{"gwa": {{Progress: ringing, After: 60 * second, Final: 408}}, "gwb": {answers}}),
		one1("cancel", "The caller gives up while it rings", "caller-cancelled", 487, Caller{GiveUp: second}, at(Callee{Progress: ringing}, "gwa")),
		one1("cancel-before-100", "The caller gives up before the target has said anything: the CANCEL waits for its first response", "caller-cancelled", 487,
			Caller{GiveUp: ms100(1)}, at(Callee{No100: true, Progress: []Progress{{second, 180, false}}}, "gwa")),
		one1("cancel-crosses-200", "The caller's CANCEL crosses the answer: the target is acknowledged and hung up", "caller-cancelled", 487,
			Caller{GiveUp: ms100(10)}, at(Callee{Progress: ringing, After: 995 * time.Millisecond, Final: 200}, "gwa")),
		one1("bye-early", "The caller ends the early dialog by BYE", "caller-cancelled", 487, Caller{GiveUp: second, HangUp: true}, at(Callee{Progress: ringing}, "gwa")),
		one1("hold", "SIG-12: hold and resume by the caller; the directions are mirrored", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{3 * second, Resume}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("hold-dtls", "DR-24: DTLS and ICE on one side alone: hold and resume change neither role nor credentials, and the gateway hears of nothing", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{3 * second, Resume}, Action{5 * second, Bye})}, at(answers, "gwa")).
			doc(callers, callers+", srtpMode: required, srtpKeying: dtls, ice: lite"),
		one1("hold-callee", "SIG-12: hold and resume by the callee", "normal-clearing", 200, Caller{Manner: then(Action{6 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{second, Hold}, Action{3 * second, Resume})}, "gwa")),
		one1("glare", "Both sides send a re-INVITE at once: one gets 491 and tries again", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{10 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{second, Inactive})}, "gwa")),
		one1("hold-refused", "A refused re-INVITE leaves the session as it was", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{2 * second, Hold}, Action{3 * second, Refresh}, Action{5 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Reinvite: 488}}, "gwa")),
		one1("hold-zero", "Hold by c=0.0.0.0 as in RFC 2543 goes on as sendonly; the callee answers with recvonly", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Zero}, Action{3 * second, Resume}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("hold-both", "Both sides hold one after the other: inactive remains until both have resumed", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{5 * second, Resume}, Action{8 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Hold}, Action{6 * second, Resume})}, "gwa")),
		one1("hold-recvonly", "A side that only wants to hear: recvonly is mirrored as sendonly", "normal-clearing", 200,
			Caller{Manner: then(Action{second, RecvOnly}, Action{3 * second, Resume}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("hold-not-mirrored", "SIG-12, P27: the gateway answers hold with sendrecv; the caller is shown recvonly", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{3 * second, Resume}, Action{5 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{SendRecv: true}}, "gwa")),
		one1("resume-codec", "Resume with another codec first", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Inactive}, Action{3 * second, Recode}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("hold-bad-answer", "The answer to a re-INVITE does not fit: it is refused, and who has accepted it is told by re-INVITE how its session stands", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{10 * second, Bye})}, at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Misfits: 1}}, "gwa")),
		one1("hold-491", "A re-INVITE that gets 491 is sent again after the delay of RFC 3261 section 14.1; the caller notices nothing", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{10 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Glare: 1}}, "gwa")),
		one1("hold-491-always", "… three times, then the 491 goes to who asked", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{20 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Glare: 9}}, "gwa")),
		one1("hold-no-end", "RFC 3261 section 9.1: the caller says 100 to a re-INVITE and vanishes: 64*T1 after the CANCEL it is over, and the next one is sent", "peer-vanished", 200,
			Caller{Manner: Manner{Slow: time.Hour, Then: []Action{{3 * second, Vanish}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Hold}, Action{100 * second, Hold})}, "gwa")).
			doc(callers, callers+liveness, targets, targets+liveness),
		one1("message", "relayMethods: MESSAGE passes where both trunks have it; a method that nobody knows gets 501", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Message}, Action{2 * second, Beep}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("update", "UPDATE moves the caller's media", "normal-clearing", 200, Caller{Manner: then(Action{second, Update}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("update-as-reinvite", "UPDATE toward a peer that does not allow it goes on as re-INVITE", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Update}, Action{5 * second, Bye})}, at(Callee{Progress: ringing, After: second, Final: 200, NoUpdate: true}, "gwa")),
		one1("info", "INFO goes from leg to leg", "normal-clearing", 200, Caller{Manner: then(Action{second, Info}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("offerless", "An INVITE without offer: the callee offers in its 200, the caller answers in its ACK", "normal-clearing", 200,
			Caller{Offerless: true, Manner: hangUp}, at(answers, "gwa")),
		one1("offerless-empty-ack", "The ACK lacks the answer: the callee still gets an ACK with one, and both are hung up", "bad-answer", 200,
			Caller{Offerless: true, EmptyAck: true}, at(answers, "gwa")),
		one1("offerless-reinvite", "A re-INVITE without offer goes from leg to leg, and so do offer and answer", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Offerless}, Action{5 * second, Bye})}, at(answers, "gwa")),
		one1("offerless-then-hold", "After a re-INVITE without offer either side may change the session again", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Offerless}, Action{3 * second, Hold}, Action{9 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{5 * second, Inactive})}, "gwa")),
		one1("resume-offerless", "Resume by a re-INVITE without offer, as of Cisco: the gateway offers what stands, which is the caller's own hold, and the caller is offered sendrecv; the gateway is told by re-INVITE",
			"normal-clearing", 200, Caller{Manner: then(Action{second, Inactive}, Action{3 * second, ResumeBare}, Action{8 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true}}, "gwa")),
		one1("resume-offerless-callee", "… by the callee, and hold as sendonly", "normal-clearing", 200, Caller{Manner: Manner{Echoes: true, Then: []Action{{8 * second, Bye}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{second, Hold}, Action{3 * second, ResumeBare})}, "gwa")),
		one1("resume-offerless-refused", "… and the gateway takes no re-INVITE without an offer: the caller is offered what stands, off hold", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Inactive}, Action{3 * second, ResumeBare}, Action{8 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Bare: 488}}, "gwa")),
		one1("resume-offerless-491", "… and the gateway answers 491: it is asked again", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Inactive}, Action{6 * second, ResumeBare}, Action{14 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true, Glare: 2}}, "gwa")),
		one1("resume-offerless-both", "… and the callee holds as well: the caller is not told that it does not, until it resumes", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{4 * second, ResumeBare}, Action{10 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true, Then: []Action{{2 * second, Hold}, {7 * second, Resume}}}}, "gwa")),
		one1("resume-offerless-both-bare", "… and the callee resumes without an offer, too", "normal-clearing", 200,
			Caller{Manner: Manner{Echoes: true, Then: []Action{{second, Inactive}, {4 * second, ResumeBare}, {10 * second, Bye}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true, Then: []Action{{2 * second, Hold}, {7 * second, ResumeBare}}}}, "gwa")),
		one1("resume-offerless-both-inactive", "… where the first who resumes is offered inactive, as the other side still holds, and says inactive to that: it is not taken to hold still", "normal-clearing", 200,
			Caller{Manner: Manner{Echoes: true, Then: []Action{{second, Hold}, {4 * second, ResumeBare}, {10 * second, Bye}}}},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true, Then: []Action{{2 * second, Inactive}, {7 * second, ResumeBare}}}}, "gwa")),
		one1("resume-offerless-stays", "… and the gateway refuses to be taken off hold: the caller is told that the call stays so", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Inactive}, Action{3 * second, ResumeBare}, Action{8 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true, Stays: 488}}, "gwa")),
		one1("resume-offerless-listens", "… and the gateway has said recvonly meanwhile, and keeps to it: the caller is told by re-INVITE that nothing comes", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Hold}, Action{4 * second, ResumeBare}, Action{8 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, RecvOnly})}, "gwa")),
		one1("resume-offerless-leaves", "… and hangs up meanwhile", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Inactive}, Action{3 * second, ResumeBare}, Action{8 * second, Bye})},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Echoes: true, Slow: 4 * second, Then: []Action{{4 * second, Bye}}}}, "gwa")),
		one1("no-ack", "The caller never acknowledges: both legs are hung up after 32 s", "ack-missing", 200, Caller{NoAck: true}, at(answers, "gwa")),
		one1("bye-before-ack", "The caller's BYE overtakes its ACK", "normal-clearing", 200, Caller{ByeFirst: true}, at(answers, "gwa")),
		one1("bye-cross", "Both sides hang up at once", "normal-clearing", 200, Caller{Manner: hangUp},
			at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{5*second + 10*time.Millisecond, Bye})}, "gwa")),
		one1("bye-with-200", "The callee hangs up right behind its 200", "normal-clearing", 200, Caller{}, at(Callee{Progress: ringing, After: second, Final: 200, ByeEarly: true}, "gwa")),
		one1("vanished-caller", "TRK-09: the caller falls silent: no RTP or RTCP for mediaTimeout ends the call", "media-dead", 200,
			Caller{Manner: then(Action{2 * second, Vanish})}, at(answers, "gwa")),
		one1("vanished-on-hold", "TRK-10: the caller falls silent while it holds the call, and so is to send", "media-dead", 200,
			Caller{Manner: then(Action{second, Hold}, Action{3 * second, Vanish})}, at(answers, "gwa")),
		one1("no-answer-body", "The target's 200 has no answer", "bad-answer", 488, up, at(Callee{Progress: ringing, After: second, Final: 200, NoAnswer: true}, "gwa")),
		one1("merged", "The INVITE arrives by two ways: the second is refused with 482", "normal-clearing", 200, Caller{Merged: true, Manner: hangUp}, at(answers, "gwa")),
		one1("merged-offerless", "… and the ACK of that 482 comes behind the 200 of the first one: it is none of the offer in that, which the next ACK answers", "normal-clearing", 200,
			Caller{Offerless: true, Merged: true, Manner: then(Action{second, Update}, Action{5 * second, Bye})}, at(Callee{No100: true, Final: 200}, "gwa")),
		to("+24255550100", one1("tcp", "Toward a gateway by TCP", "normal-clearing", 200, up, at(answers, "gwc"))),
		to("+34255550100", one1("dns", "A gateway by name: its first address is silent, the second takes the call", "normal-clearing", 200, up,
			map[string][]Callee{"sbc": {{Silent: true}}, "sbc2": {answers}})),
		one1("large", "An INVITE too large for UDP goes by TCP (RFC 3261 section 18.1.1)", "normal-clearing", 200, Caller{Large: true, Manner: hangUp}, at(answers, "gwa")),
		one1("large-no-tcp", "… and by UDP after all where there is no TCP", "normal-clearing", 200, Caller{Large: true, Manner: hangUp}, at(answers, "gwa")),
		to("112", one1("emergency-unanswered", "NEW-18: nobody answers an emergency call: after noAnswerTimeout it hunts on", "normal-clearing", 200,
			Caller{GiveUp: 600 * second, Manner: hangUp}, map[string][]Callee{"gwa": {{Progress: ringing}}, "gwb": {answers}})),
		to("112", one1("emergency", "NEW-18: an emergency call hunts on even after 486, and no limit holds it", "normal-clearing", 200, up,
			map[string][]Callee{"gwa": {refuses(486, 0)}, "gwb": {answers}})),
		one1("withdrawn", "A re-INVITE is cancelled: 487 to it, CANCEL to the other leg", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Withdraw}, Action{5 * second, Bye})}, at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Slow: 3 * second}}, "gwa")),
		one1("withdrawn-late", "RFC 3261 §9.1: the CANCEL of a re-INVITE crosses its 200 on the other leg: who has accepted is told that nothing has changed", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Withdraw}, Action{8 * second, Bye})}, at(Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Slow: 105 * time.Millisecond}}, "gwa")),
	}
	list = append(list, transferStories()...)
	list = append(list, playStories()...)
	for i := range list {
		switch list[i].file {
		case "large-no-tcp":
			list[i].set = func(w *World) { w.Host("gwa").NoTCP = true }
		case "merged-offerless":
			list[i].set = func(w *World) { w.Net.Links["gwa"] = Link{Delay: time.Millisecond} }
		case "rash":
			list[i].set = func(w *World) {
				if w.Strict {
					w.Fault.Drop = 6 // the 200 of the target
				}
			}
		case "refer-rash":
			list[i].set = func(w *World) {
				if w.Strict {
					w.Fault.Drop = 27 // the 200 of the target
				}
			}
		case "woken-no-tcp":
			list[i].set = func(w *World) { w.Host("gwb").NoTCP = true }
		}
	}
	return slices.Concat(list, setupStories(), challengeStories(), painStories(), admissionStories(), portStories(), elsewhereStories())
}
