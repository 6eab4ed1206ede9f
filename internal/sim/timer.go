package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Timer is how a party deals with session timers (RFC 4028). The zero value does not know them.
type Timer struct {
	Known     bool
	Interval  time.Duration // asked for in its INVITE; 0: none
	Refresher string        // who is to refresh, as a caller asks and as a callee decides: "uac", "uas" or ""
	Least     time.Duration // a callee refuses less with 422
	Lazy      bool          // does not refresh although it should
}

// clock is the timer that runs at a party.
type clock struct {
	interval time.Duration
	ours     bool // the party refreshes
	turn     int  // of the last refresh
}

func readExpires(m *sip.Message) (time.Duration, string) {
	v, rest, _ := strings.Cut(m.Get(sip.IDSessionExpires), ";")
	n, _ := strconv.Atoi(strings.TrimSpace(v))
	return time.Duration(n) * time.Second, strings.TrimPrefix(strings.TrimSpace(rest), "refresher=")
}

func readMinSE(m *sip.Message) time.Duration {
	n, _ := strconv.Atoi(strings.TrimSpace(m.Get(sip.IDMinSE)))
	return time.Duration(n) * time.Second
}

func writeExpires(m *sip.Message, d time.Duration, refresher string) {
	v := strconv.Itoa(int(d / time.Second))
	if refresher != "" {
		v += ";refresher=" + refresher
	}
	m.Add(sip.IDSessionExpires, v)
}

// askTimer writes what a request of the party says.
func (p *Party) askTimer(m *sip.Message) {
	t := p.manner.Timer
	if !t.Known || m.Method != "INVITE" && m.Method != "UPDATE" {
		return
	}
	m.Add(sip.IDSupported, "timer")
	switch {
	case p.clock.interval > 0 && p.clock.ours:
		writeExpires(m, p.clock.interval, "uac")
	case p.clock.interval > 0:
		writeExpires(m, p.clock.interval, "uas")
	case t.Interval > 0 && p.remoteTag == "":
		writeExpires(m, max(t.Interval, p.leastSE), t.Refresher)
	}
}

// refusesTimer answers 422 to an interval that is too short.
func (p *Party) refusesTimer(s *server) bool {
	asked, _ := readExpires(s.req)
	if asked == 0 || asked >= p.manner.Timer.Least || !s.req.HasToken(sip.IDSupported, "timer") {
		return false
	}
	p.host.respond(s, 422, func(r *sip.Message) {
		p.own(r)
		r.Add(sip.IDMinSE, strconv.Itoa(int(p.manner.Timer.Least/time.Second)))
	})
	return true
}

// answerTimer writes what a 2xx of the party says, and starts its clock.
func (p *Party) answerTimer(req, r *sip.Message) {
	asked, by := readExpires(req)
	if !p.manner.Timer.Known || asked == 0 {
		return
	}
	if by == "" {
		if by = p.manner.Timer.Refresher; by == "" || !req.HasToken(sip.IDSupported, "timer") {
			by = "uas"
		}
	}
	writeExpires(r, asked, by)
	if by == "uac" {
		r.Add(sip.IDRequire, "timer")
	}
	p.startClock(asked, by == "uas")
}

// heardTimer takes the timer of a 2xx to a request of the party.
func (p *Party) heardTimer(m *sip.Message) {
	interval, by := readExpires(m)
	if interval == 0 {
		return
	}
	if !p.manner.Timer.Known && by == "uac" {
		p.w().fail("%s: %s shall refresh and does not know session timers", p.scenario.Name, p.host.Name)
	}
	if p.manner.Timer.Known {
		p.startClock(interval, by == "uac")
	}
}

// startClock begins an interval. Who does not refresh expects that the other side does.
func (p *Party) startClock(interval time.Duration, ours bool) {
	p.clock.interval, p.clock.ours = interval, ours
	p.clock.turn++
	turn := p.clock.turn
	if ours && !p.manner.Timer.Lazy {
		p.w().after(interval/2, func() { p.refresh(turn) })
	}
	p.w().after(interval, func() {
		if p.state != up || !p.live() || p.clock.turn != turn {
			return
		}
		if p.w().Strict {
			p.w().fail("%s: %s: the session is over and nobody hangs up", p.scenario.Name, p.host.Name)
		}
		p.bye()
	})
}

// refresh refreshes, unless something else has done so meanwhile.
func (p *Party) refresh(turn int) {
	if p.state != up || !p.live() || p.clock.turn != turn {
		return
	}
	if p.pending || p.busy || p.offered || !p.caller && !p.acked {
		p.w().after(time.Second, func() { p.refresh(turn) })
		return
	}
	if p.callee != nil && p.callee.NoUpdate {
		p.reinvite(p.held, Refresh)
	} else {
		p.update(false)
	}
	p.w().after(5*time.Second, func() { p.refresh(turn) }) // if it was refused
}
