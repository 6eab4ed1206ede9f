package ua

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/txn"
)

// outside takes a request that belongs to no call.
func (c *Core) outside(now time.Time, src sip.Source, m *sip.Message) {
	defer c.survive()
	if m.Method == "ACK" {
		c.counts.Stray++
		return
	}
	t := c.trunk(src, m)
	if t == nil {
		c.counts.Unknown++
		if c.cfg.Stranger != nil {
			c.cfg.Stranger(now, src)
		}
		if c.snap.Defaults.RefuseUnknownSource == "403" {
			c.refuse(src, m, diag.UnknownSource, 0)
		}
		return
	}
	switch {
	case m.Method == "CANCEL":
		c.refuse(src, m, diag.CallGone, 0)
	case m.ToTag() != "" || withinDialogs(m.Method):
		c.refuse(src, m, diag.CallGone, 0)
	case m.Method == "INVITE" && !c.authenticated(now, src, m, t):
	case m.Method == "INVITE" && m.Has(sip.IDReplaces):
		c.replace(now, src, m, t)
	case m.Method == "INVITE":
		c.begin(now, src, m, t)
	case m.Method == "OPTIONS":
		c.options(src, m, t)
	case sip.KnownMethod(m.Method): // 405, not 501 (RFC 3261 §8.2.1)
		c.disallow(src, m, t, 405)
	default:
		c.disallow(src, m, t, 501)
	}
}

// withinDialogs tells whether a method has no meaning outside of dialogs, so that a request without To tag belongs to none that we know (RFC 3261
// §15.1.2, RFC 3262 §3, RFC 3311 §5.2, RFC 6086 §4.2.2, RFC 6665 §4.1.3).
func withinDialogs(method string) bool {
	switch method {
	case "BYE", "PRACK", "UPDATE", "INFO", "NOTIFY":
		return true
	}
	return false
}

// disallow refuses a method, and says which ones the trunk has.
func (c *Core) disallow(src sip.Source, m *sip.Message, t *topology.Trunk, status int) {
	c.counts.Refused++
	r := Refusal(m, diag.MethodNotAllowed, status, "")
	r.Set(sip.IDAllow, c.env.Allow(t.Settings))
	c.send(src, m, r)
}

// trunk finds the trunk that a source speaks for with a request.
func (c *Core) trunk(src sip.Source, m *sip.Message) *topology.Trunk {
	t, _ := c.snap.InboundTrunk(c.env.Server, src.Transport, src.Local, src.Remote.Addr(), src.Names, c.cfg.Resolved)
	if t != nil && len(t.Derived) > 0 {
		t = tenant(t, m)
	}
	return t
}

// tenant is the trunk among those derived from t that a request is for: by the host of its Request-URI, else by that of To; t itself when
// neither is a name of ours (DR-28).
func tenant(t *topology.Trunk, m *sip.Message) *topology.Trunk {
	for _, uri := range [...]string{m.URI, m.To().URI} {
		if u, err := sip.ParseURI(uri); err == nil {
			if d := t.Tenant(u.Host); d != nil {
				return d
			}
		}
	}
	return t
}

// options answers a probe of a peer (RFC 3261 §11.2, SIG-16).
func (c *Core) options(src sip.Source, m *sip.Message, t *topology.Trunk) {
	switch m.RequestScheme() {
	case "sip", "sips", "tel":
	default:
		c.refuse(src, m, diag.UnsupportedScheme, 0)
		return
	}
	if b2bua.Unserved(t.Settings, m) != "" {
		c.counts.Refused++
		r := Refusal(m, diag.UnsupportedExtension, 0, "")
		b2bua.RefuseRequired(t.Settings, r, m)
		c.send(src, m, r)
		return
	}
	c.counts.Options++
	if c.env.Draining {
		c.refuse(src, m, diag.Draining, 0)
		return
	}
	if t.Disabled {
		c.refuse(src, m, diag.TrunkDisabled, 0)
		return
	}
	hop := b2bua.Back(src, m)
	hop.As = c.env.As(t, hop.Local)
	r := sip.NewResponse(m, 200, "")
	r.SetToTag(statelessTag(m))
	r.Add(sip.IDContact, c.env.Contact(hop)) // by which Teams finds the trunk (DR-04)
	r.Add(sip.IDAllow, c.env.Allow(t.Settings))
	r.Add(sip.IDSupported, b2bua.Extensions(t.Settings))
	r.Add(sip.IDAccept, "application/sdp")
	r.Add(sip.IDServer, c.env.UserAgent)
	c.send(src, m, r)
}

// refuse answers a request without keeping anything (RFC 3261 §8.2.7): a repetition gets the same answer.
func (c *Core) refuse(src sip.Source, m *sip.Message, why *diag.Reason, status int) {
	c.counts.Refused++
	c.send(src, m, Refusal(m, why, status, ""))
}

// Refusal is a stateless response with a reason; status 0 takes the reason's own.
func Refusal(m *sip.Message, why *diag.Reason, status int, detail string) *sip.Message {
	phrase := ""
	if status == 0 || status == why.Status {
		status, phrase = why.Status, why.Phrase
	}
	r := sip.NewResponse(m, status, phrase)
	r.SetToTag(statelessTag(m))
	b2bua.Explain(r, why, detail)
	return r
}

// statelessTag is the same for every repetition of a request.
func statelessTag(m *sip.Message) string {
	h := fnv.New64a()
	h.Write([]byte(m.CallID()))
	h.Write([]byte(m.TopBranch()))
	return "s" + strconv.FormatUint(h.Sum64(), 36)
}

func (c *Core) send(src sip.Source, m, r *sip.Message) {
	c.out.Sends = append(c.out.Sends, txn.Send{Hop: b2bua.Back(src, m), Data: r.Append(nil), CallID: m.CallID()})
}

// sorted are the entries in the order in which their calls began, so that no map order shows.
func (c *Core) sorted() []*entry {
	list := make([]*entry, 0, len(c.byID))
	for _, e := range c.byID {
		if e.call != nil {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(a.call.ID(), b.call.ID()) })
	return list
}
