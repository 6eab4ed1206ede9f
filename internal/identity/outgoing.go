package identity

import (
	"strings"
	"unicode/utf8"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// Anonymous is the URI of a caller who is not shown (RFC 3323 §4.1.1.3).
const Anonymous = "sip:anonymous@anonymous.invalid"

// anonymous is the user part by which routing says that a caller is hidden.
const anonymous = "anonymous"

// Outgoing is one INVITE toward a target, by what routing decided of it. It decides what of the caller may be seen there.
type Outgoing struct {
	In, Out  *topology.Trunk // In is nil when the call comes from no trunk
	Calling  string          // user part of the caller, translated for Out; "" or "anonymous" when nobody is to be shown
	Display  string
	User     bool         // the caller is a user of the document, whose number is known
	Suppress bool         // the route hides or replaces the caller (RTE-13): nothing of the caller's own may leave
	Host     string       // our own host on the way to the target; an IPv6 address has its brackets
	Invite   *sip.Message // as it arrived; nil when there is none
	Passed   []Passed     // by whom this server was sent to the target, the earliest first
	// Carry is what a number in another header becomes that arrived on in and leaves by out.
	Carry func(in, out *topology.Trunk, number string) string

	caller Caller
	hidden bool // the caller is not shown
}

// Read takes what the INVITE says. It comes before all other methods.
func (o *Outgoing) Read() {
	set := o.Out.Settings
	if o.Invite != nil && !o.Suppress {
		o.caller = ReadCaller(o.Invite, o.In)
	}
	o.hidden = set.CallerForm == topology.CallerAnonymous || o.Calling == "" || o.Calling == anonymous || o.Invite != nil && !o.Suppress && o.caller.Hidden()
}

// Concealed tells whether the caller is hidden or replaced, so that a header which may name the caller must not pass.
func (o *Outgoing) Concealed() bool { return o.hidden || o.Suppress }

// From is the value of From with our tag: the number or name that the call is from, or nobody.
func (o *Outgoing) From(tag string) string {
	var room [192]byte
	b := room[:0]
	if o.hidden || o.Out.Settings.CallerForm == topology.CallerPAIOnly {
		b = append(b, `"Anonymous" <`+Anonymous+`>`...)
	} else {
		b = o.appendAddress(b, o.named(o.Display), o.Calling)
	}
	b = append(b, ";tag="...)
	return string(append(b, tag...))
}

// Write adds the headers that say more of the caller and of where the call has been. target is the Request-URI.
func (o *Outgoing) Write(m *sip.Message, target string) {
	if number, display, tel, ok := o.assertion(); ok {
		o.assert(m, number, display, tel)
	}
	if p := o.privacy(); p != 0 {
		m.Add(sip.IDPrivacy, p.String())
	}
	o.writeHistory(m, target)
}

// assertion is the identity that we vouch for toward the peer.
func (o *Outgoing) assertion() (number, display string, tel, ok bool) {
	set, who := o.Out.Settings, &o.caller.Asserted
	switch {
	case !set.ForwardPAI || set.IdentityHeaders == topology.IdentityNone || set.CallerForm == topology.CallerAnonymous:
		return "", "", false, false
	case o.Suppress: // the number that the route shows instead is ours to vouch for
		return o.Calling, "", false, !o.hidden
	case who.URI == "": // nobody vouches; where From says nothing at all there is no other place for what the caller says
		return o.Calling, o.Display, false, set.CallerForm == topology.CallerPAIOnly && !o.hidden
	case o.hidden && !o.mayReveal():
		return "", "", false, false
	}
	number = o.Calling
	own := o.User && !isNumber(who.Number) // vouched for by a SIP URI: it is the user who calls
	if !own && o.caller.Presented().Number != who.Number || number == "" || number == anonymous {
		number = o.carry(who.dialled())
	}
	return number, who.Display, who.Tel, number != ""
}

// mayReveal tells whether the identity of a hidden caller goes on to this trusted peer. A telephone network gets that of a call which came out of
// such a network only by forwardAnonymousCallGatewayPAI (TRK-27).
func (o *Outgoing) mayReveal() bool {
	if !network(o.Out) || o.Out.Settings.ForwardAnonymousCallGatewayPAI {
		return true
	}
	m := o.Invite
	return !network(o.In) && !m.Has(sip.IDDiversion) && !m.Has(sip.IDHistoryInfo) && !m.Has(sip.IDReferredBy)
}

// network tells whether a telephone network is behind a trunk.
func network(t *topology.Trunk) bool {
	return t != nil && (t.Gateway.Kind == topology.KindGateway || t.Gateway.Kind == topology.KindSBC)
}

// assert writes an identity in the headers that the peer wants.
func (o *Outgoing) assert(m *sip.Message, number, display string, tel bool) {
	address := string(o.appendAddress(nil, o.named(display), number))
	form := o.Out.Settings.IdentityHeaders
	if form != topology.IdentityRPID {
		m.Add(sip.IDPAssertedIdentity, address)
		if tel && number[0] == '+' && isNumber(number) {
			m.Add(sip.IDPAssertedIdentity, "<tel:"+local(number)+">")
		}
	}
	if form != topology.IdentityPAI {
		hide := "off"
		if o.hidden {
			hide = "full"
		}
		side := "called"
		if m.IsRequest() {
			side = "calling"
		}
		m.Add(sip.IDRemotePartyID, address+";party="+side+";screen=yes;privacy="+hide)
	}
}

// privacy is what the peer is asked for: what the caller asked for and is not done here already (RFC 3323 §5), and that a caller who is
// not shown is not shown further on either.
func (o *Outgoing) privacy() Privacy {
	p := o.caller.Privacy & (PrivacyID | PrivacyHistory | PrivacyCritical | PrivacyNone)
	if o.hidden {
		p = p&^PrivacyNone | PrivacyID
	}
	if !p.Has(PrivacyID | PrivacyHistory | PrivacyNone) {
		return 0
	}
	return p
}

// writeHistory writes who passed the call on (TRK-15, SIG-13, NEW-05), unless the route hides or replaces the caller: a user who has
// forwarded calls would be told by it.
func (o *Outgoing) writeHistory(m *sip.Message, target string) {
	set := o.Out.Settings
	if !set.ForwardCallHistory || o.Suppress {
		return
	}
	if list := o.redirections(); len(list) > 0 {
		if set.CallHistoryForm != topology.HistoryDiversion {
			m.Add(sip.IDHistoryInfo, o.history(list, target))
		}
		if set.CallHistoryForm != topology.HistoryInfo {
			for i := len(list) - 1; i >= 0; i-- {
				m.Add(sip.IDDiversion, o.diversion(&list[i]))
			}
		}
	}
	if o.Invite != nil && o.In != nil && o.In.Settings.ForwardCallHistory {
		o.writeReferredBy(m, o.Invite.Get(sip.IDReferredBy))
	}
}

// writeReferredBy writes who sent the caller here (RFC 3892), anew: neither a host nor a token of the other side is for this one.
func (o *Outgoing) writeReferredBy(m *sip.Message, said string) {
	a, err := sip.ParseAddress(said)
	if err != nil {
		return
	}
	if p := party(a); p.URI != "" {
		m.Add(sip.IDReferredBy, string(o.appendAddress(nil, o.named(p.Display), o.carry(p.Number))))
	}
}

// ReferredBy adds to a message that carries out a REFER who has sent it, as the REFER said it on the trunk in. Like redirections it needs the trust of
// both trunks. host and carry are those of Outgoing.
func ReferredBy(m *sip.Message, said string, in, out *topology.Trunk, host string, carry func(in, out *topology.Trunk, number string) string) {
	if in.Settings.ForwardCallHistory && out.Settings.ForwardCallHistory {
		o := Outgoing{In: in, Out: out, Host: host, Carry: carry}
		o.writeReferredBy(m, said)
	}
}

// carry is what a received number becomes.
func (o *Outgoing) carry(number string) string { return o.Carry(o.In, o.Out, number) }

// named is a display name as the trunk shows it.
func (o *Outgoing) named(display string) string {
	if !o.Out.Settings.DisplayName {
		return ""
	}
	return display
}

// appendAddress writes a name-addr on our own host.
func (o *Outgoing) appendAddress(b []byte, display, number string) []byte {
	if display = clean(display); display != "" {
		b = append(b, sip.Quote(display)...)
		b = append(b, ' ')
	}
	b = append(b, '<')
	b = o.appendURI(b, number)
	return append(b, '>')
}

// appendURI writes a number or name as SIP URI on our own host (SIG-03, SIG-04).
func (o *Outgoing) appendURI(b []byte, number string) []byte {
	b = append(b, "sip:"...)
	b = AppendUser(b, o.Out.Settings, number)
	b = append(b, '@')
	if domain := o.Out.Settings.FromDomain; domain != "" {
		b = append(b, domain...)
	} else {
		b = append(b, o.Host...)
	}
	return AppendPhone(b, o.Out.Settings, number)
}

// AppendUser writes the user part of a number or name on a trunk: escaped, and a number that means something in its context only with the
// phone-context of the trunk (RFC 3966 §5.1.5).
func AppendUser(b []byte, set *topology.TrunkSettings, number string) []byte {
	return appendUser(b, set, number, "")
}

// appendUser writes a subaddress, as it was received, between number and phone-context.
func appendUser(b []byte, set *topology.TrunkSettings, number, isub string) []byte {
	number = local(number)
	b = append(b, sip.EscapeUser(number)...)
	b = append(b, isub...)
	if set.PhoneContext != "" && isLocal(number) {
		b = append(b, ";phone-context="...)
		b = append(b, set.PhoneContext...)
	}
	return b
}

// AppendPhone writes user=phone behind the URI of a number (RFC 3261 §19.1.1).
func AppendPhone(b []byte, set *topology.TrunkSettings, number string) []byte {
	if set.UserPhone && isNumber(number) {
		b = append(b, ";user=phone"...)
	}
	return b
}

// maxDisplay bounds a display name.
const maxDisplay = 128

// clean makes a display name fit for a quoted-string: one line, UTF-8, no longer than a telephone can show. Octets that are none are those of a peer that writes
// ISO 8859-1, of which most letters of European names are.
func clean(display string) string {
	var b strings.Builder
	for i := 0; i < len(display); {
		r, n := utf8.DecodeRuneInString(display[i:])
		if r == utf8.RuneError && n == 1 {
			r = rune(display[i])
		}
		i += n
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxDisplay {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
