package topology

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Limits of the document.
const (
	maxDocument = 16 << 20 // bytes
	maxDepth    = 32       // mappings and sequences inside each other; the deepest useful one is 7
)

// reader builds the tree from the tokens of the YAML lexer. It reads the part of YAML that people write by hand: block and
// flow collections and every form of scalar. Anchors, aliases, merge keys, tags, complex keys and several
// documents are refused by name: they hide what a value is, and bombs are made of them.
//
// The tree is built here and not by the library's parser because that one needs quadratic time for long mappings
// (15 s for 80 000 users; this takes under a second).
type reader struct {
	c      *compiler
	tokens token.Tokens
	i      int
	failed bool // one syntax error ends reading: what follows would be noise
}

// read returns the document's root, nil after a syntax error.
func (c *compiler) read(src []byte) (root *node) {
	if len(src) > maxDocument {
		c.errorf(nil, "the document has %d bytes, more than the limit of 16 MiB", len(src))
		return nil
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // YAML 1.2 §5.2: some editors write it
	if !utf8.Valid(src) {
		c.errorf(undecodable(src), "the document is not valid UTF-8").fixf("Save it as UTF-8")
		return nil
	}
	if at := strange(src); at != nil {
		c.errorf(at, "the character %q does not belong into a text file", at.text).fixf("Remove it, or write it as an escape in double quotes")
		return nil
	}
	if at := conflict(src); at != nil {
		c.errorf(at, "here begin two versions that a merge could not join").fixf("Keep what is right of them, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>")
		return nil
	}
	c.blank = blankNot(src)
	tokens, ok := tokenize(string(src))
	if !ok {
		c.errorf(nil, "the document is not YAML that can be read")
		return nil
	}
	r := &reader{c: c, tokens: tokens}
	if !r.refuse() {
		return nil
	}
	root = r.block(nil, 0, 0)
	if t := r.peek(); t != nil && !r.failed {
		r.fail(t, "this does not fit into what is above it").fixf("Check the indentation")
	}
	if r.failed {
		return nil
	}
	return root
}

// conflict is the place of the first mark that git leaves in a file which two people have changed at once.
func conflict(src []byte) *node {
	line := 1
	for text := range bytes.Lines(src) {
		if bytes.HasPrefix(text, []byte("<<<<<<< ")) {
			return &node{line: line, col: 1}
		}
		line++
	}
	return nil
}

// undecodable is the place of the first octet that is not UTF-8.
func undecodable(src []byte) *node {
	good := 0
	for good < len(src) {
		r, size := utf8.DecodeRune(src[good:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		good += size
	}
	before := src[:good]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return &node{line: bytes.Count(before, []byte("\n")) + 1, col: utf8.RuneCount(before[begin:]) + 1}
}

// strange finds the first control character that YAML does not allow (YAML 1.2 §5.1) or a carriage return without its
// line feed, nil when there is none.
func strange(src []byte) *node {
	line, begin := 1, 0
	for i, b := range src {
		switch {
		case b == '\n':
			line, begin = line+1, i+1
		case b == '\r' && i+1 < len(src) && src[i+1] == '\n', b == '\t', b >= ' ' && b != 0x7f:
		default:
			return &node{kind: scalar, text: string(rune(b)), line: line, col: i - begin + 1}
		}
	}
	return nil
}

// blankNot finds a character that stands where a blank belongs, in front of a key or a value, and is none to YAML, as a no-break space that comes with text out of a
// web page or a word processor: it becomes part of the key or value, and what is said of that says nothing. Within text it is text.
func blankNot(src []byte) *node {
	const these = "\u00a0\u1680\u2007\u200b\u202f\u2060\u3000\ufeff"
	if !bytes.ContainsAny(src, these) {
		return nil
	}
	line := 0
	for text := range strings.Lines(string(src)) {
		line++
		at := strings.IndexAny(text, these)
		if at < 0 {
			continue
		}
		front := strings.TrimLeft(text[:at], " -")
		if key, value, ok := strings.Cut(front, ":"); front == "" || ok && strings.Trim(value, " ") == "" && !strings.ContainsAny(key, "#\"'") {
			r, _ := utf8.DecodeRuneInString(text[at:])
			return &node{kind: scalar, text: string(r), line: line, col: utf8.RuneCountInString(text[:at]) + 1}
		}
	}
	return nil
}

// tellBlank says of a character that looks like a blank what is wrong with it, instead of what has come of it. Where nothing has, as in text of several lines, the document is
// taken as it is.
func (c *compiler) tellBlank() {
	tell := c.warnf
	switch {
	case c.blank == nil:
		return
	case c.failed():
		c.problems, c.errors, tell = nil, 0, c.errorf
	}
	tell(c.blank, "the character %q looks like a blank and is none", c.blank.text).fixf("Write a blank there, as of the space bar")
}

// tokenize guards against a lexer that fails on hostile text.
func tokenize(src string) (tokens token.Tokens, ok bool) {
	defer func() {
		if recover() != nil {
			tokens, ok = nil, false
		}
	}()
	return lexer.Tokenize(src), true
}

// refuse drops comments and the first document header, and reports every token that this reader does not know.
func (r *reader) refuse() bool {
	kept := make(token.Tokens, 0, len(r.tokens))
	for _, t := range r.tokens {
		switch t.Type {
		case token.CommentType, token.SpaceType:
			continue
		case token.DocumentHeaderType:
			if len(kept) == 0 {
				continue
			}
			r.fail(t, "the file holds more than one document").fixf("Remove the line ---")
		case token.DocumentEndType:
			r.fail(t, "the file has a document end mark").fixf("Remove the line ...")
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			r.fail(t, "anchors, aliases and merge keys are not read").fixf("Write the value out, or quote it if it is text")
		case token.TagType:
			r.fail(t, "tags are not read").fixf("Remove the tag, or quote the value if it is text")
		case token.DirectiveType:
			r.fail(t, "directives are not read").fixf("Remove the line, or quote the value if it is text")
		case token.MappingKeyType:
			r.fail(t, "complex keys are not read").fixf("Write key: value")
		case token.InvalidType, token.UnknownType:
			why, _, _ := strings.Cut(t.Error, ": ") // behind it the lexer quotes what was written, perhaps a password
			if why == "" {
				why = "text that is not YAML"
			}
			if strings.Contains(why, "'\t'") {
				r.fail(t, "a tab, where YAML takes blanks alone").fixf("Indent with blanks")
				continue
			}
			p := r.fail(t, "syntax error: %s", why)
			switch {
			case strings.Contains(why, "escape character"):
				p.fixf("Put the text into single quotes, in which a backslash is one")
			case strings.Contains(why, "reserved character"):
				p.fixf("Put the text into single quotes")
			}
		default:
			kept = append(kept, t)
		}
		if r.c.errors >= maxProblems {
			break // the rest would not be listed
		}
	}
	r.tokens = kept
	return !r.failed
}

func (r *reader) fail(t *token.Token, format string, args ...any) *Problem {
	r.failed = true
	n := &node{line: t.Position.Line, col: t.Position.Column}
	return r.c.errorf(n, "%s", fmt.Sprintf(format, args...))
}
