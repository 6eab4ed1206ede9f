package sim

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// timerWatch is the session timer of one leg as RFC 4028 has it, seen from the node.
type timerWatch struct {
	interval time.Duration
	at       time.Time // of the last refresh
	least    time.Duration
	alone    bool // the peer has agreed to nothing: whatever it answers shows that it is there
	over     bool
}

func refreshes(method string) bool { return method == "INVITE" || method == "UPDATE" }

// timerOut checks a request of the node.
func (x *watch) timerOut(l *legWatch, m *sip.Message) {
	if m.Method == "BYE" {
		x.timerOver(l)
		return
	}
	if !refreshes(m.Method) {
		return
	}
	asked, by := readExpires(m)
	if !m.HasToken(sip.IDSupported, "timer") {
		x.fail(l, "%s without Supported: timer", m.Method)
	}
	switch tag := m.ToTag(); {
	case asked == 0 && l.timer.interval > 0 && tag != "":
		x.fail(l, "%s without Session-Expires switches the timer off (RFC 4028 §7.4)", m.Method)
	case asked == 0:
	case asked < max(readMinSE(m), l.timer.least, 90*time.Second):
		x.fail(l, "%s asks for %v, the peer wants at least %v", m.Method, asked, max(readMinSE(m), l.timer.least))
	case tag != "" && by == "":
		x.fail(l, "%s does not say who refreshes (RFC 4028 §7.4)", m.Method)
	}
}

// timerAnswered notes the peer's response to a request of the node.
func (x *watch) timerAnswered(l *legWatch, r *requestWatch, m *sip.Message) {
	if !refreshes(r.method) || m.Status < 200 {
		return
	}
	if m.Status == 422 {
		l.timer.least = max(l.timer.least, readMinSE(m))
	}
	if m.Status >= 300 {
		if t := &l.timer; t.alone && m.Status != 408 && m.Status != 422 && m.Status != 481 && m.Status != 503 {
			t.start(x.n.w.now, t.interval)
		}
		return
	}
	interval, _ := readExpires(m)
	l.timer.alone = interval == 0
	if asked, _ := readExpires(r.msg); interval == 0 {
		interval = asked
	}
	l.timer.start(x.n.w.now, interval)
}

// timerAnswer checks a response of the node.
func (x *watch) timerAnswer(l *legWatch, r *requestWatch, m *sip.Message) {
	if !refreshes(r.method) || m.Status < 200 {
		return
	}
	asked, asker := readExpires(r.msg)
	interval, by := readExpires(m)
	known := r.msg.HasToken(sip.IDSupported, "timer")
	if m.Status == 422 {
		if least := readMinSE(m); least <= asked || asked == 0 || !known {
			x.fail(l, "422 with Min-SE %v to %v, timer supported: %v", least, asked, known)
		}
	}
	if m.Status >= 300 {
		return
	}
	switch {
	case interval == 0 && (l.timer.interval > 0 || asked > 0):
		x.fail(l, "%d without Session-Expires switches the timer off", m.Status)
	case interval == 0:
		return
	case by != "uac" && by != "uas":
		x.fail(l, "Session-Expires in %d does not say who refreshes (RFC 4028 §9)", m.Status)
	case by == "uac" && !known:
		x.fail(l, "a peer that does not know session timers shall refresh")
	case by == "uac" && !m.HasToken(sip.IDRequire, "timer"):
		x.fail(l, "%d with refresher=uac and without Require: timer", m.Status)
	case asker != "" && known && asker != by:
		x.fail(l, "the peer asked for refresher=%s and got %s", asker, by)
	case asked > 0 && interval > asked, interval < readMinSE(r.msg):
		x.fail(l, "Session-Expires %v in %d to a request with %v, Min-SE %v", interval, m.Status, asked, readMinSE(r.msg))
	}
	if asked > 0 || l.timer.interval == 0 {
		l.timer.alone = asked == 0 && !known
	}
	l.timer.start(x.n.w.now, interval)
}

func (t *timerWatch) start(now time.Time, interval time.Duration) {
	if interval > 0 {
		t.interval, t.at = interval, now
	}
}

// timerOver checks that a leg did not outlive its timer.
func (x *watch) timerOver(l *legWatch) {
	t := &l.timer
	if t.over || t.interval == 0 {
		return
	}
	t.over = true
	const asks = 15 * time.Second // a server that stood still when it should have asked has ten seconds for it then, whatever is left of the interval
	if late := x.n.w.now.Sub(t.at) - t.interval; late > 0 && !x.n.w.now.Before(x.n.still.Add(asks)) {
		x.fail(l, "hung up %v after the session timer had run out", late)
	}
}
