package topology

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

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

// tooDeep reports a collection that is nested too deep; it bounds the recursion.
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
	if t == nil {
		return &node{parent: parent} // the caller sees the end
	}
	if r.tooDeep(t, depth) {
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
		if r.failed {
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
	if first, _ := utf8.DecodeRuneInString(t.Value); t.Type == token.StringType && strings.ContainsRune("\u2018\u2019\u201a\u201c\u201d\u201e", first) {
		at := &node{line: n.line, col: n.col} // without what was written, which may be a password
		r.c.warnf(at, "the text begins with %c, which is no quote to YAML and becomes part of it", first).fixf("Put the text between ' and '")
	}
	if t.Type == token.NullType || t.Type == token.ImplicitNullType {
		n.kind = null
	}
	r.i++
	return n
}
