package routing

import (
	"bytes"
	"strconv"
)

// prose is text that grows at its end. Every call record explains itself, so its pieces are written where they belong rather than put
// together first.
type prose []byte

func (p *prose) put(parts ...string) {
	for _, s := range parts {
		*p = append(*p, s...)
	}
}

func (p *prose) number(n int) { *p = strconv.AppendInt(*p, int64(n), 10) }

func (p *prose) quote(s string) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			*p = strconv.AppendQuote(*p, s)
			return
		}
	}
	p.put("\"", s, "\"")
}

// quoted writes names one by one.
func (p *prose) quoted(names []string) {
	for i, n := range names {
		if i > 0 {
			p.put(", ")
		}
		p.quote(n)
	}
}

// some writes names one by one, or the first and the last of many.
func (p *prose) some(names []string) {
	if n := len(names); n > 8 {
		p.quoted(names[:4])
		p.put(" … ")
		names = names[n-1:]
	}
	p.quoted(names)
}

// Page collects lines of three columns in one text. What is read from it does not change when it is written anew.
type Page struct {
	prose
	start int // of the line that is written
	ends  []int
}

// Columns of the explanation.
const (
	labelWidth   = 14
	subjectWidth = 24
)

// begin begins a line, in the first column: what it tells of.
func (p *Page) begin(indent int) {
	p.start = len(p.prose)
	for range indent {
		p.put("  ")
	}
}

// subject goes to the second column: which one.
func (p *Page) subject() { p.pad(p.start + labelWidth) }

// comment goes to the third column: what became of it.
func (p *Page) comment() { p.pad(p.start + labelWidth + subjectWidth) }

const blanks = "                                        " // to the third column

// pad fills up to a column, with at least one blank.
func (p *Page) pad(column int) { p.put(blanks[:min(max(1, column-len(p.prose)), len(blanks))]) }

// end ends the line.
func (p *Page) end() {
	p.prose = bytes.TrimRight(p.prose, " ")
	p.ends = append(p.ends, len(p.prose))
}

// lines are pieces of the text.
func (p *Page) lines() []string {
	all, from := string(p.prose), 0
	list := make([]string, len(p.ends))
	for i, end := range p.ends {
		list[i], from = all[from:end], end
	}
	return list
}
