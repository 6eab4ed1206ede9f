package cli

import (
	"fmt"
	"io"
	"strconv"

	"github.com/directsip/directsip/internal/cdr"
)

// transferWays are the words for how a transfer was made.
var transferWays = map[string]string{"refer": "by REFER to the other side", "invite": "by calling the target", "replaces": "by INVITE with Replaces", "join": "by joining two calls"}

// writeTransfers writes who gave a place in the call to whom, and what became of it.
func writeTransfers(w io.Writer, r *cdr.Record) {
	if len(r.Transfers) == 0 {
		return
	}
	fmt.Fprintf(w, "\ntransfers\n")
	t := columns(w)
	for i := range r.Transfers {
		x := &r.Transfers[i]
		result := "without a result"
		switch {
		case r.End.IsZero() && x.Status == 0:
			result = "under way"
		case x.Status > 0:
			result = strconv.Itoa(x.Status) + " " + dash(x.Reason) + " after " + span(x.Took)
		}
		fmt.Fprintf(t, "  %d\tplace of the %s\tto %s\t%s\t%s\n", i+1, x.By, x.To, transferWays[x.How], result)
	}
	t.Flush()
}
