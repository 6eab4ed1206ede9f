package topology

import (
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Limits of the document.
const (
	maxDocument = 16 << 20 // bytes
	maxDepth    = 32       // mappings and sequences inside each other; the deepest useful one is 7
	maxColumn   = 4096     // of a key: bounds the work on one line
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
	if !utf8.Valid(src) {
		c.errorf(nil, "the document is not valid UTF-8").fixf("Save it as UTF-8")
		return nil
	}
	if at := strange(src); at != nil {
		c.errorf(at, "the character %q does not belong into a text file", at.text).fixf("Remove it, or write it as an escape in double quotes")
		return nil
	}
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
	kept := r.tokens[:0:0]
	kept = append(make(token.Tokens, 0, len(r.tokens)), kept...)
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
			why := t.Error
			if why == "" {
				why = "text that is not YAML"
			}
			r.fail(t, "syntax error: %s", why)
		default:
			kept = append(kept, t)
		}
		if len(r.c.problems) >= maxProblems {
			break
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

func (r *reader) peek() *token.Token {
	if r.i >= len(r.tokens) || r.failed {
		return nil
	}
	return r.tokens[r.i]
}

func (r *reader) is(t *token.Token, types ...token.Type) bool {
	if t == nil {
		return false
	}
	for _, typ := range types {
		if t.Type == typ {
			return true
		}
	}
	return false
}

func (r *reader) node(k kind, t *token.Token, parent *node) *node {
	return &node{kind: k, line: t.Position.Line, col: t.Position.Column, parent: parent}
}

// tooDeep reports a collection that is nested too deep or stands too far to the right.
func (r *reader) tooDeep(t *token.Token, depth int) bool {
	if depth > maxDepth {
		r.fail(t, "more than %d levels inside each other", maxDepth)
		return true
	}
	return false
}

// block reads the value that begins at the next token; its first token decides what it is. An absent value is null.
func (r *reader) block(parent *node, indent, depth int) *node {
	t := r.peek()
	if t == nil {
		return &node{parent: parent}
	}
	if r.tooDeep(t, depth) {
		return nil
	}
	switch t.Type {
	case token.SequenceEntryType:
		return r.blockSequence(parent, depth)
	case token.SequenceStartType, token.MappingStartType:
		return r.flow(parent, depth)
	}
	if next := r.after(1); next != nil && next.Type == token.MappingValueType && isScalar(t) {
		return r.blockMapping(parent, depth)
	}
	return r.scalar(parent)
}

func (r *reader) after(k int) *token.Token {
	if r.i+k >= len(r.tokens) {
		return nil
	}
	return r.tokens[r.i+k]
}

func (r *reader) blockSequence(parent *node, depth int) *node {
	first := r.peek()
	n := r.node(sequence, first, parent)
	column := first.Position.Column
	for t := r.peek(); r.is(t, token.SequenceEntryType) && t.Position.Column == column; t = r.peek() {
		r.i++
		item := r.nested(n, t, column, column, depth)
		if r.failed {
			return nil
		}
		if item.kind == null && item.line == 0 {
			item.line, item.col = t.Position.Line, t.Position.Column
		}
		item.index = len(n.items)
		n.items = append(n.items, item)
	}
	return n
}

// nested reads what follows an indicator: on the same line, or below it and further to the right than column.
// A sequence below a key may begin in the key's own column (sequenceColumn).
func (r *reader) nested(parent *node, indicator *token.Token, column, sequenceColumn, depth int) *node {
	t := r.peek()
	if t == nil {
		return &node{parent: parent}
	}
	sameLine := t.Position.Line == indicator.Position.Line
	switch {
	case sameLine, t.Position.Column > column:
		return r.block(parent, column, depth+1)
	case t.Type == token.SequenceEntryType && t.Position.Column == column && sequenceColumn < column:
		return r.block(parent, column, depth+1)
	}
	return &node{parent: parent}
}

func (r *reader) blockMapping(parent *node, depth int) *node {
	first := r.peek()
	n := r.node(mapping, first, parent)
	column := first.Position.Column
	seen := make(map[string]int)
	for t := r.peek(); t != nil && t.Position.Column == column; t = r.peek() {
		colon := r.after(1)
		if !isScalar(t) || !r.is(colon, token.MappingValueType) {
			r.fail(t, "a key and a colon are expected here").fixf("Write key: value")
			return nil
		}
		key := r.scalar(n)
		r.i++
		value := r.value(n, t, colon, column, depth)
		if r.failed {
			return nil
		}
		r.add(n, key, value, seen)
	}
	if t := r.peek(); t != nil && t.Position.Column > column {
		r.fail(t, "this does not fit into what is above it").fixf("Check the indentation")
		return nil
	}
	return n
}

// value reads the value of a block mapping's key.
func (r *reader) value(n *node, key, colon *token.Token, column, depth int) *node {
	t := r.peek()
	if t != nil && t.Position.Line == colon.Position.Line {
		next := r.after(1)
		if t.Type == token.SequenceEntryType || isScalar(t) && r.is(next, token.MappingValueType) {
			r.fail(t, "a mapping or list cannot begin on the line of its key").
				fixf("Begin it on the next line, indented, or put text with a colon into quotes")
			return nil
		}
	}
	return r.nested(n, colon, column, column-1, depth)
}

// add puts a key into a mapping; a key that is there already is a mistake, not an override.
func (r *reader) add(n, key, value *node, seen map[string]int) {
	key.name, value.name = key.text, key.text
	if value.line == 0 {
		value.line, value.col = key.line, key.col
	}
	if at, dup := seen[key.text]; dup {
		r.c.errorf(key, "key %q is there twice, first in line %d", key.text, n.entries[at].key.line).fixf("Remove one of them")
		return
	}
	seen[key.text] = len(n.entries)
	n.entries = append(n.entries, entry{key, value})
}

// flow reads [a, b] and {a: b}.
func (r *reader) flow(parent *node, depth int) *node {
	t := r.peek()
	if t == nil || r.tooDeep(t, depth) {
		return nil
	}
	switch t.Type {
	case token.SequenceStartType:
		return r.flowSequence(parent, depth)
	case token.MappingStartType:
		return r.flowMapping(parent, depth)
	}
	return r.scalar(parent)
}

func (r *reader) flowSequence(parent *node, depth int) *node {
	open := r.tokens[r.i]
	n := r.node(sequence, open, parent)
	r.i++
	for {
		t := r.peek()
		if r.is(t, token.SequenceEndType) {
			r.i++
			return n
		}
		if t == nil {
			r.fail(open, "this [ is never closed").fixf("Add ]")
			return nil
		}
		item := r.flow(n, depth+1)
		if r.failed {
			return nil
		}
		item.index = len(n.items)
		n.items = append(n.items, item)
		if !r.separator(token.SequenceEndType) {
			return nil
		}
	}
}

func (r *reader) flowMapping(parent *node, depth int) *node {
	open := r.tokens[r.i]
	n := r.node(mapping, open, parent)
	seen := make(map[string]int)
	r.i++
	for {
		t := r.peek()
		if r.is(t, token.MappingEndType) {
			r.i++
			return n
		}
		if t == nil {
			r.fail(open, "this { is never closed").fixf("Add }")
			return nil
		}
		if !isScalar(t) || !r.is(r.after(1), token.MappingValueType) {
			r.fail(t, "a key and a colon are expected here").fixf("Write key: value")
			return nil
		}
		key := r.scalar(n)
		r.i++
		value := &node{parent: n}
		if next := r.peek(); !r.is(next, token.CollectEntryType, token.MappingEndType) {
			value = r.flow(n, depth+1)
		}
		if r.failed || value == nil {
			r.failed = true
			return nil
		}
		r.add(n, key, value, seen)
		if !r.separator(token.MappingEndType) {
			return nil
		}
	}
}

// separator takes the comma between items; before the closing bracket it may be absent.
func (r *reader) separator(end token.Type) bool {
	t := r.peek()
	if r.is(t, token.CollectEntryType) {
		r.i++
		return true
	}
	if t == nil || t.Type == end {
		return true // the caller sees the end
	}
	r.fail(t, "a comma or the closing bracket is expected here").fixf("Put text with brackets, commas or colons into quotes")
	return false
}

func isScalar(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.SingleQuoteType, token.DoubleQuoteType, token.IntegerType, token.BinaryIntegerType,
		token.OctetIntegerType, token.HexIntegerType, token.FloatType, token.BoolType, token.NullType,
		token.ImplicitNullType, token.InfinityType, token.NanType:
		return true
	}
	return false
}

// scalar reads one scalar as text.
func (r *reader) scalar(parent *node) *node {
	t := r.peek()
	if r.is(t, token.LiteralType, token.FoldedType) {
		n := r.node(scalar, t, parent)
		r.i++
		if text := r.peek(); r.is(text, token.StringType) {
			n.text = text.Value
			r.i++
		}
		return n
	}
	if t == nil || !isScalar(t) {
		if t == nil {
			t = r.tokens[len(r.tokens)-1]
		}
		r.fail(t, "a value is expected here").fixf("Put text that begins with a special character into quotes")
		return nil
	}
	n := r.node(scalar, t, parent)
	n.text = t.Value
	if t.Type == token.NullType || t.Type == token.ImplicitNullType {
		n.kind = null
	}
	r.i++
	return n
}
