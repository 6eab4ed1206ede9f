package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
)

// gaveUp tells of the reason of a call that it only says that every target failed: what happened, and what is to be done, stands in the attempts.
func gaveUp(r *cdr.Record) bool {
	return (r.Reason == diag.AllTrunksFailed.ID || r.Reason == diag.AllTrunksDown.ID) && len(r.Attempts) > 0 && !r.End.IsZero()
}

// maxTried and maxTrunks bound what a sentence says of attempts that differ, and of those that do not.
const maxTried, maxTrunks = 6, 4

// group is what some attempts have in common, and their trunks.
type group struct {
	what   string
	trunks []string
}

// grouped puts attempts of which the same is to be said together, in the order in which that came up first. What is "" is left out.
func grouped(list []cdr.Attempt, what func(*cdr.Attempt) string) (groups []group) {
	for i := range list {
		text := what(&list[i])
		if text == "" {
			continue
		}
		at := slices.IndexFunc(groups, func(g group) bool { return g.what == text })
		if at < 0 {
			at, groups = len(groups), append(groups, group{what: text})
		}
		if g := &groups[at]; !slices.Contains(g.trunks, list[i].Trunk) {
			g.trunks = append(g.trunks, list[i].Trunk)
		}
	}
	return groups
}

func writeGroups(groups []group, separator string) string {
	var texts []string
	for i, g := range groups {
		if i == maxTried {
			texts = append(texts, plural(len(groups)-i, "other thing")+" below")
			break
		}
		names, more := g.trunks, ""
		if len(names) > maxTrunks {
			names, more = names[:maxTrunks-1], fmt.Sprintf(" and %d more", len(names)-maxTrunks+1)
		}
		quoted := make([]string, len(names))
		for k, name := range names {
			quoted[k] = strconv.Quote(name)
		}
		texts = append(texts, strings.Join(quoted, ", ")+more+": "+g.what)
	}
	return strings.Join(texts, separator)
}

// tried says what became of each attempt.
func tried(r *cdr.Record) string {
	return " " + writeGroups(grouped(r.Attempts, became), "; ") + "."
}

// became says how an attempt failed: in the words of the peer, and in ours where the peer has said nothing or its words do not say enough.
func became(x *cdr.Attempt) string {
	said := strings.TrimSuffix(x.Detail, ".")
	if said == "" && x.Status > 0 && !ownVerdict(x) {
		said = strconv.Itoa(x.Status)
	}
	if x.Cause > 0 {
		said += fmt.Sprintf(" (Q.850 %d)", x.Cause)
	}
	ours := ""
	if d := diag.ByID(x.Reason); d != nil && d != diag.PeerFault {
		ours = strings.ToLower(d.Text[:1]) + strings.TrimSuffix(d.Text[1:], ".")
	}
	switch {
	case said == "":
		return cmp.Or(ours, x.Reason, x.Class)
	case ours == "":
		return said
	}
	return ours + ": " + said
}

// triedLook is what to look at of each trunk that failed.
func triedLook(r *cdr.Record) string {
	groups := grouped(r.Attempts, func(x *cdr.Attempt) string {
		if d := diag.ByID(cmp.Or(x.Reason, x.Class)); d != nil && !strings.HasPrefix(d.Fix, "Nothing") {
			return d.Fix
		}
		return ""
	})
	return writeGroups(groups, " ")
}
