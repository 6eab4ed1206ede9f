package diag

import (
	"fmt"
	"strings"
)

// Markdown is the catalogue as the page docs/diagnostics.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Diagnostics

Every call that is refused, moves on to another trunk or ends has exactly one of these reasons. The id stands in the call
record, in the metric label ` + "`reason`" + ` and in the log; status and Q.850 cause go to the peer. This page is generated from the
catalogue in ` + "`internal/diag`" + `.

| id | status | Q.850 | what happened | what to look at |
|---|---|---|---|---|
`)
	for _, r := range All {
		status, cause := "-", "-"
		if r.Status > 0 {
			status = fmt.Sprintf("%d %s", r.Status, r.Phrase)
		}
		if r.Cause > 0 {
			cause = fmt.Sprint(r.Cause)
		}
		fmt.Fprintf(&b, "| <a id=%q></a>`%s` | %s | %s | %s | %s |\n", r.ID, r.ID, status, cause, r.Text, r.Fix)
	}
	b.WriteString("\nA reason without status never refuses a call: it ends one (BYE) or is only written into the record.\n\n" +
		"A UC platform gets it in `ms-diagnostics` of the refusal as well: 10000 and the status as number, the sentence as reason, and with SipResponseCode what the\n" +
		"last peer that was tried has answered.\n")
	return b.String()
}
