package register

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// send sends the REGISTER that is wanted to the present address (RFC 3261 §10.2).
func (r *Registrant) send(now time.Time, out *txn.Out) {
	reg, hop := r.trunk.Registration, r.env.Hop(r.trunk, r.addrs[r.at])
	if r.status.State != Leaving { // else it is the one that was bound
		r.status.Contact = r.env.Contact(hop, reg.Contact)
	}
	aor := "<sip:" + sip.EscapeUser(reg.User) + "@" + reg.Domain + ">"
	if r.callID == "" {
		r.callID = r.env.CallID()
	}
	r.seq++
	m := sip.NewRequest("REGISTER", "sip:"+reg.Domain)
	m.Add(sip.IDVia, r.env.Via(hop))
	m.Add(sip.IDMaxForwards, "70")
	m.Add(sip.IDFrom, aor+";tag="+r.tag)
	m.Add(sip.IDTo, aor)
	m.Add(sip.IDCallID, r.callID)
	m.Add(sip.IDCSeq, strconv.FormatUint(uint64(r.seq), 10)+" REGISTER")
	m.Add(sip.IDContact, "<"+r.status.Contact+">")
	m.Add(sip.IDExpires, strconv.Itoa(int(r.wants/time.Second)))
	m.Add(sip.IDSupported, "path") // a proxy may put itself on the way to us (RFC 3327)
	m.Add(sip.IDUserAgent, r.env.UserAgent)
	r.nonces.Authorize(m, r.account, r.env.Rand.Uint64())
	r.status.Next, r.hint = time.Time{}, ""
	r.client.Start(now, m, hop, r.env.Timers, out)
	if r.status.State != Leaving {
		r.silent = now.Add(r.trunk.Settings.NoResponseTimeout)
	}
}

// Receive takes a response.
func (r *Registrant) Receive(now time.Time, m *sip.Message, out *txn.Out) {
	if !r.client.Matches(m) || !r.client.Receive(now, m, out) {
		return
	}
	if r.status.State != Leaving {
		r.silent = time.Time{} // it is there: timer F waits for the rest
	}
	if m.Status < 200 {
		return
	}
	r.status.Code = m.Status
	switch {
	case m.Status == 401 || m.Status == 407:
		r.challenged(now, m, out)
	case r.status.State == Leaving:
		r.off(now)
	case m.Status < 300:
		r.accepted(now, m)
	case m.Status == 423:
		r.tooBrief(now, m, out)
	case m.Status == 408 || m.Status >= 500 && m.Status < 600:
		r.retry = max(r.retry, min(sip.DeltaSeconds(m.Get(sip.IDRetryAfter)), longestRetry))
		r.unanswered(now, answer(m), out)
	default:
		r.retry = min(sip.DeltaSeconds(m.Get(sip.IDRetryAfter)), longestRetry)
		r.refused(now, r.answered(m))
	}
}

func answer(m *sip.Message) string {
	return strings.TrimSpace("answered " + strconv.Itoa(m.Status) + " " + clean(m.Reason))
}

// answered is answer, and who was refused where it may be for user and password: many a registrar says 403 to a wrong one.
func (r *Registrant) answered(m *sip.Message) string {
	if m.Status == 403 && r.nonces.Known() && r.trunk.Credentials != nil {
		return answer(m) + " to user " + strconv.Quote(r.trunk.Credentials.User) + " and its password"
	}
	return answer(m)
}

// challenged answers with the trunk's credentials.
func (r *Registrant) challenged(now time.Time, m *sip.Message, out *txn.Out) {
	err := r.nonces.Learn(m, r.account, &r.round)
	switch {
	case err == nil:
		r.send(now, out)
	case r.status.State == Leaving:
		r.off(now)
	case errors.Is(err, digest.ErrNoAccount):
		r.refused(now, answer(m)+": the trunk has no credentials for it"+strings.TrimPrefix(err.Error(), digest.ErrNoAccount.Error()))
	default:
		r.refused(now, answer(m)+": the credentials of user "+strconv.Quote(r.trunk.Credentials.User)+" are refused, or cannot be used")
	}
}

// accepted takes a 2xx: what counts is how long our contact is bound (RFC 3261 §10.2.4).
func (r *Registrant) accepted(now time.Time, m *sip.Message) {
	granted := r.granted(m)
	if granted <= 0 {
		r.refused(now, answer(m)+", but our contact is not bound")
		return
	}
	granted = min(granted, maxExpires)
	r.expires = r.wants
	r.failures, r.status.Error = 0, ""
	r.move(now, Registered)
	r.bound = r.addrs[r.at]
	r.status.Until, r.status.At = now.Add(granted), r.bound.Remote
	// Half of the time at the earliest, nine tenths at the latest: those who came together do not come together again.
	r.status.Next = now.Add(max(granted/2+r.random(granted*4/10), min(minRefresh, granted*9/10)))
	r.status.Routes = routes(m)
}

// granted is how long the registrar binds our contact: the expires of that contact, else the Expires header, else what we asked for. A proxy on the
// way may have written another address into it, the one that it sees us by: where none is as we wrote it, one of the same user is ours, and of
// several the one that ends first.
func (r *Registrant) granted(m *sip.Message) (rewritten time.Duration) {
	general := r.wants
	if m.Has(sip.IDExpires) {
		general = sip.DeltaSeconds(m.Get(sip.IDExpires))
	}
	ours, err := sip.ParseURI(r.status.Contact)
	if err != nil || !m.Has(sip.IDContact) {
		return general
	}
	for v := range m.Values(sip.IDContact) {
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		u, err := sip.ParseURI(a.URI)
		if err != nil || sip.Unescape(u.User) != sip.Unescape(ours.User) {
			continue
		}
		granted := general
		if e, ok := a.Params.Get("expires"); ok {
			granted = sip.DeltaSeconds(e)
		}
		if strings.EqualFold(u.Host, ours.Host) && u.Port == ours.Port {
			return granted
		}
		if granted > 0 && (rewritten == 0 || granted < rewritten) {
			rewritten = granted
		}
	}
	return rewritten
}

// tooBrief asks for more, if that is what was wrong (RFC 3261 §10.2.8), and once a round: a registrar that wants more every time would have
// it as fast as it answers.
func (r *Registrant) tooBrief(now time.Time, m *sip.Message, out *txn.Out) {
	least := sip.DeltaSeconds(m.Get(sip.IDMinExpires))
	if least <= r.wants || least > maxExpires {
		r.refused(now, r.answered(m))
		return
	}
	if r.wants != r.expires {
		r.expires = least
		r.refused(now, r.answered(m))
		return
	}
	r.wants = least
	r.send(now, out)
}

// routes is the Service-Route of a 2xx (RFC 3608 §5): the way that calls from this contact take.
func routes(m *sip.Message) (list []string) {
	for i := range m.Headers {
		if h := &m.Headers[i]; strings.EqualFold(h.Name, "Service-Route") {
			one := sip.Message{}
			one.Add(sip.IDRoute, h.Value)
			for v := range one.Values(sip.IDRoute) {
				if a, err := sip.ParseAddress(v); err != nil || len(v) > maxRoute || len(list) == maxRoutes || !sips(a.URI) {
					return nil // half of a way leads nowhere
				}
				list = append(list, strings.Clone(v))
			}
		}
	}
	return list
}

func sips(uri string) bool {
	u, err := sip.ParseURI(uri)
	return err == nil && (u.Scheme == "sip" || u.Scheme == "sips")
}
