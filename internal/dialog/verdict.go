package dialog

import "time"

// Verdict says what to do with a request inside a dialog.
type Verdict uint8

const (
	OK      Verdict = iota // go on
	Stray                  // of no dialog of ours: 481 (RFC 3261 §12.2.2); an ACK is dropped
	Late                   // CSeq lower than one already seen: 500 (RFC 3261 §12.2.2)
	Glare                  // crossed with our own offer or INVITE: 491 (RFC 3261 §14.2, RFC 3311 §5.2)
	TooSoon                // the peer's earlier offer or INVITE is not settled: 500 with Retry-After (same sections)
	Refused                // an offer where none may be: 488 (RFC 6337 §2.2)
)

// Status is the SIP status that the verdict stands for; 0 for OK.
func (v Verdict) Status() int {
	switch v {
	case OK:
		return 0
	case Stray:
		return 481
	case Glare:
		return 491
	case Refused:
		return 488
	}
	return 500
}

// String is for logs and test failures.
func (v Verdict) String() string {
	switch v {
	case OK:
		return "OK"
	case Stray:
		return "Stray"
	case Late:
		return "Late"
	case Glare:
		return "Glare"
	case TooSoon:
		return "TooSoon"
	case Refused:
		return "Refused"
	}
	return "?"
}

// GlareDelay is how long to wait after a 491 before the next try (RFC 3261 §14.1), in steps
// of 10 ms: 2.1 to 4 s for the side that made the Call-ID, 0 to 2 s for the other. random is
// any number of the owner's source.
func GlareDelay(ownsCallID bool, random uint64) time.Duration {
	const step = 10 * time.Millisecond
	if ownsCallID {
		return 2100*time.Millisecond + time.Duration(random%191)*step
	}
	return time.Duration(random%201) * step
}

// RetryAfter is the value in seconds of the Retry-After header that goes with TooSoon: 0 to
// 10 (RFC 3261 §14.2). random is any number of the owner's source.
func RetryAfter(random uint64) int { return int(random % 11) }
