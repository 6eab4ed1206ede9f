package cdr

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the record exactly as encoding/json would write it, at a tenth of the cost: no
// reflection and no allocation but for growing b. Times outside the years 0..9999 become the zero time.
func (r *Record) AppendJSON(b []byte) []byte {
	var w jsonWriter
	b = append(b, `{"id":`...)
	b = appendString(b, r.ID)
	b = append(b, `,"server":`...)
	b = appendString(b, r.Server)
	b = optString(b, `,"pool":`, r.Pool)
	b = append(b, `,"version":`...)
	b = appendString(b, r.Version)
	b = append(b, `,"start":`...)
	b = w.time(b, r.Start)
	b = w.optTime(b, `,"ringing":`, r.Ringing)
	b = w.optTime(b, `,"answered":`, r.Answered)
	b = append(b, `,"end":`...)
	b = w.time(b, r.End)
	b = append(b, `,"in":`...)
	b = r.In.appendJSON(b)
	if r.Out != nil {
		b = append(b, `,"out":`...)
		b = r.Out.appendJSON(b)
	}
	b = append(b, `,"called":`...)
	b = r.Called.appendJSON(b)
	b = append(b, `,"calling":`...)
	b = r.Calling.appendJSON(b)
	b = optString(b, `,"user":`, r.User)
	b = optString(b, `,"calling_user":`, r.CallingUser)
	b = optString(b, `,"usage":`, r.Usage)
	b = optString(b, `,"route":`, r.Route)
	b = optTrue(b, `,"emergency":true`, r.Emergency)
	b = appendList(b, `,"attempts":`, r.Attempts, func(b []byte, a *Attempt) []byte { return a.appendJSON(b, &w) })
	b = append(b, `,"reason":`...)
	b = appendString(b, r.Reason)
	b = optInt(b, `,"status":`, int64(r.Status))
	b = optInt(b, `,"cause":`, int64(r.Cause))
	b = append(b, `,"ended_by":`...)
	b = appendString(b, r.EndedBy)
	b = optString(b, `,"detail":`, r.Detail)
	b = appendList(b, `,"media":`, r.Media, func(b []byte, m *Media) []byte { return m.appendJSON(b, &w) })
	b = appendList(b, `,"decision":`, r.Decision, func(b []byte, s *string) []byte { return appendString(b, *s) })
	b = appendList(b, `,"ladder":`, r.Ladder, func(b []byte, m *Message) []byte { return m.appendJSON(b, &w) })
	return append(b, '}')
}

func (l *Leg) appendJSON(b []byte) []byte {
	b = append(b, '{')
	at := len(b)
	b = optString(b, `,"trunk":`, l.Trunk)
	b = optString(b, `,"gateway":`, l.Gateway)
	b = append(b, `,"call_id":`...)
	b = appendString(b, l.CallID)
	b = optString(b, `,"from_tag":`, l.FromTag)
	b = optString(b, `,"to_tag":`, l.ToTag)
	b = optString(b, `,"remote":`, l.Remote)
	b = optString(b, `,"transport":`, l.Transport)
	b = optString(b, `,"codec":`, l.Codec)
	b = optString(b, `,"user_agent":`, l.UserAgent)
	return append(dropComma(b, at), '}')
}

func (n *Number) appendJSON(b []byte) []byte {
	b = append(b, `{"received":`...)
	b = appendString(b, n.Received)
	b = optString(b, `,"normalized":`, n.Normalized)
	b = optString(b, `,"sent":`, n.Sent)
	return append(b, '}')
}

func (a *Attempt) appendJSON(b []byte, w *jsonWriter) []byte {
	b = append(b, `{"trunk":`...)
	b = appendString(b, a.Trunk)
	b = optString(b, `,"remote":`, a.Remote)
	b = optString(b, `,"called":`, a.Called)
	b = optString(b, `,"calling":`, a.Calling)
	b = append(b, `,"at":`...)
	b = w.time(b, a.At)
	b = append(b, `,"took":`...)
	b = strconv.AppendInt(b, int64(a.Took), 10)
	b = optInt(b, `,"status":`, int64(a.Status))
	b = optInt(b, `,"cause":`, int64(a.Cause))
	b = optString(b, `,"class":`, a.Class)
	b = optString(b, `,"reason":`, a.Reason)
	return append(b, '}')
}

func (m *Media) appendJSON(b []byte, w *jsonWriter) []byte {
	b = append(b, `{"stream":`...)
	b = strconv.AppendInt(b, int64(m.Stream), 10)
	b = append(b, `,"from":`...)
	b = appendString(b, m.From)
	b = optString(b, `,"source":`, m.Source)
	b = append(b, `,"packets":`...)
	b = strconv.AppendUint(b, m.Packets, 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendUint(b, m.Bytes, 10)
	b = optUint(b, `,"rtcp":`, m.RTCP)
	b = optUint(b, `,"lost":`, m.Lost)
	b = optInt(b, `,"jitter":`, int64(m.Jitter))
	b = optUint(b, `,"gated":`, m.Gated)
	b = optUint(b, `,"dropped":`, m.Dropped)
	b = w.optTime(b, `,"first":`, m.First)
	b = w.optTime(b, `,"last":`, m.Last)
	return append(b, '}')
}

func (m *Message) appendJSON(b []byte, w *jsonWriter) []byte {
	b = append(b, `{"at":`...)
	b = w.time(b, m.At)
	b = append(b, `,"leg":`...)
	b = appendString(b, m.Leg)
	b = append(b, `,"out":`...)
	b = strconv.AppendBool(b, m.Out)
	b = append(b, `,"line":`...)
	b = appendString(b, m.Line)
	b = optTrue(b, `,"sdp":true`, m.SDP)
	return append(b, '}')
}

// appendList writes a list that is left out when empty.
func appendList[T any](b []byte, key string, list []T, each func([]byte, *T) []byte) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, key...)
	for i := range list {
		if i == 0 {
			b = append(b, '[')
		} else {
			b = append(b, ',')
		}
		b = each(b, &list[i])
	}
	return append(b, ']')
}

// dropComma takes away the comma of the first member, which optString cannot know to be the first.
func dropComma(b []byte, at int) []byte {
	if at < len(b) && b[at] == ',' {
		return append(b[:at], b[at+1:]...)
	}
	return b
}

func optString(b []byte, key, v string) []byte {
	if v == "" {
		return b
	}
	return appendString(append(b, key...), v)
}

func optInt(b []byte, key string, v int64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), v, 10)
}

func optUint(b []byte, key string, v uint64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendUint(append(b, key...), v, 10)
}

func optTrue(b []byte, member string, v bool) []byte {
	if !v {
		return b
	}
	return append(b, member...)
}

// jsonWriter remembers the text of the last UTC day: the times of one call are close together.
type jsonWriter struct {
	day   int64
	text  [len("2006-01-02T")]byte
	known bool
}

func (w *jsonWriter) optTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return w.time(append(b, key...), t)
}

// time writes RFC 3339 with as many digits of nanoseconds as needed.
func (w *jsonWriter) time(b []byte, t time.Time) []byte {
	if y := t.Year(); y < 0 || y > 9999 {
		t = time.Time{}
	}
	b = append(b, '"')
	if _, offset := t.Zone(); offset != 0 {
		return append(t.AppendFormat(b, time.RFC3339Nano), '"')
	}
	const daySeconds = 24 * 60 * 60
	unix := t.Unix()
	clock := unix % daySeconds
	if clock < 0 {
		clock += daySeconds
	}
	if day := unix - clock; !w.known || day != w.day {
		t.AppendFormat(w.text[:0], "2006-01-02T")
		w.day, w.known = day, true
	}
	h, m, s := clock/3600, clock/60%60, clock%60
	b = append(b, w.text[:]...)
	b = append(b, byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10))
	if ns := t.Nanosecond(); ns != 0 {
		var frac [10]byte
		frac[0] = '.'
		for i := 9; i > 0; i-- {
			frac[i] = byte('0' + ns%10)
			ns /= 10
		}
		n := 10
		for frac[n-1] == '0' {
			n--
		}
		b = append(b, frac[:n]...)
	}
	return append(b, 'Z', '"')
}

const hexDigits = "0123456789abcdef"

// plain has the bytes that encoding/json (with its HTML escaping) writes as they are.
var plain = func() (t [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

// plain8 is false when one of 8 bytes is not plain. Each test sets the high bit of the bytes that it finds:
// x-0x20 borrows below 0x20, and (x^c)-1 borrows where x is c. It may be false for plain bytes, never true for
// others.
func plain8(s string) bool {
	const ones = 0x0101010101010101
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 |
		uint64(s[6])<<48 | uint64(s[7])<<56
	// '<' and '>' differ in one bit only.
	bad := x | (x - 0x20*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones) | ((x ^ '&'*ones) - ones) | (((x &^ (2 * ones)) ^ '<'*ones) - ones)
	return bad&(0x80*ones) == 0
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if len(s)-i >= 8 && plain8(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029': // line ends in JavaScript
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[r&15])
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
