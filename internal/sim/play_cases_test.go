package sim

// playStories are those in which we make sound ourselves.
func playStories() []story {
	up := Caller{Manner: hangUp}
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
	}
}
