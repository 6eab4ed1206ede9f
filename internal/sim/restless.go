package sim

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// restless has the parties of every call do several things within seconds, most of them transfers and what gets in their way, and calls begin at about the same time, so that
// there is another one to join.
func (w *World) restless() {
	for i, s := range w.order {
		r := rand.New(rand.NewPCG(w.Seed, uint64(i)<<8|0x2e))
		some := func(m *Manner) {
			if one(r, 2) { // for so long that all comes to rest
				m.Then = slices.DeleteFunc(m.Then, func(a Action) bool { return a.Do == Bye && a.After < 60*time.Second })
				m.Then = append(m.Then, Action{90 * time.Second, Bye})
			}
			begin, grid := ms(r, 0, 6000), one(r, 3)
			for range r.IntN(6) {
				at := begin + ms(r, 0, 3000)
				if grid { // both sides at once
					at = at.Round(time.Second)
				}
				m.Then = append(m.Then, Action{at, hurries[r.IntN(len(hurries))]})
			}
			if one(r, 8) {
				m.Reinvite = []int{302, 404, 410, 413, 420, 480, 503, 600, 606}[r.IntN(9)]
			}
			for range max(0, r.IntN(5)-2) {
				m.Before = append(m.Before, Action{ms(r, 0, 5000), []Verb{Info, Refer, Message, Options, Ping}[r.IntN(5)]})
			}
			m.Odd.Shifts, m.Odd.Unacked, m.Odd.Nowhere, m.Odd.Retags, m.Odd.Mum = one(r, 4), one(r, 20), one(r, 8), one(r, 12), one(r, 12)
		}
		some(&s.Caller.Manner)
		for _, h := range slices.Sorted(maps.Keys(s.Callees)) {
			for k := range s.Callees[h] {
				some(&s.Callees[h][k].Manner)
			}
		}
	}
	w.quiet()
	r := rand.New(rand.NewPCG(w.Seed, 0x2e57))
	for _, h := range w.Hosts {
		if one(r, 12) {
			w.after(ms(r, 0, 30000), h.restart)
		}
	}
	if one(r, 4) {
		w.rename(r)
	}
	if one(r, 3) {
		w.rewrite(r)
	}
}

// hurries are what restless parties do.
var hurries = []Verb{Hold, Hold, Inactive, Resume, Resume, ResumeBare, Offerless, Update, Update, Recode, Withdraw, Recant, Refresh, Refer, Refer, ReferTwo, ReferBye, ReferHome,
	ReferLost, ReferJoin, ReferJoin, ReferJoin, ReferJoin, Pickup, Pickup, PickOther, PickOther, PickOther, Info, Ping, Bye}

// restart has the host know nothing of its calls any more.
func (h *Host) restart() {
	for _, p := range h.all {
		if p.state != over {
			p.forgot = true
			p.end()
		}
	}
}

// rename has DNS say something else of the provider for a while: one address, the other order, or nothing.
func (w *World) rename(r *rand.Rand) {
	const name = "sbc.sim.example"
	was := w.Net.names[name]
	list := [][]netip.Addr{was[:1], was[1:], {was[1], was[0]}, nil}[r.IntN(4)]
	at := ms(r, 0, 15000)
	w.after(at, func() { w.Net.names[name] = list })
	w.after(at+ms(r, 1000, 15000), func() { w.Net.names[name] = was })
}

// rewrite applies another document, and at times the first one again: a gateway is no more, routes have other trunks, or settings differ.
func (w *World) rewrite(r *rand.Rand) {
	doc := cmp.Or(w.Document, Document)
	changed := strings.NewReplacer([][]string{
		{"[gwa, gwb, gwc]", "[gwb, gwc]", ", gwa]", "]", "  gwa: {kind: gateway, host: 198.51.100.11, root: {transport: UDP, credentials: {user: directsip, password: secret}}}\n", ""},
		{"[gwa, gwb, gwc]", "[gwc, gwa]", "[gwc, gwa]", "[gwb]"},
		{"maxAttempts: 6", "maxAttempts: 1"},
		{"acceptRefer: true", "acceptRefer: false"},
		{"redirect: follow, redirectHosts: [198.51.100.12], ", ""},
	}[r.IntN(5)]...).Replace(doc)
	snap, err := Compile(changed)
	if err != nil || changed == doc {
		w.fail("the document cannot be changed: %v", err)
		return
	}
	w.strangers = snap.TrunkByName("gwa") == nil
	at := ms(r, 0, 20000)
	w.after(at, w.apply(snap))
	if one(r, 2) {
		w.after(at+ms(r, 1000, 20000), w.apply(w.snap))
	}
}
