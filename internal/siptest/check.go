package siptest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// The checks note what RFC 3261 forbids; the agent goes on as well as it can. c is nil out of calls.

func (a *Agent) checkRequest(c *Call, m *sip.Message) {
	note := func(format string, args ...any) {
		a.violation(c, m.StartLine()+": "+fmt.Sprintf(format, args...))
	}
	if f := m.Validate(); f != nil {
		note("%s %s", f.Header, f.Why)
	}
	if !m.Has(sip.IDMaxForwards) {
		note("no Max-Forwards (§8.1.1.6)")
	}
	if via, ok := m.TopVia(); ok {
		if branch, _ := via.Params.Get("branch"); !strings.HasPrefix(branch, sip.MagicCookie) {
			note("branch %q without the cookie (§8.1.1.7)", branch)
		}
		if !strings.EqualFold(via.Transport, a.cfg.Network) {
			note("Via says %s", via.Transport)
		}
	}
	if m.FromTag() == "" {
		note("From without tag (§8.1.1.3)")
	}
	if _, ok := m.Contact(); !ok && (m.Method == "INVITE" || m.Method == "UPDATE") {
		note("no Contact (§8.1.1.8)")
	}
	if c == nil {
		return
	}
	n, method, _ := m.CSeq()
	if method != m.Method {
		note("CSeq method %s (§8.1.1.5)", method)
	}
	if m.ToTag() == c.localTag {
		if c.remoteSeq != 0 && n <= c.remoteSeq {
			note("CSeq %d after %d (§12.2.1.1)", n, c.remoteSeq)
		}
		c.remoteSeq = n
	}
	if m.FromTag() != c.remoteTag && c.answered {
		note("From tag %q, the dialog has %q", m.FromTag(), c.remoteTag)
	}
	a.checkTarget(m, note)
}

// checkTarget: requests within a dialog go to our Contact (§12.2.1.1).
func (a *Agent) checkTarget(m *sip.Message, note func(string, ...any)) {
	u, err := sip.ParseURI(m.URI)
	if host := cmp.Or(a.cfg.Host, a.addr.Addr().String()); err != nil || u.User != a.cfg.Name || u.Host != host || u.Port != a.addr.Port() {
		note("Request-URI is not our Contact")
	}
}

func (a *Agent) checkAck(c *Call, m *sip.Message) {
	note := func(format string, args ...any) {
		a.violation(c, m.StartLine()+": "+fmt.Sprintf(format, args...))
	}
	if m.FromTag() != c.remoteTag {
		note("From tag %q, the dialog has %q", m.FromTag(), c.remoteTag)
	}
	for t := range a.servers {
		if t == serverKey(m, "INVITE") {
			note("ACK of a 2xx has the branch of its INVITE (§13.2.2.4)")
		}
	}
	a.checkTarget(m, note)
}

func (a *Agent) checkCancel(inv *serverTx, m *sip.Message) {
	note := func(format string, args ...any) {
		a.violation(inv.call, m.StartLine()+": "+fmt.Sprintf(format, args...))
	}
	n, _, _ := m.CSeq()
	if want, _, _ := inv.req.CSeq(); n != want {
		note("CSeq %d, the INVITE has %d (§9.1)", n, want)
	}
	if m.URI != inv.req.URI {
		note("other Request-URI than the INVITE (§9.1)")
	}
	for _, id := range []sip.ID{sip.IDFrom, sip.IDTo, sip.IDCallID} {
		if m.Get(id) != inv.req.Get(id) {
			note("other %v than the INVITE (§9.1)", id)
		}
	}
	if inv.last == nil {
		note("before any response to the INVITE (§9.1)")
	}
	if m.Has(sip.IDRequire) || m.Has(sip.IDProxyRequire) {
		note("has Require (§9.1)")
	}
}

func (a *Agent) checkResponse(t *clientTx, m *sip.Message) {
	note := func(format string, args ...any) {
		a.violation(t.call, m.StartLine()+": "+fmt.Sprintf(format, args...))
	}
	if f := m.Validate(); f != nil {
		note("%s %s", f.Header, f.Why)
	}
	for _, id := range []sip.ID{sip.IDFrom, sip.IDCallID, sip.IDCSeq} {
		if m.Get(id) != t.req.Get(id) {
			note("%v differs from the request's (§8.2.6.2)", id)
		}
	}
	vias := 0
	for range m.Values(sip.IDVia) {
		vias++
	}
	if vias != 1 {
		note("%d Via, one was sent (§8.2.6.2)", vias)
	}
	want, got := t.req.To(), m.To()
	if want.URI != got.URI {
		note("To is %q, the request had %q (§8.2.6.2)", got.URI, want.URI)
	}
	if want.Tag() != "" && got.Tag() != want.Tag() {
		note("To tag changed from %q to %q", want.Tag(), got.Tag())
	}
	if m.Status > 100 && got.Tag() == "" {
		note("To without tag (§8.2.6.2)")
	}
	if t.req.Method == "INVITE" && m.Status/100 == 2 {
		if _, ok := m.Contact(); !ok {
			note("no Contact (§13.3.1.4)")
		}
	}
}
