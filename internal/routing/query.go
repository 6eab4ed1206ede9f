package routing

import (
	"time"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// Query is one call to be routed. Strings are unescaped.
type Query struct {
	Server  *topology.Server // ours; only trunks of its pool are targets. nil: any pool (tests of a document)
	Trunk   *topology.Trunk  // that the call came in on; nil when there is none (tests of a document)
	User    *topology.User   // the caller when known; else found by calling URI or number, on trunks of kind uc only
	Called  string           // user part of the Request-URI, may carry ;ext= and ;phone-context=
	Calling string           // user part of P-Asserted-Identity or From: number or name, "anonymous", ""

	Parameters string // of the called number beside those: ";npdi;rn=+12065550000" (identity.Parameters)

	CalledURI, CallingURI string // whole URIs, for users addressed by SIP URI; may be empty
	Display               string // the caller's display name

	// ForwardedBy is the URI of the party that the UC platform names as the one who forwards the call, "" when it names none. It
	// counts on trunks of kind uc only, like the caller.
	ForwardedBy string
	// Plan and Policy hold instead of the dial plan and the voice policy of the caller, for questions about the document (OPS-02); nil: the caller's.
	Plan   *topology.DialPlan
	Policy *topology.VoicePolicy
	// Stays is who will talk to the called party when the call is the second half of a transfer; nil: the caller.
	Stays *Party

	Now time.Time // for Callbacks

	Full bool // explain also every rule and route that does not match
}

// ComeIn gives a call of a user, or one that a user forwards, the trunk that it arrives on when it has none: that of the user's UC platform, at the
// query's server. What is asked about the document, and not about a call of somebody's, has none.
func (q *Query) ComeIn(s *topology.Snapshot) {
	u := q.User
	if u == nil && q.ForwardedBy != "" {
		u = s.UserByURI(q.ForwardedBy)
	}
	if q.Trunk != nil || u == nil {
		return
	}
	var pool *topology.Pool
	if q.Server != nil {
		pool = q.Server.Pool
	}
	if q.Trunk = u.ComesIn(pool); q.Trunk != nil && q.Server == nil && len(q.Trunk.Pool.Servers) > 0 {
		q.Server = q.Trunk.Pool.Servers[0]
	}
}

// State is what routing knows about the world at this moment.
type State interface {
	// TrunkState is the health of a trunk. The document that has it may be an older one: a running call decides anew by its own.
	TrunkState(*topology.Trunk) health.State
	// Turn is the next value of the round-robin counter of a route, 0 <= Turn < n.
	Turn(r *topology.Route, n int) int
}

// Kind is what was decided.
type Kind uint8

// The kinds.
const (
	Refused Kind = iota
	ToUser
	ToRoute
	Emergency // no limit applies (NEW-18)
	Announced // an announcement, then the refusal of Reason (RTE-28, RTE-29)
)

// String is the word in explanations.
func (k Kind) String() string {
	switch k {
	case Refused:
		return "refused"
	case ToUser:
		return "user"
	case ToRoute:
		return "route"
	case Emergency:
		return "emergency"
	case Announced:
		return "announcement"
	}
	return "?"
}

// Decision says where a call goes, and why.
type Decision struct {
	Kind         Kind
	Number       string                 // called number, normalized: "+14255550100", "+14255550100;ext=100"
	CallerNumber string                 // calling number, normalized where a rule allows; as it came otherwise
	CallingUser  *topology.User         // nil when the caller is no user
	Forwarder    *topology.User         // who forwards the call, nil when nobody of ours does
	User         *topology.User         // called user, Kind ToUser
	Private      bool                   // by the user's private line (RTE-32)
	Usage        string                 // of the first target
	Location     *topology.Location     // where the caller of an emergency call is; nil when that is not known
	ELIN         string                 // number of the location that some target shows instead of the caller's; "" none
	Targets      []Target               // in the order of trial; none when Refused or Announced
	Reason       *diag.Reason           // of a refusal, also of one after an announcement; else nil
	Announcement *topology.Announcement // heard first, or alone where Kind is Announced; nil: none
	Steps        []Step
}

// Caller is the user on whose account the call is: who forwards it, else who makes it; nil when that is no user.
func (d *Decision) Caller() *topology.User {
	if d.Forwarder != nil {
		return d.Forwarder
	}
	return d.CallingUser
}

// Target is one way to carry the call.
type Target struct {
	Trunk      *topology.Trunk
	Route      *topology.Route // nil toward a user
	Usage      string
	Called     string // user part of the Request-URI, translated for this trunk
	Parameters string // that go with the number there: ";npdi;rn=+12065550000"
	URI        string // whole Request-URI instead, when a user without number or called by SIP URI is addressed; else ""
	Calling    string // user part of From, translated for this trunk; "anonymous" when the route hides the caller
	Display    string
	SuppressID bool // the caller's own identity must not leave in any header (RTE-13)
}
