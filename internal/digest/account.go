// Package digest answers and poses digest challenges (RFC 3261 §22, RFC 7616, RFC 8760): SHA-512-256, SHA-256 and MD5, their -sess
// variants, qop auth and auth-int, and hashed user names.
//
// The package is pure: no clock, no lock, no socket, and no randomness of its own. No error and no text form of its types holds a
// password or a hash of one.
package digest

import (
	"errors"
	"fmt"
)

// Account is what a peer knows us by, or we know a peer by.
type Account struct {
	user, realm string
	// A pointer, because fmt does not follow it when an Account sits in an unexported field,
	// where it does not call Format either.
	password *string
}

// NewAccount makes an account. An empty realm stands for every realm that a peer names.
func NewAccount(user, password, realm string) Account {
	return Account{user: user, realm: realm, password: &password}
}

// User is the name; it is no secret.
func (a Account) User() string { return a.user }

// IsZero tells whether there is no account.
func (a Account) IsZero() bool { return a == Account{} }

// Same tells whether two accounts have the same name, realm and password.
func (a Account) Same(b Account) bool {
	return a.user == b.user && a.realm == b.realm && a.secret() == b.secret() && a.IsZero() == b.IsZero()
}

// secret is the password.
func (a Account) secret() string {
	if a.password == nil {
		return ""
	}
	return *a.password
}

// Format writes the account without its password, whatever the verb.
func (a Account) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "account %q", a.user)
}

// The reasons not to answer a challenge.
var (
	ErrNoAccount   = errors.New("digest: no account for the realm of the challenge")
	ErrNoChallenge = errors.New("digest: no challenge that can be answered")
	ErrRejected    = errors.New("digest: the peer does not accept the user name or password")
	ErrTooOften    = errors.New("digest: challenged too often")
)
