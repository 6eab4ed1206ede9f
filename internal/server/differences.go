package server

import (
	"fmt"
	"strings"

	"github.com/directsip/directsip/internal/topology"
)

// The log has of a change of the document what a line can hold: who asks in the night what was changed before it went wrong has often no copy of the document from then.
const (
	mostChanges = 10
	mostOfValue = 60 // characters
)

// differences says in one line what stands differently in two documents that were read before, without passwords; "": nothing but how it is written.
func differences(before, after []byte) string {
	list, unread := topology.Diff(before, after)
	if len(unread) > 0 {
		return ""
	}
	var b strings.Builder
	for i := range list {
		c := &list[i]
		if i > 0 {
			b.WriteString("; ")
		}
		if i == mostChanges {
			fmt.Fprintf(&b, "and %d more", len(list)-i)
			break
		}
		c.Old, c.New = brief(c.Old), brief(c.New)
		b.WriteString(c.String())
	}
	return b.String()
}

func brief(value string) string {
	if r := []rune(value); len(r) > mostOfValue {
		return string(r[:mostOfValue]) + "…"
	}
	return value
}
