package siptest

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/digest"
	"github.com/directsip/directsip/internal/sip"
)

// Registrar makes an agent a provider that takes registrations (RFC 3261 §10.3) and asks for a password (RFC 3261 §22).
type Registrar struct {
	User, Password string        // Password "": nobody is asked
	Realm          string        // default: the agent's name
	Algorithm      string        // default: SHA-256
	Expires        time.Duration // granted; default: what is asked for
	Least          time.Duration // less gets 423
	Headers        []string      // of the 200: "Service-Route: <sip:192.0.2.1;lr>"
	Calls          bool          // who calls is asked for the password too
}

// Binding is one contact that is registered.
type Binding struct {
	Contact string // URI
	Expires time.Duration
	CallID  string
	CSeq    uint32
	Count   int // REGISTERs that were accepted for it
}

// registrar is the state of a Registrar.
type registrar struct {
	Registrar
	digest   digest.Server
	account  digest.Account
	bindings map[string]Binding // by Contact
	refused  int
}

func newRegistrar(cfg Config) *registrar {
	r := *cfg.Registrar
	if r.Realm == "" {
		r.Realm = cfg.Name
	}
	if r.Algorithm == "" {
		r.Algorithm = "SHA-256"
	}
	return &registrar{Registrar: r, account: digest.NewAccount(r.User, r.Password, ""), bindings: map[string]Binding{},
		digest: digest.Server{Realm: r.Realm, Key: []byte(token() + token()), Algorithms: []string{r.Algorithm}, AnyCall: true}}
}

// Bindings are the contacts that are registered, by their URI.
func (a *Agent) Bindings() map[string]Binding {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.registrar == nil {
		return nil
	}
	return maps.Clone(a.registrar.bindings)
}

// Refusals is how often the agent has asked for a password, or refused one.
func (a *Agent) Refusals() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.registrar == nil {
		return 0
	}
	return a.registrar.refused
}

// asks challenges a request, or lets it through; the agent is locked.
func (a *Agent) asks(t *serverTx) bool {
	r := a.registrar
	if r == nil || r.Password == "" || t.req.Method != "REGISTER" && !r.Calls {
		return false
	}
	result := r.digest.Check(time.Now(), t.req, false, r.account)
	if result == digest.Accepted {
		return false
	}
	r.refused++
	if t.req.Method == "INVITE" {
		a.record(nil, false, t.from, t.req, false)
	}
	if result == digest.Wrong {
		t.reply(t.response(403, nil))
		return true
	}
	var lines []string
	for _, v := range r.digest.Challenge(time.Now(), t.req.CallID(), result == digest.Stale) {
		lines = append(lines, "WWW-Authenticate: "+v)
	}
	t.reply(t.response(401, lines))
	return true
}

// bind takes a REGISTER; the agent is locked.
func (a *Agent) bind(t *serverTx) {
	r, m := a.registrar, t.req
	c, ok := m.Contact()
	if !ok {
		t.reply(t.response(400, nil))
		return
	}
	text, ok := c.Params.Get("expires")
	if !ok {
		text = m.Get(sip.IDExpires)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	wants := time.Duration(n) * time.Second
	switch {
	case err != nil:
		t.reply(t.response(400, nil))
		return
	case n == 0:
		delete(r.bindings, c.URI)
		t.reply(t.response(200, nil))
		return
	case wants < r.Least:
		t.reply(t.response(423, []string{"Min-Expires: " + strconv.Itoa(int(r.Least/time.Second))}))
		return
	}
	if r.Expires > 0 {
		wants = r.Expires
	}
	seq, _, _ := m.CSeq()
	old := r.bindings[c.URI]
	if old.CallID == m.CallID() && old.CSeq >= seq {
		a.violation(nil, "REGISTER with a CSeq that is not higher (RFC 3261 §10.3)")
	}
	r.bindings[strings.Clone(c.URI)] = Binding{Contact: strings.Clone(c.URI), Expires: wants, CallID: strings.Clone(m.CallID()), CSeq: seq, Count: old.Count + 1}
	t.reply(t.response(200, append([]string{"Contact: <" + c.URI + ">;expires=" + strconv.Itoa(int(wants/time.Second))}, r.Headers...)))
}
