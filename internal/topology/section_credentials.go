package topology

import (
	"strings"
	"time"

	"github.com/directsip/directsip/internal/digest"
)

// Credentials are what a trunk's peer knows us by when it challenges (NEW-02).
type Credentials struct {
	User  string
	Realm string // "": every realm that the peer names
	// Where the password is, when it is not in the document.
	PasswordFile, PasswordEnv string
	// Account has the password: from Compile when it is in the document, else from Unlock.
	Account digest.Account

	at Problem // where the document names the place of the password
}

// CalledFrom says where the called number of a call over a registration is.
type CalledFrom string

// The places. The Request-URI of such a call may be the contact that we have registered, whatever was dialled.
const (
	FromRequestURI     CalledFrom = "requestURI"
	FromTo             CalledFrom = "to"
	FromPCalledPartyID CalledFrom = "pCalledPartyID" // RFC 7315 §4.2; To when it is absent
)

// Registration is how a trunk registers with its peer (RFC 3261 §10, NEW-02).
type Registration struct {
	User       string // of the address-of-record
	Domain     string // of the address-of-record and the Request-URI
	Contact    string // user part of the contact
	Expires    time.Duration
	Server     *Server // the one that registers
	Required   bool    // the trunk is down while it is not registered
	CalledFrom CalledFrom
}

// Account is what the trunk's peer knows us by; zero when the document has no credentials.
func (t *Trunk) Account() digest.Account {
	if t.Credentials == nil {
		return digest.Account{}
	}
	return t.Credentials.Account
}

// accessDoc is the credentials and the registration of a trunk as written, and what it asks of its peer.
type accessDoc struct {
	credentials, registration *node
	login                     login
	server, user              *node
	reg                       Registration
	auth                      *authenticateDoc // nil: nothing
}

// login is a name and a password as written.
type login struct {
	password, file, env *node
	cred                Credentials
}

var credentialFields = loginFields(func(d *accessDoc) *login { return &d.login })

// loginFields are the keys of a name, its password and its realm.
func loginFields[T any](at func(*T) *login) []field[T] {
	return []field[T]{
		{"user", setText(func(d *T) *string { return &at(d).cred.User })},
		{"password", func(c *compiler, n *node, d *T) { at(d).password = n }},
		{"passwordFile", func(c *compiler, n *node, d *T) {
			at(d).file = n
			at(d).cred.PasswordFile, _ = c.text(n)
		}},
		{"passwordEnv", func(c *compiler, n *node, d *T) {
			at(d).env = n
			at(d).cred.PasswordEnv, _ = c.text(n)
		}},
		{"realm", setText(func(d *T) *string { return &at(d).cred.Realm })},
	}
}

var registrationFields = []field[accessDoc]{
	{"user", func(c *compiler, n *node, d *accessDoc) {
		d.user = n
		d.reg.User, _ = c.text(n)
	}},
	{"domain", func(c *compiler, n *node, d *accessDoc) {
		if s, ok := c.domain(n); ok {
			d.reg.Domain = uriHost(s)
		}
	}},
	{"contact", setText(func(d *accessDoc) *string { return &d.reg.Contact })},
	{"expires", func(c *compiler, n *node, d *accessDoc) {
		if v, ok := c.duration(n, time.Minute, 24*time.Hour, false); ok {
			d.reg.Expires = v
		}
	}},
	{"server", setRef(func(d *accessDoc) **node { return &d.server })},
	{"required", setBool(func(d *accessDoc) *bool { return &d.reg.Required })},
	{"calledFrom", func(c *compiler, n *node, d *accessDoc) {
		s := string(d.reg.CalledFrom)
		c.oneOf(n, &s, string(FromRequestURI), string(FromTo), string(FromPCalledPartyID))
		d.reg.CalledFrom = CalledFrom(s)
	}},
}

// accessFields are the keys of a trunk that say who we are to its peer, and what proves who the peer is.
var accessFields = []field[trunkDoc]{
	{"credentials", func(c *compiler, n *node, d *trunkDoc) {
		if n.kind == scalar {
			n.text = "" // it may be the password: no message shows it
		}
		a := d.accessDoc()
		decode(c, n, credentialFields, a)
		if n.kind == mapping || n.kind == null {
			a.credentials = n
		}
	}},
	{"registration", func(c *compiler, n *node, d *trunkDoc) {
		a := d.accessDoc()
		a.registration = n
		a.reg = Registration{Expires: time.Hour, Required: true, CalledFrom: FromRequestURI}
		decode(c, n, registrationFields, a)
	}},
	{"authenticate", func(c *compiler, n *node, d *trunkDoc) { c.authenticate(n, d.accessDoc()) }},
}

func (d *trunkDoc) accessDoc() *accessDoc {
	if d.access == nil {
		d.access = &accessDoc{}
	}
	return d.access
}

// resolveAccess gives a trunk its credentials, its registration and what it asks of its peer.
func (c *compiler) resolveAccess(d *trunkDoc) {
	a := d.access
	if a == nil || d.out.Gateway == nil || d.out.Pool == nil {
		return
	}
	if a.credentials != nil {
		c.resolveCredentials(d)
	}
	if a.registration != nil {
		c.resolveRegistration(d)
	}
	if a.auth != nil {
		c.resolveAuthenticate(d)
	}
}

func (c *compiler) resolveCredentials(d *trunkDoc) {
	d.out.Credentials = c.login(&d.access.login, d.access.credentials, "the credentials have", "the provider knows you by")
}

// login makes the credentials of a name and its password. has begins the messages about them.
func (c *compiler) login(l *login, n *node, has, knows string) *Credentials {
	if l.cred.User == "" && n.get("user") == nil {
		c.errorf(n, "%s no user", has).fixf("Set user to the name that %s", knows)
	}
	sources := 0
	at := n
	for _, n := range []*node{l.password, l.file, l.env} {
		if n != nil {
			sources++
			at = n
		}
	}
	secret := c.secret(l.password)
	switch {
	case sources == 0:
		c.errorf(n, "%s no password", has).fixf("Set passwordFile, passwordEnv or password")
	case sources > 1:
		c.errorf(n, "%s %d passwords", has, sources).fixf("Keep one of passwordFile, passwordEnv and password")
	}
	l.cred.at = Problem{File: c.file, Line: at.line, Col: at.col, Object: at.object(), Key: at.path()}
	if l.password != nil {
		l.cred.Account = digest.NewAccount(l.cred.User, secret, l.cred.Realm)
	}
	return &l.cred
}

// secret reads a password. No message shows it, and it does not stay in the tree.
func (c *compiler) secret(n *node) string {
	if n == nil {
		return ""
	}
	hidden := n.text
	if n.kind == scalar && hidden != "" {
		n.text = "x"
		if strings.IndexFunc(hidden, isControl) >= 0 {
			n.text = "\n"
		}
	}
	if _, ok := c.text(n); !ok {
		return ""
	}
	return hidden
}

func (c *compiler) resolveRegistration(d *trunkDoc) {
	a, t := d.access, d.out
	r := &a.reg
	if r.User == "" && a.user == nil {
		r.User, _, _ = strings.Cut(a.login.cred.User, "@")
		if r.User == "" {
			c.errorf(a.registration, "the registration has no user").fixf("Set user, or credentials.user, to the number or name that the provider gave you")
		}
	}
	if r.Contact == "" {
		r.Contact = r.User
	}
	if r.Domain == "" {
		r.Domain = uriHost(t.Gateway.Host)
	}
	if len(t.Pool.Servers) > 0 {
		r.Server = t.Pool.Servers[0]
	}
	if a.server != nil {
		if s, ok := c.serverNames.get(c, a.server); ok {
			r.Server = s.out
			if s.out.Pool != t.Pool {
				c.errorf(a.server, "the server %q is not of the trunk's pool %q", s.out.Name, t.Pool.Name).fixf("Name a server of that pool or remove the key")
			}
		}
	}
	t.Registration = r
}

// uriHost is a host as it stands in a URI.
func uriHost(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// Unlock fetches the passwords of a pool's trunks that are not in the document. read gets the path of a file, env the name of an
// environment variable. It is called once, before anybody else has the snapshot. No problem shows a password.
func (s *Snapshot) Unlock(p *Pool, read func(path string) ([]byte, error), env func(name string) (string, bool)) Problems {
	var problems Problems
	for _, t := range s.Trunks {
		if t.Pool != p {
			continue
		}
		for _, c := range t.secrets() {
			if c.PasswordFile == "" && c.PasswordEnv == "" {
				continue
			}
			secret, why, fix := c.fetch(read, env)
			if why != "" {
				problem := c.at
				problem.Why, problem.Fix = why, fix
				problems = append(problems, problem)
				continue
			}
			c.Account = digest.NewAccount(c.User, secret, c.Realm)
		}
	}
	return problems
}

// maxSecret bounds a password.
const maxSecret = 1024

// fetch reads the password, or says why there is none and what to do.
func (c *Credentials) fetch(read func(string) ([]byte, error), env func(string) (string, bool)) (secret, why, fix string) {
	if c.PasswordEnv != "" {
		v, ok := env(c.PasswordEnv)
		switch {
		case !ok || v == "":
			return "", "the environment variable " + c.PasswordEnv + " is not set, or empty", "Set it for the server's process, or use passwordFile"
		case unfit(v):
			return "", "the environment variable " + c.PasswordEnv + " holds no password: it is too long or has control characters", "Set it to the password alone"
		}
		return v, "", ""
	}
	raw, err := read(c.PasswordFile)
	if err != nil {
		return "", "the password cannot be read: " + err.Error(), "Write the password into that file and let the server's user read it"
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case line == "":
		return "", "the file " + c.PasswordFile + " is empty", "Write the password into it, on one line"
	case unfit(line):
		return "", "the file " + c.PasswordFile + " holds no password: it is too long or has several lines or control characters",
			"Write the password into it, on one line and nothing else"
	}
	return line, "", ""
}

func unfit(secret string) bool {
	return len(secret) > maxSecret || strings.IndexFunc(secret, isControl) >= 0
}

// SameSecrets tells whether two snapshots of one document were unlocked with the same passwords.
func (s *Snapshot) SameSecrets(other *Snapshot) bool {
	if len(s.Trunks) != len(other.Trunks) {
		return false
	}
	for i, t := range s.Trunks {
		if o := other.Trunks[i]; !t.Account().Same(o.Account()) || !t.PeerAccount().Same(o.PeerAccount()) {
			return false
		}
	}
	return true
}
