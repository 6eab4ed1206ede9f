package sip

import "strconv"

// Limits bounds what Parse and Frame take from a socket. A zero field means the default.
type Limits struct {
	MaxSize       int // octets of a whole message, default 65535
	MaxHeaders    int // header lines after unfolding, default 160
	MaxHeaderLine int // octets of the start line, and of one header line with its folds, default 8192
}

func (l *Limits) orDefault() Limits {
	d := Limits{MaxSize: 65535, MaxHeaders: 160, MaxHeaderLine: 8192}
	if l == nil {
		return d
	}
	if l.MaxSize > 0 {
		d.MaxSize = l.MaxSize
	}
	if l.MaxHeaders > 0 {
		d.MaxHeaders = l.MaxHeaders
	}
	if l.MaxHeaderLine > 0 {
		d.MaxHeaderLine = l.MaxHeaderLine
	}
	return d
}

// SyntaxError says where a message stops being SIP.
type SyntaxError struct {
	Offset int    // octet of the datagram or stream buffer
	Header string // long name of the header at fault when it is a known one, else as written; "" for the start line and framing
	Why    string // one clause, without the peer's text
}

// Error is one line for a log.
func (e *SyntaxError) Error() string {
	s := "sip: "
	if e.Header != "" {
		s += e.Header + ": "
	}
	return s + e.Why + " at octet " + strconv.Itoa(e.Offset)
}

// ValueError says what is wrong with one header value or URI.
type ValueError string

// Error is one line for a log.
func (e ValueError) Error() string { return "sip: " + string(e) }

// The faults of values. They are constants so that refusing costs nothing.
const (
	ErrScheme  = ValueError("URI scheme is not sip, sips or tel")
	errURI     = ValueError("URI has no scheme or holds blanks, quotes or brackets")
	errHost    = ValueError("host is neither a name nor an address")
	errPort    = ValueError("port is not 1 to 65535")
	errTel     = ValueError("telephone number is empty")
	errQuote   = ValueError("quote is not closed")
	errBracket = ValueError("URI lacks its closing bracket")
	errNeeds   = ValueError("URI with a question mark or comma needs brackets")
	errAfter   = ValueError("text after the address is no parameter")
	errParam   = ValueError("empty or malformed parameter")
	errVia     = ValueError("not protocol, version and transport")
	errEmpty   = ValueError("value is empty")
)
