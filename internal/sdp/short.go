package sdp

import (
	"math/bits"
	"strings"
)

// A description has an m-line for each of the one before it, whatever has become of the stream (RFC 3264 §6, §8). Some peers leave out what they do not take: video
// behind audio, or audio before T.38. What follows completes what they say, and says it to them as they do.

// Absent are m-lines that a peer leaves out of its descriptions: the one at i, counted from 0, if bit i is set. The zero value is a peer that leaves out none.
type Absent uint64

// Count tells how many they are.
func (a Absent) Count() int { return bits.OnesCount64(uint64(a)) }

// mediaBegin is how an m-line begins: it is never the first line.
const mediaBegin = "\nm="

// MediaLines counts the m-lines of a description.
func MediaLines(body string) int {
	n := 0
	for at := 0; ; at++ { // a description has more lines than the letter
		next := strings.IndexByte(body[at:], 'm')
		if next < 0 {
			return n
		}
		if at += next; at > 0 && body[at-1] == '\n' && at+1 < len(body) && body[at+1] == '=' {
			n++
		}
	}
}

// section is an m-line in a text, and what belongs to it.
type section struct {
	text           string
	kind, protocol string
	formats        string
	live           bool
}

// sections cuts a text at its m-lines; head is what stands before them.
func sections(body string) (head string, list []section) {
	head = body
	for at := strings.Index(body, mediaBegin); at >= 0; {
		rest := body[at+1:]
		if list == nil {
			head = body[:at+1]
		}
		next := strings.Index(rest, mediaBegin)
		if next >= 0 {
			next += at + 1
			rest = body[at+1 : next+1]
		}
		line, _, _ := strings.Cut(rest, "\n")
		s := section{text: rest}
		s.kind, line = field(strings.TrimRight(line[len("m="):], "\r\x00"))
		port, line := field(line)
		s.protocol, line = field(line)
		s.formats, s.live = trimBlanks(line), port != "0"
		list = append(list, s)
		at = next
	}
	return head, list
}

// is tells whether an m-line may stand for one of before: its kind and transport are the same, or both are RTP in any profile.
func (s *section) is(before *section, profile bool) bool {
	return strings.EqualFold(s.kind, before.kind) && (strings.EqualFold(s.protocol, before.protocol) || !profile && isRTP(s.protocol) && isRTP(before.protocol))
}

// missing finds which m-lines of before are left out, taking the first that fits for each that is there: of those in use and of its profile if all find theirs so, else of
// those in use, else of all. Where they are not some of before in their order, the last are.
func missing(before, said []section) Absent {
	for attempt := range 3 {
		profile, revive := attempt == 0, attempt == 2
		absent, next := Absent(0), 0
		for i := range before {
			if next < len(said) && said[next].is(&before[i], profile) && (revive || before[i].live || !said[next].live) {
				next++
			} else {
				absent |= 1 << i
			}
		}
		if next == len(said) {
			return absent
		}
	}
	return 1<<len(before) - 1<<len(said)
}

// Complete puts into a description the m-lines of the one before it that it leaves out, with port 0, and tells which. One without any m-line stays as it is.
func Complete(before, body string) (whole string, absent Absent) {
	if n, most := MediaLines(body), MediaLines(before); n == 0 || n >= most || most > MaxMedia {
		return body, 0
	}
	_, had := sections(before)
	head, has := sections(strings.TrimRight(body, "\r\n\x00") + "\r\n") // some end in a zero
	absent = missing(had, has)
	var b strings.Builder
	b.WriteString(head)
	for i := range had {
		if absent&(1<<i) == 0 {
			b.WriteString(has[0].text)
			has = has[1:]
			continue
		}
		b.WriteString(had[i].refused())
	}
	return b.String(), absent
}

// Extend puts behind the m-lines of a description those that another has further, with port 0.
func Extend(body, by string) string {
	if by == "" {
		return body
	}
	n, most := MediaLines(body), MediaLines(by)
	if n == 0 || n >= most || most > MaxMedia {
		return body
	}
	_, list := sections(by)
	var b strings.Builder
	b.WriteString(strings.TrimRight(body, "\r\n\x00") + "\r\n")
	for _, s := range list[n:] {
		b.WriteString(s.refused())
	}
	return b.String()
}

// Without is a description with some of its m-lines refused: they are the bits of which.
func Without(body string, which Absent) string {
	head, list := sections(body)
	var b strings.Builder
	b.WriteString(head)
	for i := range list {
		if which>>i&1 == 0 {
			b.WriteString(list[i].text)
		} else {
			b.WriteString(list[i].refused())
		}
	}
	return b.String()
}

// refused is the m-line as one that is refused.
func (s *section) refused() string {
	return "m=" + s.kind + " 0 " + s.protocol + " " + s.formats + "\r\n"
}

// Tail is what a description leaves out that has all but the last of so many m-lines.
func Tail(n, of int) Absent { return 1<<of - 1<<n }

// Trim takes refused m-lines off the end of an answer that has more than the n of its offer (RFC 3264 §6): some equipment names what it could have besides.
func Trim(answer string, n int) string {
	if n == 0 || MediaLines(answer) <= n || MediaLines(answer) > MaxMedia {
		return answer
	}
	_, list := sections(answer)
	for i := n; i < len(list); i++ {
		if list[i].live {
			return answer
		}
	}
	return Shorten(answer, Tail(n, len(list)))
}

// Shorten leaves m-lines out again.
func Shorten(body string, absent Absent) string {
	head, list := sections(body)
	var b strings.Builder
	b.WriteString(head)
	for i := range list {
		if absent>>i&1 == 0 {
			b.WriteString(list[i].text)
		}
	}
	return b.String()
}
