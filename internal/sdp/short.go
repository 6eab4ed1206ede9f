package sdp

import "strings"

// A description has an m-line for each of the one before it, whatever has become of the stream (RFC 3264 §6, §8). Some peers leave out at the end what they do not
// take: what follows completes what they say, and says it to them as they do.

// mediaBegin is how an m-line begins: it is never the first line.
const mediaBegin = "\nm="

// MediaLines counts the m-lines of a description.
func MediaLines(body string) int { return strings.Count(body, mediaBegin) }

// rest is what a description says from m-line n on, counted from 0; "" when it has no more.
func rest(body string, n int) string {
	at := 0
	for ; n >= 0; n-- {
		i := strings.Index(body[at:], mediaBegin)
		if i < 0 {
			return ""
		}
		at += i + 1
	}
	return body[at:]
}

// Complete appends to a description the m-lines of the one before it that it leaves out at the end, with port 0. One without any m-line stays as it is.
func Complete(before, body string) string {
	n := MediaLines(body)
	missing := rest(before, n)
	if n == 0 || missing == "" {
		return body
	}
	text := strings.TrimRight(body, "\r\n\x00") // some end in a zero
	for line := range strings.Lines(missing) {
		if kind, after, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " "); ok && strings.HasPrefix(kind, "m=") {
			_, formats, _ := strings.Cut(after, " ") // behind the port
			text += "\r\n" + kind + " 0 " + formats
		}
	}
	return text + "\r\n"
}

// Shorten leaves out all m-lines but the first n.
func Shorten(body string, n int) string { return strings.TrimSuffix(body, rest(body, n)) }
