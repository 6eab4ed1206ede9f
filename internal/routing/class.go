package routing

import "github.com/directsip/directsip/internal/health"

// Class is what a failed attempt means for the next one.
type Class uint8

// The classes. The names of String are those of the call record.
const (
	Answered     Class = iota // 2xx
	Redirect                  // 3xx: the peer wants the call elsewhere
	PeerFault                 // the peer or the way to it is broken: another trunk may work
	Congestion                // the peer works but has no room: another trunk may have
	Incompatible              // the peer cannot take the call in this form: another trunk may
	NumberFault               // the number is wrong, or runs in a circle: no trunk will help
	UserVerdict               // a person or their telephone decided: no trunk may be asked again
)

// String is the word in call records and metrics.
func (c Class) String() string {
	switch c {
	case Answered:
		return "answered"
	case Redirect:
		return "redirect"
	case PeerFault:
		return "peer-fault"
	case Congestion:
		return "congestion"
	case Incompatible:
		return "incompatible"
	case NumberFault:
		return "number-fault"
	case UserVerdict:
		return "user-verdict"
	}
	return "?"
}

// Hunt tells whether the next target may be tried, unless a code set of the trunk says otherwise.
func (c Class) Hunt() bool {
	return c == Redirect || c == PeerFault || c == Congestion || c == Incompatible
}

// Result is what the class says about the peer's health.
func (c Class) Result() health.Result {
	switch c {
	case PeerFault:
		return health.Bad
	case Congestion:
		return health.Congested
	case Incompatible:
		return health.Neutral
	}
	return health.Good
}

// classify gives the class of a final response, and why. cause is the Q.850 cause of its Reason header (RFC 3326), 0 when there
// is none. A cause says more than the status that a gateway chose for it, so it decides, with two exceptions: 6xx is
// the verdict of the called party everywhere (RFC 3261 section 21.6), and the causes that say nothing (16, 31, 127) leave
// the word to the status.
func classify(status, cause int) (Class, string) {
	switch {
	case status >= 200 && status < 300:
		return Answered, "answered"
	case status >= 300 && status < 400:
		return Redirect, "redirected by the peer"
	case status >= 600:
		return classStatus(status)
	}
	if cause > 0 {
		if class, why := classCause(cause); why != "" {
			return class, why
		}
	}
	return classStatus(status)
}

// classStatus is the table of statuses; see the package comment.
func classStatus(status int) (Class, string) {
	switch status {
	case 404, 410, 484, 485, 604:
		return NumberFault, "the number is wrong"
	case 482, 483, 440:
		return NumberFault, "the call runs in a circle; another trunk would multiply it"
	case 480, 486, 487, 433, 600, 603, 607, 608:
		return UserVerdict, "decided by the called party"
	case 406, 415, 416, 420, 421, 422, 424, 488, 493, 494, 501, 505, 513, 580, 606:
		return Incompatible, "the peer cannot take the call in this form"
	case 503:
		return Congestion, "the peer has no room"
	}
	switch {
	case status >= 600:
		return UserVerdict, "decided by the called party"
	case status >= 500:
		return PeerFault, "the peer failed"
	}
	return PeerFault, "the peer refused the request itself, not the number"
}

// classCause is the table of Q.850 causes; why is empty for a cause that says nothing.
func classCause(cause int) (class Class, why string) {
	switch cause {
	case 1, 5, 22, 28:
		return NumberFault, "the number is wrong (Q.850)"
	case 25:
		return NumberFault, "the call runs in a circle (Q.850 25)"
	case 17, 18, 19, 20, 21, 24, 26, 55, 87, 88:
		return UserVerdict, "decided by the called party (Q.850)"
	case 34, 42, 44, 47, 58:
		return Congestion, "no free channel or overloaded (Q.850)"
	case 65, 66, 69, 70, 79:
		return Incompatible, "not in this form (Q.850)"
	case 16, 23, 30, 31, 127:
		return 0, ""
	}
	if cause > 127 {
		return 0, ""
	}
	return PeerFault, "the peer or its network failed (Q.850)"
}
