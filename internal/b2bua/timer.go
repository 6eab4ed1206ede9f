package b2bua

import (
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/sip"
)

// sessionTimer is the session timer of one leg (RFC 4028). The two legs of a call have theirs independently: what one peer
// refreshes says nothing of the other.
type sessionTimer struct {
	interval time.Duration // agreed; 0: no timer runs
	least    time.Duration // the longest Min-SE that we have heard on the leg
	wanted   time.Duration // in the request of ours under way; 0: it had none
	asked    time.Duration // in the peer's request that is being answered; 0: it had none
	askedBy  string        // its refresher
	longer   uint8         // times that the peer has asked for more
	supports bool          // the peer knows the extension
	ours     bool          // we refresh
	alone    bool          // … and the peer has agreed to nothing: any answer shows that it is there
	next     time.Time     // when we refresh
	ends     time.Time     // when the session is over without a refresh
	over     time.Time     // when the interval is
}

// A refresh that fails is tried again after refreshPause, so often as the interval allows.
const refreshPause = 10 * time.Second

// endMargin is how long before the end of the interval the call is ended, so that the BYE arrives in time (RFC 4028 §10).
const endMargin = 32 * time.Second

// leastInterval bounds how often a peer can make us refresh. RFC 4028 §5 has 90 s, and there are peers that go below.
const leastInterval = 30 * time.Second

// sessionExpires reads Session-Expires; 0 when there is none that can be read.
func sessionExpires(m *sip.Message) (interval time.Duration, refresher string) {
	v, params, _ := strings.Cut(m.Get(sip.IDSessionExpires), ";")
	interval = deltaSeconds(v)
	refresher, _ = sip.Params(";" + params).Get("refresher")
	return interval, strings.ToLower(refresher)
}

// deltaSeconds reads a number of seconds, at most a day; 0 when it is none.
func deltaSeconds(v string) time.Duration {
	return min(sip.DeltaSeconds(v), 24*time.Hour)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// tooShort tells whether an INVITE or UPDATE asks for a shorter interval than the trunk allows. Only who knows the extension can
// be told with 422 (RFC 4028 §9).
func (l *Leg) tooShort(m *sip.Message) bool {
	if !m.Has(sip.IDSessionExpires) || m.Method != "INVITE" && m.Method != "UPDATE" {
		return false
	}
	interval, _ := sessionExpires(m)
	return interval > 0 && interval < l.trunk.Settings.MinSE && m.HasToken(sip.IDSupported, "timer")
}

// hearTimer takes what an INVITE or UPDATE of the peer asks for; the 2xx to it answers.
func (l *Leg) hearTimer(m *sip.Message) {
	interval, refresher := sessionExpires(m)
	if l.timer == nil {
		if interval == 0 && !l.trunk.Settings.EnableSessionTimer {
			return
		}
		l.timer = &sessionTimer{}
	}
	t := l.timer
	t.asked, t.askedBy = interval, refresher
	t.supports = m.HasToken(sip.IDSupported, "timer") || m.HasToken(sip.IDRequire, "timer")
	t.least = max(t.least, deltaSeconds(m.Get(sip.IDMinSE)))
}

// answerTimer writes the timer into a 2xx of ours to INVITE or UPDATE and starts it (RFC 4028 §9). A request that says nothing of
// a timer leaves the one that runs as it is: a peer that forgets it shall not lose its call to that.
func (c *Call) answerTimer(now time.Time, l *Leg, m *sip.Message) {
	t := l.timer
	if t == nil || !l.up {
		return
	}
	interval, ours := t.asked, t.ours
	switch {
	case interval > 0:
		t.alone = false
		interval = max(interval, leastInterval) // less comes from who does not know the extension, and gets no 422
		ours = t.askedBy == "uas" || t.askedBy != "uac" && !t.supports
	case t.interval > 0:
		interval = t.interval
	case l.trunk.Settings.EnableSessionTimer:
		interval, ours, t.alone = max(l.trunk.Settings.SessionExpires, t.least), true, !t.supports
	default:
		return
	}
	refresher := ";refresher=uac"
	if ours {
		refresher = ";refresher=uas"
	} else {
		m.Add(sip.IDRequire, "timer")
	}
	m.Add(sip.IDSessionExpires, seconds(interval)+refresher)
	t.start(now, interval, ours)
}

// askTimer writes the timer into an INVITE or UPDATE of ours (RFC 4028 §7.1, §7.4). That we know the extension is always said.
func (l *Leg) askTimer(m *sip.Message) {
	set, t := l.trunk.Settings, l.timer
	m.Add(sip.IDSupported, Extensions(set))
	interval, refresher := time.Duration(0), ""
	switch {
	case t != nil && t.interval > 0:
		interval, refresher = max(t.interval, t.least), ";refresher=uas"
		if t.ours {
			refresher = ";refresher=uac"
		}
	case !l.up && set.EnableSessionTimer && m.Method == "INVITE":
		if t == nil {
			t = &sessionTimer{}
			l.timer = t
		}
		interval = max(set.SessionExpires, t.least)
	default:
		return
	}
	t.wanted = interval
	m.Add(sip.IDSessionExpires, seconds(interval)+refresher)
	if least := max(set.MinSE, t.least); least > leastInterval {
		m.Add(sip.IDMinSE, seconds(least))
	}
}

// timerAnswered takes the timer of a 2xx to an INVITE or UPDATE of ours (RFC 4028 §7.2). Where the peer does not know the
// extension we refresh alone: that is enough to notice that it is gone.
func (l *Leg) timerAnswered(now time.Time, m *sip.Message) {
	interval, refresher := sessionExpires(m)
	t := l.timer
	if t == nil {
		if interval == 0 {
			return
		}
		t = &sessionTimer{}
		l.timer = t
	}
	switch {
	case interval > 0:
		t.alone = false
		t.start(now, max(interval, leastInterval), refresher != "uas")
	case t.wanted > 0:
		t.alone = true
		t.start(now, t.wanted, true)
	}
	t.wanted = 0
}

// start begins an interval.
func (t *sessionTimer) start(now time.Time, interval time.Duration, ours bool) {
	t.interval, t.ours, t.asked = interval, ours, 0
	t.over = now.Add(interval)
	t.ends = now.Add(interval - min(endMargin, interval/3))
	t.next = time.Time{}
	if ours {
		t.next = now.Add(interval / 2)
	}
}

// again is when a failed refresh is tried once more.
func (t *sessionTimer) again(now time.Time, pause time.Duration) { t.next = now.Add(pause) }

// deadline adds the timer to d.
func (t *sessionTimer) deadline(d *earliest) {
	if t == nil || t.interval == 0 {
		return
	}
	d.add(t.next, "session refresh")
	d.add(t.ends, "session expires")
}

// advanceTimer refreshes, or ends the call whose peer does not.
func (c *Call) advanceTimer(now time.Time, l *Leg, out *Out) {
	t := l.timer
	if t == nil || t.interval == 0 {
		return
	}
	if t.ours && t.next.Before(t.ends) && !now.Before(t.ends) { // this process was stopped when it should have asked
		t.ends = now.Add(refreshPause)
	}
	if !now.Before(t.ends) {
		who := "the " + c.name(l) + " did not refresh"
		if t.ours {
			who = "the " + c.name(l) + " did not accept a refresh"
		}
		t.interval = 0
		switch {
		case c.missed(l):
			c.candidateGone(now, l, 408, diag.SessionExpired, out)
		case !c.parted(l):
			c.finish(now, diag.SessionExpired, "directsip", who, out)
		}
		return
	}
	if t.ours && !now.Before(t.next) {
		c.refreshSession(now, l, out)
	}
}

// refreshSession refreshes by UPDATE where the peer allows it, else by a re-INVITE that says what stands (RFC 4028 §7.4).
func (c *Call) refreshSession(now time.Time, l *Leg, out *Out) {
	t := l.timer
	switch {
	case l.allow.has(allowUpdate) && !l.pending && (l.acked || l.side == 1):
		t.next = t.ends
		m := l.dlg.Request("UPDATE")
		m.Add(sip.IDContact, c.contact(l.hop))
		l.askTimer(m)
		c.begin(now, l, m, out).refresh = true
	case c.reoffer(now, l, out):
		t.next = t.ends
	default: // something else is under way, and the peer has all of the interval for it
		t.again(now, time.Second)
		if at := now.Add(refreshPause); at.After(t.ends) && !at.After(t.over) {
			t.ends = at
		}
	}
}

// refreshAnswered takes the final response to a refresh by UPDATE; a 2xx has started the timer anew.
func (c *Call) refreshAnswered(now time.Time, l *Leg, m *sip.Message, out *Out) {
	switch {
	case m.Status < 300:
		l.dlg.Refresh(m)
		c.follow(l)
	case refusesUpdate(m):
		l.allow &^= allowUpdate
		if l.timer != nil {
			l.timer.again(now, 0)
		}
	default:
		c.refreshRefused(now, l, m)
		c.checkGone(now, l, m.Status, "session refresh", out)
	}
}

// refusesUpdate tells whether a peer does not take an UPDATE, whatever its Allow says, or takes none that has no description: it is asked by re-INVITE
// then. Not so when the response is about the moment, the interval, the password or the whole dialog.
func refusesUpdate(m *sip.Message) bool {
	switch m.Status {
	case 401, 407, 408, 422, 481, 491, 503:
		return false
	}
	return !m.Has(sip.IDRetryAfter)
}

// refreshRefused sets when a refused refresh is tried again.
func (c *Call) refreshRefused(now time.Time, l *Leg, m *sip.Message) {
	t := l.timer
	if t == nil || t.interval == 0 || !t.ours {
		return
	}
	switch {
	case l.longer(m):
		t.again(now, 0)
		return
	case t.alone && m.Status != 503: // which stands for one that could not be sent, too
		t.start(now, t.interval, true)
		return
	case m.Status == 491:
		t.again(now, dialog.GlareDelay(l.dlg.UAC, c.env.Rand.Uint64()))
		return
	}
	t.again(now, refreshPause)
}

// mostLonger bounds how often one peer can ask for a longer interval than the last one that it has asked for.
const mostLonger = 4

// longer tells whether a 422 names an interval that the request can be sent again with (RFC 4028 §7.3): one that is longer than what was asked
// for, and not time and again.
func (l *Leg) longer(m *sip.Message) bool {
	t, least := l.timer, deltaSeconds(m.Get(sip.IDMinSE))
	if m.Status != 422 || t == nil || least <= t.wanted || t.longer >= mostLonger {
		return false
	}
	t.longer++
	t.least = max(t.least, least)
	return true
}
