package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Odd is what few peers do, and some always do.
type Odd struct {
	Ignores bool // drops what it does not care for: INFO and MESSAGE
	Moves   bool // is at another Contact with every description that it makes
	Routed  bool // is behind a proxy that stays in the dialog (RFC 3261 §16.6)
	Belated bool // rings once more behind its 200
	Blank   bool // accepts a re-INVITE without an answer
	Shifts  bool // answers at another port than it has said, unreliably, while it rang; as a caller it answers each that rings at another one
	Unacked bool // does not acknowledge the 2xx to its re-INVITEs
	Nowhere bool // has no Contact in what it answers to a re-INVITE or an UPDATE
	Retags  bool // answers requests that change nothing with another To tag
	Mum     bool // takes a CANCEL, and says no more of its INVITE
}

// odd has the parties of some calls be so, or forget their calls as after a restart, and the network to a host be out for a while.
func (w *World) odd() {
	for i, s := range w.order {
		r := rand.New(rand.NewPCG(w.Seed, uint64(i)<<8|0x0d))
		some := func(m *Manner) {
			m.Odd = Odd{Ignores: one(r, 3), Moves: one(r, 3), Routed: one(r, 4), Belated: one(r, 6), Blank: one(r, 20)}
			if one(r, 3) {
				m.Then = append(m.Then, Action{ms(r, 0, 8000), []Verb{Info, Message, Options, Hold, Update, Offerless}[r.IntN(6)]})
			}
			if one(r, 12) {
				m.Then = append(m.Then, Action{ms(r, 0, 20000), Forget})
			}
		}
		some(&s.Caller.Manner)
		for _, h := range slices.Sorted(maps.Keys(s.Callees)) {
			for k := range s.Callees[h] {
				some(&s.Callees[h][k].Manner)
			}
		}
	}
	r := rand.New(rand.NewPCG(w.Seed, 0x0dd))
	for _, h := range w.Hosts {
		if !one(r, 6) {
			continue
		}
		w.after(ms(r, 0, 40000), func() {
			was, had := w.Net.Links[h.Name]
			w.Net.Links[h.Name] = Link{Loss: 1, Told: float64(r.IntN(2))}
			w.after(ms(r, 1000, 20000), func() {
				if w.Net.Links[h.Name] = was; !had {
					delete(w.Net.Links, h.Name)
				}
			})
		})
	}
}

// stall has nodes stand still for a while, as a virtual machine does that moves to another host.
func (w *World) stall() {
	r := rand.New(rand.NewPCG(w.Seed, 0x57a11))
	for _, n := range w.Nodes {
		if !one(r, 3) {
			continue
		}
		for range 1 + r.IntN(2) {
			w.after(ms(r, 0, 60000), func() {
				d := ms(r, 500, 45000)
				n.missed = n.missed || d > 30*time.Second || w.now.Before(n.still)
				n.still = w.now.Add(d)
			})
		}
	}
}

// move goes to another Contact.
func (p *Party) move() {
	if p.manner.Odd.Moves {
		p.place++
	}
}

// at is where the party listens by its Contact.
func (p *Party) at() netip.AddrPort {
	at := p.host.listen()
	return netip.AddrPortFrom(at.Addr(), at.Port()+uint16(p.place%20))
}

// route is what the proxy in front of the party adds to what makes a dialog.
func (p *Party) route() string {
	r := "sip:" + p.host.Addr.String() + ":" + fmt.Sprint(p.host.listen().Port()+100) + ";lr"
	if p.to.Transport == sip.TCP {
		r += ";transport=tcp"
	}
	return "<" + r + ">"
}

// record adds it.
func (p *Party) record(m *sip.Message) {
	if p.manner.Odd.Routed {
		m.Add(sip.IDRecordRoute, p.route())
	}
}

// addressed checks that a request within the dialog is for where the party has said that it is, by way of its proxy.
func (p *Party) addressed(m *sip.Message) {
	if p.told[m.URI] == 0 {
		p.w().fail("%s: %s to %s, and %s is at %s", p.scenario.Name, m.Method, m.URI, p.host.Name, p.contact())
	} else if p.w().Strict && p.told[m.URI] != len(p.told) {
		p.w().fail("%s: %s to %s, and %s is at %s by now", p.scenario.Name, m.Method, m.URI, p.host.Name, p.contact())
	}
	if got := m.Get(sip.IDRoute); p.manner.Odd.Routed != (got != "") || got != "" && got != p.route() {
		p.w().fail("%s: %s by way of %q", p.scenario.Name, m.Method, got)
	}
}

// tell notes a Contact that the other side is told.
func (p *Party) tell(contact string) string {
	uri := strings.Trim(contact, "<>")
	if p.told == nil {
		p.told = make(map[string]int)
	}
	if p.told[uri] == 0 {
		p.told[uri] = len(p.told) + 1
	}
	return contact
}

// belated rings once more.
func (p *Party) belated(s *server) {
	if !p.manner.Odd.Belated {
		return
	}
	r := sip.NewResponse(s.req, 180, "")
	p.own(r)
	r.Add(sip.IDContact, p.contact())
	data := r.Append(nil)
	for _, d := range [...]time.Duration{time.Millisecond, 700 * time.Millisecond} {
		p.w().after(d, func() {
			if p.live() {
				p.host.reply(s.from, data)
			}
		})
	}
}

// actEarly does what the script says before the answer, in an early dialog.
func (p *Party) actEarly(v Verb) {
	if p.state != early || p.cancel || !p.live() {
		return
	}
	was := p.remoteTag
	if p.caller {
		p.remoteTag = slices.Min(slices.Collect(maps.Keys(p.early)))
	}
	if v == Ping {
		p.seq++
		p.send(p.message("UPDATE", p.seq), nil)
	} else {
		p.act(v)
	}
	p.remoteTag = was
}
