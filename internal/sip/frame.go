package sip

import "bytes"

// Frame finds the first whole message in the octets of a stream (RFC 3261 §18.3).
//
// It skips leading empty lines, which are keep-alives (RFC 5626 §3.5.1): start is where the message
// begins, n its octets, 0 when more are needed. After an error (*SyntaxError) the end of the message is
// unknown and the connection must be closed: no Content-Length, one that is no number, two that
// disagree, or a limit passed. Whether the octets are SIP is for Parse to say.
//
// Frame begins anew at each call. A connection keeps a Framer, which does not.
func Frame(buf []byte, lim *Limits) (start, n int, err error) {
	var f Framer
	return f.Next(buf, lim)
}

// Framer is Frame for a buffer that grows: each octet of the headers is searched once however slowly it
// arrives, and none while a body is awaited. The zero value is ready.
type Framer struct {
	seen int // octets from the start of the message in which the end of the headers is not
	line int // where, from the start of the message, the last line begun begins
	need int // octets of the message once the headers are whole, else 0
}

// Next is Frame for buf, which holds what it held at the last call and more. After n = 0 the caller may
// drop the start octets or keep them. After n > 0 it drops start+n and the Framer is ready for the rest.
func (f *Framer) Next(buf []byte, lim *Limits) (start, n int, err error) {
	start = leadingLines(buf)
	b := buf[start:]
	l := lim.orDefault()
	if f.need == 0 {
		head := f.head(b)
		switch {
		case head > l.MaxSize || head == 0 && len(b) > l.MaxSize:
			return start, 0, &SyntaxError{Offset: start + l.MaxSize, Why: "headers are longer than the limit"}
		case head == 0 && len(b)-f.line > l.MaxHeaderLine:
			return start, 0, &SyntaxError{Offset: start + f.line, Why: "line is longer than the limit"}
		case head == 0:
			return start, 0, nil
		}
		length, why := contentLength(b[:head])
		if why == "" && length > l.MaxSize-head {
			why = "message is larger than the limit"
		}
		if why != "" {
			return start, 0, &SyntaxError{Offset: start, Header: "Content-Length", Why: why}
		}
		f.need = head + length
	}
	if len(b) < f.need {
		return start, 0, nil
	}
	n = f.need
	*f = Framer{}
	return start, n, nil
}

// leadingLines counts the CR and LF before a message.
func leadingLines(b []byte) int {
	for i, c := range b {
		if c != '\r' && c != '\n' {
			return i
		}
	}
	return len(b)
}

// head is the octets up to and with the empty line, 0 while it has not come.
func (f *Framer) head(b []byte) int {
	for f.seen < len(b) {
		i := bytes.IndexByte(b[f.seen:], '\n')
		if i < 0 {
			f.seen = len(b)
			return 0
		}
		i += f.seen
		f.line = i + 1
		switch {
		case i+1 < len(b) && b[i+1] == '\n':
			return i + 2
		case i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n':
			return i + 3
		case i+1 == len(b) || i+2 == len(b) && b[i+1] == '\r': // this line end is looked at again
			f.seen = i
			return 0
		}
		f.seen = i + 1
	}
	return 0
}

// contentLength reads the Content-Length headers of a whole header section, by the rules of Parse.
func contentLength(head []byte) (length int, why string) {
	length = -1
	rest := head[bytes.IndexByte(head, '\n')+1:]
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		for end > 1 && end < len(rest) && isBlank(rest[end]) { // folds
			end += bytes.IndexByte(rest[end:], '\n') + 1
		}
		value, ok := lengthValue(rest[:end])
		rest = rest[end:]
		if !ok {
			continue
		}
		n, ok := decimal(value, maxLength)
		if !ok {
			return 0, whyLength
		}
		if length >= 0 && length != int(n) {
			return 0, whyLengths
		}
		length = int(n)
	}
	if length < 0 {
		return 0, "no Content-Length on a stream"
	}
	return length, ""
}

// lengthValue is the value when the line with its folds is a Content-Length header.
func lengthValue(line []byte) (value []byte, ok bool) {
	if c := line[0] | 0x20; c != 'c' && c != 'l' {
		return nil, false
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return nil, false
	}
	name = bytes.TrimRight(name, " \t\r\n")
	if len(name) != 1 && len(name) != len("Content-Length") || lookup(string(name)) != IDContentLength {
		return nil, false
	}
	return bytes.Trim(value, " \t\r\n"), true
}
