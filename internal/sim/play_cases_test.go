package sim

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/media"
)

// RTE-29: what is played comes in the packets that its hearer wants, also when it wants others in the middle.
func TestRTE29PacketTime(t *testing.T) {
	w := world(t)
	sc := plain(Caller{Manner: then(Action{ms100(3), Shorten})}, nil)
	sc.Number = "+7425555100"
	w.Call(sc)
	played := func() (p media.Play) {
		for _, s := range w.Nodes[0].relay.sessions {
			if s.want.Play != nil {
				p = *s.want.Play
			}
		}
		return p
	}
	var before, after media.Play
	w.after(ms100(2), func() { before = played() })
	w.after(ms100(6), func() { after = played() })
	w.Run(time.Minute)
	done(t, w)
	if before.PacketTime != 0 || after.PacketTime != 10*time.Millisecond || before.ID == after.ID || after.Clip == nil {
		t.Errorf("it was played as %+v, and then as %+v", before, after)
	}
}

// ours is a call from uca to gwa with further settings of the caller's trunk.
func ours(file, title, reason, settings string, c Caller, callee Callee) story {
	status := map[string]int{"normal-clearing": 200, "busy": 486, "caller-cancelled": 487}[reason]
	s := one1(file, title, reason, status, c, map[string][]Callee{"gwa": {callee}, "gwc": {{Progress: ringing, After: 2 * second, Final: 200, Manner: hangUp}}})
	s.changes = []string{callers, callers + ", " + settings}
	return s
}

// playStories are those in which we make sound ourselves.
func playStories() []story {
	up := Caller{Manner: hangUp}
	late, rings := Callee{No100: true, After: 5 * second, Final: 200}, Callee{Progress: ringing, After: 4 * second, Final: 200}
	return []story{
		to("+7425550100", one1("announcement", "RTE-28, RTE-29: a number of ours that nobody has: the caller hears an announcement in early media, then 404", "unassigned-number", 404, up, nil)),
		to("+7425555100", one1("announcement-answered", "RTE-29: the announcement is heard after a 200, and the BYE has its cause", "unassigned-number", 200, Caller{}, nil)),
		to("+7425550100", one1("announcement-hang-up", "The caller gives up during an announcement", "caller-cancelled", 487, Caller{GiveUp: second}, nil)),
		to("+7425555100", one1("announcement-bye", "The caller hangs up during an announcement after a 200", "normal-clearing", 200, Caller{Manner: then(Action{second, Bye})}, nil)),
		to("+7425555100", one1("announcement-hold", "A change of the session during an announcement is answered here: another address is followed, hold is obeyed", "unassigned-number", 200,
			Caller{Manner: then(Action{ms100(3), Update}, Action{ms100(8), Hold}, Action{ms100(13), Recode})}, nil)),
		to("+7425550100", one1("announcement-reliable", "RFC 3262: an announcement to a caller that wants provisional responses reliably", "unassigned-number", 404,
			Caller{Manner: Manner{Rel: Rel{Known: true}}}, nil)),
		to("+7425550100", one1("announcement-offerless", "Without an offer there is nobody to hear: the call is refused at once", "unassigned-number", 404, Caller{Offerless: true}, nil)),
		to("+7425550100", one1("announcement-held", "A caller that wants to hear nothing is refused at once", "unassigned-number", 404, Caller{Held: "inactive"}, nil)),
		to("+7425560001", one1("announcement-target", "RTE-29: after the announcement the call goes on to another number, in early dialogs of its own", "normal-clearing", 200, up, at(answers, "gwa"))),
		to("+7425560001", one1("announcement-target-cancel", "The caller gives up during an announcement that has a target: nobody is called", "caller-cancelled", 487, Caller{GiveUp: second}, nil)),
		to("+7425560001", one1("announcement-target-offerless", "Who cannot hear the announcement is not kept from going on", "normal-clearing", 200, Caller{Offerless: true, Manner: hangUp}, at(answers, "gwa"))),
		to("+7425560001", one1("announcement-target-reliable", "RFC 3262: a caller that wants provisional responses reliably hears both", "normal-clearing", 200,
			Caller{Manner: Manner{Rel: Rel{Known: true}, Then: hangUp.Then}}, at(answers, "gwa"))),
		to("+7425560001", one1("announcement-target-single", "TRK-02: a caller that can have one early dialog has that of the target, and no announcement in it", "normal-clearing", 200,
			up, at(answers, "gwa"))).doc(callers, callers+", maxEarlyDialogs: 1"),
		to("+7425561000", one1("connect", "RTE-29: the announcement is heard after a 200; then the target is called, and the caller, who hears ring-back, is told its description by re-INVITE",
			"normal-clearing", 200, Caller{Manner: then(Action{8 * second, Bye})}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-busy", "After a 200 a target that is busy ends the call", "busy", 200, Caller{}, at(Callee{Progress: ringing, After: second, Final: 486}, "gwa"))),
		to("+7425561000", one1("connect-failover", "Another target is called where the first one fails", "normal-clearing", 200, Caller{Manner: then(Action{8 * second, Bye})},
			map[string][]Callee{"gwa": {{Final: 503}}, "gwb": {{Contact: "<sip:NUMBER@198.51.100.13>", Final: 302}}, "gwc": {answers}})),
		to("+7425561000", one1("connect-late", "A target that was left behind answers while the next one rings: the caller is connected with who picked up", "normal-clearing", 200,
			Caller{Manner: then(Action{12 * second, Bye})}, map[string][]Callee{"gwa": {late}, "gwb": {rings}})),
		to("+7425561000", one1("connect-late-busy", "… or says that the number is busy: when the next one has failed, no other one is called", "busy", 200, Caller{Manner: then(Action{20 * second, Bye})},
			map[string][]Callee{"gwa": {with(late, func(c *Callee) { c.Final = 486 })}, "gwb": {with(rings, func(c *Callee) { c.Final = 503 })}, "gwc": {answers}})),
		to("+7425561000", one1("connect-bye", "The caller hangs up while the target rings", "normal-clearing", 200, Caller{Manner: then(Action{2 * second, Bye})}, at(Callee{Progress: ringing}, "gwa"))),
		to("+7425561000", one1("connect-hold", "The caller changes its session while the target rings, and is answered here; when it is connected the target hears of it", "normal-clearing", 200,
			Caller{Manner: then(Action{2 * second, Hold}, Action{ms100(24), Update}, Action{6 * second, Resume}, Action{9 * second, Bye})}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-recode", "It does so before that", "normal-clearing", 200,
			Caller{Manner: then(Action{ms100(2), Recode}, Action{8 * second, Bye})}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-recode-ringing", "… or while the target rings: ring-back goes on in the other codec", "normal-clearing", 200,
			Caller{Manner: then(Action{2 * second, Recode}, Action{8 * second, Bye})}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-491", "The re-INVITE crosses one of the caller's", "normal-clearing", 200, Caller{Manner: Manner{Glare: 1, Then: []Action{{12 * second, Bye}}}}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-refused", "The caller refuses the target's description: both are hung up", "not-acceptable", 200, Caller{Manner: Manner{Reinvite: 488}}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-leaves", "The caller hangs up as it is told of the target", "normal-clearing", 200,
			Caller{Manner: Manner{Slow: 3 * second, Then: []Action{{4 * second, Bye}}}}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-target-leaves", "The target hangs up before the caller has heard of it", "normal-clearing", 200,
			Caller{Manner: Manner{Slow: 3 * second}}, at(Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{second, Bye})}, "gwa"))),
		to("+7425561000", one1("connect-vanished", "The caller is gone when it is to be told of the target", "peer-vanished", 200, Caller{Manner: then(Action{second, Vanish})}, at(answers, "gwa"))),
		to("+7425561000", one1("connect-transfer", "Who has been connected may transfer the call", "normal-clearing", 200, Caller{Manner: then(Action{12 * second, Bye})}, map[string][]Callee{
			"gwa": {{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Refer})}}, "gwc": {answers}})),
		to("+7425561000", one1("connect-refer", "The caller asks for a transfer while it has nobody to talk to", "normal-clearing", 200,
			Caller{Manner: then(Action{second, Refer}, Action{8 * second, Bye})}, at(answers, "gwa"))),
		ours("music", "SIG-12: the holder sends nothing (sendonly): the other party hears music of ours until it is taken back", "normal-clearing", "musicOnHold: generate",
			Caller{Manner: then(Action{second, Hold}, Action{11 * second, Resume}, Action{13 * second, Bye})}, answers),
		ours("music-inactive", "A holder that says inactive is shown as sendonly, and is told inactive", "normal-clearing", "musicOnHold: generate",
			Caller{Manner: then(Action{second, Inactive}, Action{2 * second, Refresh}, Action{11 * second, Resume}, Action{13 * second, Bye})},
			Callee{Progress: ringing, After: 2 * second, Final: 200, Manner: then(Action{5 * second, Refresh})}),
		ours("music-both", "Both sides hold: nobody hears music, until one has resumed", "normal-clearing", "musicOnHold: generate",
			Caller{Manner: then(Action{second, Inactive}, Action{5 * second, Resume}, Action{9 * second, Bye})},
			Callee{Progress: ringing, After: second, Final: 200, Manner: then(Action{2 * second, Hold}, Action{7 * second, Resume})}),
		ours("music-refused", "A hold that the other party refuses begins no music", "normal-clearing", "musicOnHold: generate",
			Caller{Manner: then(Action{second, Inactive}, Action{5 * second, Bye})}, Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{Reinvite: 488}}),
		ours("ringback", "NEW-14, P20: the target rings and sends nothing: the caller hears ring-back of ours in an early dialog of its own", "normal-clearing", "ringback: generate",
			Caller{Manner: hangUp}, answers),
		ours("ringback-reliable", "RFC 3262: so does a caller that wants provisional responses reliably", "normal-clearing", "ringback: generate",
			Caller{Manner: Manner{Rel: Rel{Known: true}, Then: hangUp.Then}}, answers),
		ours("ringback-then-media", "The target describes early media after it has rung: ring-back of ours ends with its first packet", "normal-clearing", "ringback: generate",
			Caller{Manner: hangUp}, Callee{Progress: []Progress{{ms100(2), 180, false}, {ms100(9), 183, true}}, After: 2 * second, Final: 200}),
		ours("ringback-busy", "Nobody takes the call while ring-back of ours is heard", "busy", "ringback: generate", Caller{}, Callee{Progress: ringing, After: 2 * second, Final: 486}),
		ours("ringback-cancel", "The caller gives up while it hears ring-back of ours", "caller-cancelled", "ringback: generate", Caller{GiveUp: second}, Callee{Progress: ringing}),
		ours("ringback-none", "earlyMedia: none with ring-back of ours: early media of the target is not for the caller, a tone is", "normal-clearing", "ringback: generate, earlyMedia: none",
			Caller{Manner: hangUp}, Callee{Progress: []Progress{{ms100(2), 183, true}, {ms100(5), 180, true}}, After: 2 * second, Final: 200}),
		ours("transfer-waits", "Who waits while the target of a transfer rings hears ring-back of ours", "normal-clearing", "ringback: generate",
			Caller{}, Callee{Progress: ringing, After: second, Final: 200, Manner: Manner{ReferTo: "+24255550199", Then: []Action{{second, Hold}, {2 * second, Refer}, {20 * second, Bye}}}}),
	}
}
