// Package sip reads and writes SIP messages (RFC 3261 §7, §19, §20, §25).
//
// A Message keeps every header in wire order with its name as written, so that what
// directsip does not know passes through unchanged. Strings of a parsed message are
// views of one copy of the datagram: keep a small part of it with strings.Clone.
//
// The package is pure: no clock, no lock, no socket.
package sip

// Message is a SIP request or response. It belongs to whoever parsed or built it and is
// not safe for concurrent mutation.
type Message struct {
	Method  string // request method as written (methods are case-sensitive, RFC 3261 §7.1); "" in a response
	URI     string // Request-URI as written; "" in a response
	Status  int    // 100..699 in a response; 0 in a request
	Reason  string // reason phrase of a response
	Headers []Header
	Body    string

	views *views // nil in a request of ours; a response to a request has those of it
}

// Header is one header line, unfolded. A comma-separated list stays one Header.
type Header struct {
	ID    ID     // known header, or IDOther
	Name  string // as written, compact form kept
	Value string // without leading and trailing white space, folds replaced by one blank
}

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// ID names a header that the core handles. Compact forms have the ID of the long form.
type ID uint8

// The headers that have an ID; every other one is IDOther and is found by name.
const (
	IDOther ID = iota
	IDVia
	IDFrom
	IDTo
	IDCallID
	IDCSeq
	IDMaxForwards
	IDContact
	IDRoute
	IDRecordRoute
	IDContentType
	IDContentLength
	IDContentEncoding
	IDContentDisposition
	IDRequire
	IDProxyRequire
	IDSupported
	IDUnsupported
	IDAllow
	IDAllowEvents
	IDAccept
	IDExpires
	IDMinExpires
	IDRSeq
	IDRAck
	IDSessionExpires
	IDMinSE
	IDReason
	IDRetryAfter
	IDWarning
	IDServer
	IDUserAgent
	IDDate
	IDTimestamp
	IDAuthorization
	IDProxyAuthorization
	IDWWWAuthenticate
	IDProxyAuthenticate
	IDReferTo
	IDReferredBy
	IDReplaces
	IDEvent
	IDSubscriptionState
	IDPAssertedIdentity
	IDPPreferredIdentity
	IDRemotePartyID
	IDPrivacy
	IDDiversion
	IDHistoryInfo
	IDSubject
	IDPriority
	IDGeolocation
	IDPath
	IDSessionID
)
