package sim

import (
	"time"
)

// Scenario is one call: who calls what and how, and how each host treats the calls that reach it.
type Scenario struct {
	Name   string
	From   string // host that calls
	Node   int    // server that it calls
	Number string // called
	Start  time.Duration
	Caller Caller
	// Callees are the behaviours of a host for the first, second … INVITE of this call; the last one stands for the rest.
	Callees map[string][]Callee

	key       string    // calling number
	joins     *Scenario // the call that its attended transfers name; nil: any
	heard     int       // times that the media path was found whole
	withdrawn bool      // a re-INVITE was cancelled: the two ends may have understood it differently
	bared     bool      // somebody has resumed without an offer
	faxed     bool      // T.38 was live in the end
	reached   map[string]int
	caller    *Party
	moved     bool      // a transfer was asked for: the ends need not come and go together
	referred  time.Time // … the last time by REFER
	ends      []*Party  // callees in the order in which they were reached
}

// Caller is how the caller behaves.
type Caller struct {
	Offerless bool
	Held      string // direction of its first offer, when not sendrecv
	Video     bool
	Large     bool          // an offer too large for UDP
	GiveUp    time.Duration // cancels after so long; 0: 200 s
	HangUp    bool          // gives up by BYE in the early dialog
	AckDelay  time.Duration
	NoAck     bool     // never acknowledges
	EmptyAck  bool     // no answer in the ACK to an offer
	ByeFirst  bool     // BYE overtakes the ACK
	Located   bool     // says where it is, beside its offer
	Merged    bool     // sends the INVITE by a second way as well
	Anonymous bool     // From names nobody
	Headers   []string // further lines of the INVITE, see identities
	Login     Login    // when it is asked for its password
	Manner
}

// Callee is how a callee behaves.
type Callee struct {
	Silent     bool // answers nothing at all
	No100      bool
	Progress   []Progress
	After      time.Duration // of the final response, from the INVITE
	Final      int           // 0: none ever
	Cause      int           // Q.850
	Contact    string        // of a 3xx; NUMBER in it is the number that was called
	RetryAfter string        // of a refusal
	Fork       []Callee      // further telephones behind the same proxy
	Late       time.Duration // answers 200 so long after the CANCEL, as if it had not come; 0: 487
	Deaf       bool          // takes no notice of CANCEL
	Taken      time.Duration // so long after the INVITE another telephone of its equipment asks for its place, if it rings; 0: none does
	Twice      bool          // sends every response twice
	NoAnswer   bool          // 200 without a description
	Misfit     bool          // 200 with an answer that does not fit
	ByeEarly   bool          // BYE at once behind its 200, before the ACK, and the network lets it overtake
	NoUpdate   bool          // Allow without UPDATE
	Named      bool          // says in its responses who answers
	Stale      int           // calls so many answers to a challenge stale
	Locked     bool          // takes no password
	Manner
}

// Progress is one provisional response.
type Progress struct {
	After  time.Duration
	Status int
	SDP    bool
}

// Manner is how either side behaves in the call.
type Manner struct {
	Then     []Action
	Video    bool
	Reinvite int           // refuses re-INVITE and UPDATE with this status; 0: accepts
	Slow     time.Duration // time to answer a re-INVITE
	Glare    int           // answers 491 to so many re-INVITEs before it takes one
	Misfits  int           // answers so many re-INVITEs with an answer that does not fit
	Fax      bool          // takes T.38
	Short    bool          // leaves refused m-lines out of its offers
	SendRecv bool          // answers every offer with sendrecv, also one of hold
	Echoes   bool          // offers what stands when it is asked for an offer, and so the other side's hold
	Stays    int           // refuses with this status to be taken off hold; 0: accepts
	Bare     int           // refuses re-INVITEs without an offer with this status; 0: accepts
	Thrifty  bool          // offers G.729 and nothing else, until it recodes
	ReferTo  string        // number that it transfers to; "": +14255550199
	Refers   int           // takes REFER and tells this result of it; 0: its Allow has no REFER
	Refuses  int           // … or refuses it with this status in spite of its Allow
	Timer    Timer
	Ask      int // 401 or 407: challenges every request but ACK and CANCEL (RFC 3261 §22); 0: none
	Rel      Rel
	Odd      Odd
	Before   []Action        // before the answer, so long after the INVITE
	Early    []time.Duration // UPDATEs before the answer, so long after the INVITE
}

// Verb is what a party does in a call.
type Verb string

// The verbs.
const (
	Hold        Verb = "hold"        // re-INVITE sendonly
	Inactive    Verb = "inactive"    // re-INVITE inactive
	Resume      Verb = "resume"      // re-INVITE sendrecv
	RecvOnly    Verb = "recvonly"    // re-INVITE recvonly
	Zero        Verb = "zero"        // re-INVITE with c=0.0.0.0, hold as RFC 2543 has it
	Recode      Verb = "recode"      // re-INVITE with another codec first
	Shorten     Verb = "shorten"     // re-INVITE that asks for packets of 10 ms
	Refresh     Verb = "refresh"     // re-INVITE with nothing new
	Offerless   Verb = "offerless"   // re-INVITE without offer
	ResumeBare  Verb = "resume-bare" // … and sendrecv is the answer to what comes
	Update      Verb = "update"      // UPDATE that moves the media
	Ping        Verb = "ping"        // UPDATE without offer
	Info        Verb = "info"
	Message     Verb = "message"
	Beep        Verb = "beep" // a request of a method that nobody knows
	Options     Verb = "options"
	Withdraw    Verb = "withdraw" // re-INVITE and CANCEL behind it
	Recant      Verb = "recant"   // … without offer
	AddVideo    Verb = "video"    // re-INVITE with one m-line more
	Bye         Verb = "bye"
	Vanish      Verb = "vanish" // no packet any more
	Forget      Verb = "forget" // knows nothing of the call any more, as after a restart
	Mute        Verb = "mute"   // neither RTP nor RTCP any more
	Garbage     Verb = "garbage"
	Fax         Verb = "fax"            // re-INVITE to T.38
	FaxBehind   Verb = "fax behind"     // … in an m-line behind that of speech, which is refused
	FaxWithdraw Verb = "fax and cancel" // … which is taken back
	Refer       Verb = "refer"          // blind transfer to Manner.ReferTo
	ReferMute   Verb = "refer-mute"     // … that wants no NOTIFYs (RFC 4488)
	ReferBye    Verb = "refer-bye"      // … and BYE as soon as it is accepted
	ReferTwo    Verb = "refer-two"      // two of them at once
	ReferBad    Verb = "refer-bad"      // without a target
	ReferFar    Verb = "refer-far"      // to a number that nobody may call
	ReferJoin   Verb = "refer-join"     // attended: to who is in another call of the same equipment
	ReferLost   Verb = "refer-lost"     // … to who is in a call that does not exist, or not any more
	Pickup      Verb = "pickup"         // INVITE with Replaces from another telephone of the same equipment
	PickOther   Verb = "pick-other"     // … for the place of who is in another call of the same equipment
	PickLost    Verb = "pick-lost"      // … of nobody
	ReferHome   Verb = "refer-home"     // to a URI at the own equipment, with tokens (DR-16)
)

// Action is one act, so long after the call is up for the party.
type Action struct {
	After time.Duration
	Do    Verb
}

// Call adds a scenario to the world.
func (w *World) Call(s Scenario) *Scenario {
	sc := &s
	sc.reached = make(map[string]int)
	sc.key = "+4930" + pad(len(w.order)+1, 6)
	w.order = append(w.order, sc)
	w.scenarios[sc.key] = sc
	w.waiting++
	w.after(sc.Start, func() {
		w.waiting--
		w.Host(sc.From).call(sc)
	})
	return sc
}

func pad(n, width int) string {
	b := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b)
}

// next is the behaviour of a host for the next INVITE of the call.
func (s *Scenario) next(host string) Callee {
	list := s.Callees[host]
	if len(list) == 0 {
		list = s.Callees["*"]
	}
	if len(list) == 0 {
		return Callee{Final: 503}
	}
	i := min(s.reached[host], len(list)-1)
	s.reached[host]++
	return list[i]
}
