package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// What has no bound is written as JSON piece by piece, in the form of app.print.

const indent = "  "

// indented is a value behind so many levels.
func indented(v any, levels int) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent(strings.Repeat(indent, levels), indent)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// listJSON is an array behind so many levels.
type listJSON struct {
	w      io.Writer
	levels int
	begun  bool
}

func (l *listJSON) add(v any) error {
	b, err := indented(v, l.levels+1)
	if err != nil {
		return err
	}
	before := ",\n"
	if !l.begun {
		l.begun, before = true, "[\n"
	}
	_, err = l.w.Write(append([]byte(before+strings.Repeat(indent, l.levels+1)), b...))
	return err
}

func (l *listJSON) end() error {
	text := "[]"
	if l.begun {
		text = "\n" + strings.Repeat(indent, l.levels) + "]"
	}
	_, err := io.WriteString(l.w, text)
	return err
}

// objectJSON is an object that is no part of another one. After an error nothing more is written.
type objectJSON struct {
	w     io.Writer
	begun bool
	err   error
}

func (o *objectJSON) write(b []byte) {
	if o.err == nil {
		_, o.err = o.w.Write(b)
	}
}

// name begins a member; its value follows.
func (o *objectJSON) name(s string) {
	before := ",\n"
	if !o.begun {
		o.begun, before = true, "{\n"
	}
	o.write([]byte(before + indent + `"` + s + `": `))
}

func (o *objectJSON) value(v any) {
	b, err := indented(v, 1)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.write(b)
}

func (o *objectJSON) add(name string, v any) { o.name(name); o.value(v) }

func (o *objectJSON) end() error {
	o.write([]byte("\n}\n"))
	return o.err
}
