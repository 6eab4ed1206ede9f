package siptest

import (
	"context"
	"fmt"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// Dial calls a number behind an SBC, or behind one of its tenants, from the i-th proxy. An SBC that is not healthy is not called: ErrDemoted.
func (s *Teams) Dial(i int, fqdn, number string, opts ...Option) (*Call, error) {
	if !s.Healthy(fqdn) {
		return nil, ErrDemoted
	}
	a, at := s.proxies[i], s.sbcs[s.owner(fqdn)]
	uri := fmt.Sprintf("sip:%s@%s:%d;user=phone;transport=tls", number, fqdn, at.Port())
	usual := []Option{
		WithFrom("<sip:+12065550199@" + a.hostPort() + ";user=phone>"),
		WithHeader("Record-Route: <sip:" + a.hostPort() + ";transport=tls;lr>"),
		// A session timer runs in every call whose media does not bypass the service (DR-19). How long it is the documents do not say.
		WithHeader("Supported: timer"), WithHeader("Session-Expires: 3600;refresher=uas"), WithHeader("Min-SE: 300"),
		Edit(func(m *sip.Message) { m.Set(sip.IDAllow, allow+", REFER, NOTIFY") }),
	}
	return a.dial(peer{addr: at, name: fqdn}, uri, append(usual, opts...))
}

// Asserted is how a call looks with ForwardPai: the caller as SIP and TEL URI, and From anonymous (DR-21).
func Asserted(number string) Option {
	return func(r *request) {
		from := r.m.From()
		r.m.Set(sip.IDFrom, `"Anonymous" <sip:anonymous@anonymous.invalid>;tag=`+from.Tag())
		addHeaders(r.m, []string{"P-Asserted-Identity: <sip:" + number + "@pstnhub.test;user=phone>, <tel:" + number + ">", "Privacy: id"})
	}
}

// ForwardedBy is how a call looks with ForwardCallHistory that a user has forwarded: entries with numbers only (DR-20).
func ForwardedBy(number string) Option {
	return func(r *request) {
		u, err := sip.ParseURI(r.m.URI)
		if err != nil {
			return
		}
		host := "pstnhub.test;user=phone"
		addHeaders(r.m, []string{"History-Info: <sip:" + number + "@" + host + "?Reason=SIP%3Bcause%3D302>;index=1, <sip:" + u.User + "@" + host + ">;index=1.1"})
	}
}

// MediaHints are the headers of Local Media Optimization (DR-25): internal or external, the SBCs that media should pass, and the user's site.
func MediaHints(location, path, site string) Option {
	return func(r *request) {
		addHeaders(r.m, []string{"X-MS-UserLocation: " + location, "X-MS-MediaPath: " + path, "X-MS-UserSite: " + site})
	}
}

// Replacing is that an INVITE takes the place of a call of the service's (DR-17, RFC 3891): the SBC's peer in it talks to the new one.
func Replacing(c *Call) Option {
	ours, theirs := c.Invite().FromTag(), ""
	if c.Incoming() {
		ours, theirs = c.Response().ToTag(), ours
	} else {
		theirs = c.Response().ToTag()
	}
	return func(r *request) {
		addHeaders(r.m, []string{"Replaces: " + c.Invite().CallID() + ";to-tag=" + theirs + ";from-tag=" + ours, "Require: replaces"})
	}
}

// Transfer refers an SBC to a number behind the i-th proxy, with tokens as long as the service's (DR-16). It needs REFER in the SBC's Allow
// (DR-15) and waits for the NOTIFY that says how it went. The SBC must call target, the Refer-To, with all of its parameters, and say referred, the
// Referred-By.
func (s *Teams) Transfer(ctx context.Context, c *Call, i int, number string) (target, referred string, err error) {
	if said := allowOf(c); !strings.Contains(said, "REFER") || !strings.Contains(said, "NOTIFY") {
		return "", "", fmt.Errorf("siptest: the SBC allows %q, and neither REFER nor NOTIFY can be left out", said)
	}
	word := strings.Repeat("0123456789abcdef", 12)
	target = "sip:" + number + "@" + s.proxies[i].hostPort() + ";transport=tls;x-m=8:orgid:" + word + ";x-t=" + word
	referred = "<sip:+12065550199@" + s.proxies[i].hostPort() + ";x-m=8:orgid:" + word + ";x-t=" + word + ";x-ti=" + word[:32] + ";x-tt=tok>"
	before := 0
	for _, e := range c.seen() {
		if e.Kind == Request {
			before++
		}
	}
	m, err := c.Do(ctx, "REFER", WithHeader("Refer-To: <"+target+">"), WithHeader("Referred-By: "+referred),
		WithHeader("Contact: "+c.contact()))
	if err != nil {
		return target, referred, err
	}
	if m.Status != 202 {
		return target, referred, fmt.Errorf("siptest: REFER is answered with %d", m.Status)
	}
	for n := before + 1; ; n++ {
		e, err := c.WaitN(ctx, Request, n)
		if err != nil {
			return target, referred, err
		}
		if e.Msg.Method != "NOTIFY" || !strings.Contains(e.Msg.GetName("Subscription-State"), "terminated") {
			continue
		}
		if !strings.HasPrefix(e.Msg.Body, "SIP/2.0 200") {
			return target, referred, fmt.Errorf("siptest: the transfer has failed: %s", e.Msg.Body)
		}
		return target, referred, nil
	}
}

// allowOf is what the peer of a call says that it takes.
func allowOf(c *Call) string {
	if m := c.Response(); !c.Incoming() && m != nil {
		return m.Get(sip.IDAllow)
	}
	return c.Invite().Get(sip.IDAllow)
}
