package routing

import "github.com/directsip/directsip/internal/topology"

// StepKind names the part of the decision that a Step is about.
type StepKind uint8

// The kinds of steps, about in the order in which they occur.
const (
	StepCall         StepKind = iota // From: called as received; To: calling as received; Name: inbound trunk
	StepCaller                       // who calls. Name: user; From: as received; To: normalized; Of: URI that no user has
	StepForwarder                    // who forwards the call. Name: user; From: URI
	StepInCalled                     // inbound called rule
	StepInCalling                    // inbound calling rule
	StepEmergency                    // Name: emergency number; From: as dialled; To: usage
	StepLocation                     // where the caller of an emergency call is. Name: location
	StepPlan                         // Name: dial plan
	StepNormalize                    // normalization rule
	StepCallBack                     // a call to a location's number. Name: the number; To: who is reached
	StepInbound                      // inbound rule. Name: rule; From: called; Of and To: kind and name of the destination; N: code
	StepUser                         // Name: user; From: number or URI looked up
	StepPlace                        // location-based routing of the call as a whole
	StepAnnouncement                 // heard before the call goes on, like StepInbound
	StepUnassigned                   // range of unassigned numbers, like StepInbound
	StepPolicy                       // where the usages come from. Name: policy or trunk
	StepUsage                        // Name: usage
	StepRoute                        // Name: route; From: pattern
	StepTrunk                        // Name: trunk
	StepCalled                       // outbound called rule. Of: trunk
	StepCalling                      // outbound calling rule. Of: trunk
	StepCallerID                     // caller id replaced by the route. Name: route
	StepELIN                         // a location's number instead of the caller's. Name: location; Of: trunk
	StepPlus                         // + removed. Of: trunk
	StepExt                          // extension left out toward the PSTN. Of: trunk
	StepMedia                        // where the media of a target goes. Name: trunk; From: why
	StepBandwidth                    // what a target's links have to carry. Name: trunk; From: how much over what, or why not
	StepRefused                      // Name: id of the reason
)

// Outcome says what became of the thing that a step is about.
type Outcome uint8

// The outcomes.
const (
	Considered Outcome = iota
	Chosen
	NoMatch       // the pattern does not match
	KeptAsIs      // no rule matches, the number is E.164 already
	Unknown       // no such user
	OtherPool     // trunk of another pool
	NotRoutable   // gateway is not routable
	CameIn        // the trunk that the call came in on
	Already       // trunk is a target already
	TriedLast     // trunk is down: after all others
	LaterInRoute  // trunk is degraded: after the others of its route
	TrialCall     // trunk is half open: this is a trial call
	BeyondMax     // more targets than maxAttempts
	NoUsages      // the caller has none
	NoRoutes      // no route of the usage matches
	NoTrunks      // the route has no usable trunk
	OthersNoMatch // N routes of the usage whose pattern does not match
	Hidden        // caller id replaced by "anonymous"
	OtherSite     // location-based routing keeps the trunk for another site
	AtSite        // usages are those of the site
	AsAsked       // usages are those of the policy that was asked for
	PrivateLine   // the user's private line was called
	InternalOnly  // forwarded calls stay inside
	OutOfService  // trunk is disabled
	Bypassed      // media goes past the server
	Anchored      // media passes the server
	NoRoom        // a link has no room for the call
	Untold        // a side does not take a change of its media
	NoPorts       // media that was added to a running call is refused, or a target passed by, for want of ports
)

// MediaStep says where the media of a call to a trunk goes, and why.
func MediaStep(t *topology.Trunk, bypassed bool, why string) Step {
	st := Step{Kind: StepMedia, Outcome: Anchored, Name: t.Name, From: why}
	if bypassed {
		st.Outcome = Bypassed
	}
	return st
}

// UntoldStep says that a peer does not take what its media has become.
func UntoldStep(t *topology.Trunk, text string) Step {
	return Step{Kind: StepMedia, Outcome: Untold, Name: t.Name, From: text}
}

// PortsStep says why media that the peer of a trunk adds to a running call, or a target that is to be called, has no ports.
func PortsStep(t *topology.Trunk, text string) Step {
	return Step{Kind: StepMedia, Outcome: NoPorts, Name: t.Name, From: text}
}

// BandwidthStep says what a call to a trunk has on links, or why it has no room there.
func BandwidthStep(t *topology.Trunk, admitted bool, text string) Step {
	st := Step{Kind: StepBandwidth, Outcome: NoRoom, Name: t.Name, From: text}
	if admitted {
		st.Outcome = Chosen
	}
	return st
}

// Step is one thing considered. It is small and holds only strings that exist already; Explain and MarshalJSON make
// words of it.
type Step struct {
	Kind     StepKind
	Outcome  Outcome
	N        int32  // OthersNoMatch: how many
	Name     string // of the rule, usage, route, trunk, user …
	Of       string // what it belongs to: dial plan, policy, pool …
	From, To string
}
