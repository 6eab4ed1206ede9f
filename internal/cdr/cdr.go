// Package cdr is the call record: one per call, always, also for refused and failed ones. Pure data.
package cdr

import "time"

// Record explains one call.
type Record struct {
	ID      string `json:"id"` // unique over all servers; also the idempotency key of the store
	Server  string `json:"server"`
	Pool    string `json:"pool,omitempty"`
	Version string `json:"version"` // of the document that the call ran under

	Start    time.Time `json:"start"`             // INVITE received
	Ringing  time.Time `json:"ringing,omitzero"`  // first 18x relayed
	Answered time.Time `json:"answered,omitzero"` // 200 relayed
	End      time.Time `json:"end,omitzero"`

	In  Leg  `json:"in"`
	Out *Leg `json:"out,omitempty"` // the leg that answered, or the last one tried

	Called      Number `json:"called"`
	Calling     Number `json:"calling"`
	User        string `json:"user,omitempty"` // UC user that owns the called number
	CallingUser string `json:"callingUser,omitempty"`
	Usage       string `json:"usage,omitempty"`
	Route       string `json:"route,omitempty"`
	Emergency   bool   `json:"emergency,omitempty"`
	// Bypassed: media went between the peers. BypassWarning: a client said a bypass id that the document does not have (BYP-06).
	Bypassed      bool `json:"bypassed,omitempty"`
	BypassWarning bool `json:"bypassWarning,omitempty"`

	Attempts  []Attempt  `json:"attempts,omitempty"` // in the order of trial, those of transfers included
	Transfers []Transfer `json:"transfers,omitempty"`
	Played    []Played   `json:"played,omitempty"`

	Reason  string `json:"reason"`           // diag id
	Status  int    `json:"status,omitempty"` // final SIP status sent to the caller (200 when answered)
	Cause   int    `json:"cause,omitempty"`  // Q.850
	EndedBy string `json:"endedBy"`          // "caller", "callee", "directsip"
	HeldBy  string `json:"heldBy,omitempty"` // "caller", "callee", "both"; of a running call alone, no file has it
	Detail  string `json:"detail,omitempty"` // what exactly, in words
	// Running is how long a running call has lasted since its start, by a clock that nobody sets; 0: it has ended. No file has it.
	Running time.Duration `json:"running,omitempty"`

	Media    []Media   `json:"media,omitempty"`
	Audio    []Audio   `json:"audio,omitempty"`    // directions that were not heard, or badly
	Decision []string  `json:"decision,omitempty"` // the explanation, one line a step
	Ladder   []Message `json:"ladder,omitempty"`
}

// Number is a number before and after the rules.
type Number struct {
	Received   string `json:"received"`             // user part as it came
	Normalized string `json:"normalized,omitempty"` // E.164 inside
	Sent       string `json:"sent,omitempty"`       // user part on the leg that answered or was tried last
}

// Leg is one side of the call.
type Leg struct {
	Trunk     string `json:"trunk,omitempty"`
	Gateway   string `json:"gateway,omitempty"`
	CallID    string `json:"callID"`
	Session   string `json:"session,omitempty"` // UUID of the peer's end of the session (RFC 7989), the same at every server that the call passes; "": not known
	FromTag   string `json:"fromTag,omitempty"`
	ToTag     string `json:"toTag,omitempty"`
	Remote    string `json:"remote,omitempty"` // address:port of the peer
	Transport string `json:"transport,omitempty"`
	Codec     string `json:"codec,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
}

// Attempt is one target that was tried.
type Attempt struct {
	Trunk   string        `json:"trunk"`
	Remote  string        `json:"remote,omitempty"`
	Called  string        `json:"called,omitempty"`
	Calling string        `json:"calling,omitempty"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took"` // until its end or its answer
	Status  int           `json:"status,omitempty"`
	Cause   int           `json:"cause,omitempty"`
	Class   string        `json:"class,omitempty"` // peer-fault, congestion, number-fault, user-verdict, answered, cancelled
	Reason  string        `json:"reason,omitempty"`
	Detail  string        `json:"detail,omitempty"` // what the transport said
}

// Media is one direction of one stream.
type Media struct {
	Stream int    `json:"stream"`
	Kind   string `json:"kind,omitempty"` // of the m-line, where it never was audio: "video", "image" …
	From   string `json:"from"`           // "caller" or "callee"
	Source string `json:"source,omitempty"`
	// Trunk and Remote are who had that place in the end, where a transfer gave it to another party than the leg of the record.
	Trunk   string        `json:"trunk,omitempty"`
	Remote  string        `json:"remote,omitempty"` // address:port of the peer
	Packets uint64        `json:"packets"`
	Bytes   uint64        `json:"bytes"`
	RTCP    uint64        `json:"rtcp,omitempty"`
	Lost    uint64        `json:"lost,omitempty"`
	Jitter  time.Duration `json:"jitter,omitempty"`
	Gated   uint64        `json:"gated,omitempty"`
	Dropped uint64        `json:"dropped,omitempty"`
	SRTP    string        `json:"srtp,omitempty"` // crypto suite; "": RTP
	// Unauthentic: SRTP that the keys do not fit, or that came twice; dropped.
	Unauthentic uint64 `json:"unauthentic,omitempty"`
	// Announced is where the SDP of the side has its media, and GatedFrom who else sent: of the host that most came from, the last.
	Announced string `json:"announced,omitempty"`
	GatedFrom string `json:"gatedFrom,omitempty"`
	Held      bool   `json:"held,omitempty"` // by its last SDP the side did not send
	// Tier is how packets travelled at the end: "sockets", "steered" or "kernel"; TierWhy is why not in a better one.
	Tier    string    `json:"tier,omitempty"`
	TierWhy string    `json:"tierWhy,omitempty"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`

	Quality  *Quality  `json:"quality,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Message is one line of the ladder.
type Message struct {
	At   time.Time `json:"at"`
	Leg  string    `json:"leg"`  // "a", or "b1", "b2" … by attempt; "": the line counts messages that are not kept
	Out  bool      `json:"out"`  // sent by us
	Line string    `json:"line"` // "INVITE sip:+1…", "180 Ringing (INVITE)"
	SDP  bool      `json:"sdp,omitempty"`
}
