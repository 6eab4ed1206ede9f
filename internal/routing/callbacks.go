package routing

import "time"

// CallbackTable remembers who is reached by which number of a location. The zero value is ready; it is not safe for concurrent
// use. It implements Callbacks.
type CallbackTable struct {
	lent map[string]loan // by ELIN
}

// loan is one number that stands for a caller.
type loan struct {
	to          Callback
	since, ends time.Time
}

// maxLoans bounds the table; a document that lends more numbers at once loses the oldest.
const maxLoans = 65536

// ELIN is that of Callbacks.
func (t *CallbackTable) ELIN(now time.Time, elins []string, caller Callback) string {
	oldest, free := "", ""
	for _, n := range elins {
		l, lent := t.lent[n]
		switch lent = lent && now.Before(l.ends); {
		case lent && l.to == caller:
			return n
		case !lent && free == "":
			free = n
		case lent && (oldest == "" || l.since.Before(t.lent[oldest].since)):
			oldest = n
		}
	}
	if free != "" {
		return free
	}
	return oldest
}

// Caller is that of Callbacks.
func (t *CallbackTable) Caller(now time.Time, elin string) (Callback, bool) {
	l, ok := t.lent[elin]
	return l.to, ok && now.Before(l.ends)
}

// Keep is that of Callbacks.
func (t *CallbackTable) Keep(now time.Time, elin string, caller Callback, keep time.Duration) {
	if t.lent == nil {
		t.lent = make(map[string]loan)
	}
	if len(t.lent) >= maxLoans {
		t.drop(now)
	}
	t.lent[elin] = loan{caller, now, now.Add(keep)}
}

// drop makes room: what has ended goes, else the oldest.
func (t *CallbackTable) drop(now time.Time) {
	oldest := ""
	for n, l := range t.lent {
		if !now.Before(l.ends) {
			delete(t.lent, n)
		} else if o := t.lent[oldest]; oldest == "" || l.since.Before(o.since) || l.since.Equal(o.since) && n < oldest {
			oldest = n
		}
	}
	if len(t.lent) >= maxLoans {
		delete(t.lent, oldest)
	}
}
