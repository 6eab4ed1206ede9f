package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/store"
)

// WriteWhy explains a call to a person.
func WriteWhy(w io.Writer, r *cdr.Record) { writeWhy(w, r, present(r)) }

func writeWhy(w io.Writer, r *cdr.Record, now time.Time) {
	fmt.Fprintf(w, "call %s of %s on %s, document %s\n%s\n", r.ID, clock(r.Start), r.Server, r.Version, sentence(r, now))
	writeSession(w, r)
	if look := lookAt(r); look != "" {
		fmt.Fprintf(w, "What to look at: %s\n", look)
	}
	if len(r.Decision) > 0 {
		fmt.Fprintf(w, "\ndecision\n")
		for _, l := range r.Decision {
			fmt.Fprintf(w, "  %s\n", l)
		}
	}
	if len(r.Attempts) > 0 {
		fmt.Fprintf(w, "\nattempts\n")
		writeAttempts(w, r, now)
	}
	writeTransfers(w, r)
	writePlayed(w, r)
	fmt.Fprintf(w, "\nladder\n")
	WriteLadder(w, r)
	if !r.Answered.IsZero() && len(r.Media) > 0 || slices.ContainsFunc(r.Media, came) {
		fmt.Fprintf(w, "\nmedia\n")
		writeMedia(w, r.Media)
	}
	writeQuality(w, r, now)
}

// writeSession names the two ends of a call by which other servers that it has passed know it too (RFC 7989).
func writeSession(w io.Writer, r *cdr.Record) {
	if r.In.Session == "" {
		return
	}
	fmt.Fprintf(w, "Session-ID: %s of the caller", r.In.Session)
	if r.Out != nil && r.Out.Session != "" {
		fmt.Fprintf(w, ", %s of the callee", r.Out.Session)
	}
	fmt.Fprintln(w)
}

// explained is a record with what is said of it in words.
type explained struct {
	*cdr.Record
	Sentence string `json:"sentence"`
	Look     string `json:"look,omitempty"`
}

func explain(r *cdr.Record, now time.Time) explained {
	return explained{r, sentence(r, now), lookAt(r)}
}

// lookAt is what to look at when a call ends so; "": nothing.
func lookAt(r *cdr.Record) string {
	if gaveUp(r) {
		if look := triedLook(r); look != "" {
			return look
		}
	}
	if n := len(r.Attempts); n > 0 && r.Reason == diag.PeerFault.ID && r.Attempts[n-1].Status == 403 {
		return fmt.Sprintf("403 is mostly said of the number that is called, or of the one that is shown as the caller's: `directsip report --by called --trunk %[1]s` and `--by calling` tell of which. "+
			"Who runs %[1]s knows why.", r.Attempts[n-1].Trunk)
	}
	if d := diag.ByID(r.Reason); d != nil && !r.End.IsZero() && !strings.HasPrefix(d.Fix, "Nothing") {
		return d.Fix
	}
	return ""
}

func writeAttempts(w io.Writer, r *cdr.Record, now time.Time) {
	t := columns(w)
	for i := range r.Attempts {
		x := &r.Attempts[i]
		status := dash("")
		if x.Status > 0 && !ownVerdict(x) {
			status = strconv.Itoa(x.Status)
		}
		if x.Cause > 0 {
			status += " (Q.850 " + strconv.Itoa(x.Cause) + ")"
		}
		what, took := strings.TrimSpace(x.Class+" "+x.Reason), "after "+span(x.Took)
		switch {
		case what == "":
			what = "under way"
		case x.Class == x.Reason:
			what = x.Class
		}
		if x.Took == 0 && x.Class == "" {
			took = "for " + span(now.Sub(x.At))
		}
		fmt.Fprintf(t, "  b%d\t%s\t%s\tto %s\tas %s\t%s\t%s\t%s\n", i+1, x.Trunk, dash(x.Remote), dash(x.Called), dash(x.Calling), status, what, took)
	}
	t.Flush()
	for i := range r.Attempts {
		if d := r.Attempts[i].Detail; d != "" {
			fmt.Fprintf(w, "  b%d: %s\n", i+1, d)
		}
	}
}

// ownVerdict tells of the reason of an attempt that it is ours: the peer has said nothing, and the status of the attempt is what such a reason counts as.
func ownVerdict(x *cdr.Attempt) bool {
	if x.Remote == "" { // nobody was asked: the trunk is full, or makes a pause
		return x.Reason != ""
	}
	switch x.Reason {
	case diag.NoResponse.ID, diag.NoProgress.ID, diag.TransportFailed.ID, diag.DNSFailed.ID, diag.LinkFull.ID, diag.SessionTooWide.ID:
		return true
	}
	return false
}

// came tells of a direction whether anything came at all.
func came(m cdr.Media) bool {
	return m.Packets|m.RTCP|m.Gated|m.Dropped|m.Unauthentic|unprotected(m) != 0
}

// writeMedia has a line for each direction. That nothing was refused or dropped in either needs no columns. STUN, by which telephones keep a NAT open, is nothing that anybody misses.
func writeMedia(w io.Writer, list []cdr.Media) {
	refused := slices.ContainsFunc(list, func(m cdr.Media) bool { return m.Gated|(m.Dropped-bindings(&m)) != 0 })
	t := columns(w)
	for i := range list {
		m, kept := &list[i], ""
		if refused {
			kept = fmt.Sprintf("\t%d gated\t%d dropped", m.Gated, m.Dropped-bindings(m))
		}
		if n := bindings(m); n > 0 {
			kept += fmt.Sprintf("\t%d STUN", n)
		}
		fmt.Fprintf(t, "  stream %s\tfrom %s\t%s\t%d packets\t%d lost\tjitter %s\t%d RTCP%s\n", strings.TrimSpace(strconv.Itoa(m.Stream)+" "+m.Kind), m.From, dash(m.Source),
			m.Packets, m.Lost, m.Jitter.Round(100*time.Microsecond), m.RTCP, kept+faxed(m)+protection(m)+travelled(m))
	}
	t.Flush()
}

// bindings are the packets of STUN among what was dropped: without ICE on the leg nobody answers them.
func bindings(m *cdr.Media) uint64 {
	if m.Evidence == nil {
		return 0
	}
	return min(m.Evidence.STUN, m.Dropped)
}

// faxed says how much of it was T.38.
func faxed(m *cdr.Media) string {
	if m.Evidence == nil || m.Evidence.T38 == 0 {
		return ""
	}
	return fmt.Sprintf("\t%d of T.38", m.Evidence.T38)
}

// unprotected is how much plain RTCP came where SRTCP was agreed on.
func unprotected(m cdr.Media) uint64 {
	if m.Evidence == nil {
		return 0
	}
	return m.Evidence.Clear
}

// protection says what of SRTP there was.
func protection(m *cdr.Media) string {
	text := keyed(m)
	if n := unprotected(*m); n > 0 {
		text += fmt.Sprintf("\t%d RTCP in the clear", n)
	}
	return text
}

func keyed(m *cdr.Media) string {
	switch {
	case m.Unauthentic > 0 && m.SRTP == "" && (m.Evidence == nil || !m.Evidence.KeysFailed): // as what comes before an answer that wants RTP
		return fmt.Sprintf("\tno SRTP in the end, %d unauthentic before", m.Unauthentic)
	case m.Unauthentic > 0:
		return fmt.Sprintf("\t%s, %d unauthentic", cmp.Or(m.SRTP, "no keys"), m.Unauthentic)
	case m.SRTP != "":
		return "\t" + m.SRTP
	}
	return ""
}

// travelled says in which tier, why not in a better one, and what was done on the way.
func travelled(m *cdr.Media) string {
	if m.Tier == "" {
		return ""
	}
	text := "\t" + m.Tier + inBrackets(m.TierWhy)
	if m.Quality != nil && m.Quality.Anew {
		text += ", coded anew"
	}
	if m.Evidence != nil && m.Evidence.ICE {
		text += ", ICE"
	}
	return text
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// sentence says how a call went: who called whom, and how and why it ended.
func sentence(r *cdr.Record, now time.Time) string {
	s := fmt.Sprintf("%s called %s over trunk %q", dash(r.Calling.Received), dash(r.Called.Received), r.In.Trunk)
	over := ""
	if r.Out != nil && r.Out.Trunk != "" {
		over = fmt.Sprintf(" over trunk %q", r.Out.Trunk)
	}
	switch {
	case r.End.IsZero() && !r.Answered.IsZero():
		return s + fmt.Sprintf("; it was answered%s after %s and has lasted %s so far%s.", over, span(r.Answered.Sub(r.Start)), span(now.Sub(r.Answered)), holding(r))
	case r.End.IsZero() && !r.Ringing.IsZero():
		return s + fmt.Sprintf("; it has been ringing for %s.", span(now.Sub(r.Ringing)))
	case r.End.IsZero():
		return s + fmt.Sprintf("; it has been set up for %s.", span(now.Sub(r.Start)))
	case r.Answered.IsZero():
		s += "; " + unanswered(r)
	default:
		s += fmt.Sprintf("; it was answered%s after %s and lasted %s. ", over, span(r.Answered.Sub(r.Start)), span(r.End.Sub(r.Answered)))
		if r.Reason == diag.NormalClearing.ID {
			s += strings.ToUpper(party(r.EndedBy)[:1]) + party(r.EndedBy)[1:] + " hung up."
			return s + detail(r)
		}
		s += ended(r)
	}
	if d := diag.ByID(r.Reason); d != nil {
		s += ": " + d.Text
	} else {
		s += ": " + dash(r.Reason) + "."
	}
	if gaveUp(r) {
		s += tried(r)
		if r.Detail == r.Attempts[len(r.Attempts)-1].Detail { // which has just been said
			return s
		}
	}
	return s + detail(r)
}

func detail(r *cdr.Record) string {
	if r.Detail == "" {
		return ""
	}
	return " Detail: " + strings.TrimSuffix(r.Detail, ".") + "."
}

// ended says who ended a call that was answered. For what a party has left undone directsip ends it.
func ended(r *cdr.Record) string {
	by := party(r.EndedBy)
	if (r.EndedBy == "caller" || r.EndedBy == "callee") && r.Reason != diag.Transferred.ID {
		return "Directsip ended it on account of " + by
	}
	return strings.ToUpper(by[:1]) + by[1:] + " ended it"
}

// unanswered says how a call ended that nobody took.
func unanswered(r *cdr.Record) string {
	after := span(r.End.Sub(r.Start))
	with := ""
	if r.Status > 0 {
		with = " with " + strconv.Itoa(r.Status)
	}
	switch {
	case r.Reason == store.ReasonServerLost:
		return "the server stopped while it was being set up"
	case r.Reason == diag.PrackMissing.ID:
		return "directsip refused it" + with + " after " + after + " on account of the caller"
	case r.EndedBy == "caller":
		return "the caller gave up after " + after
	case r.EndedBy == "callee" && (r.Reason == diag.NoAnswer.ID || r.Reason == diag.AnswerLost.ID):
		return "the called side did not take it, and it ended" + with + " after " + after
	case r.EndedBy == "callee":
		return "the called side refused it" + with + " after " + after
	case len(r.Attempts) > 0:
		return "it was not answered, and directsip gave it up" + with + " after " + after + " and " + plural(len(r.Attempts), "attempt")
	}
	return "directsip refused it" + with + " after " + after
}

func party(by string) string {
	switch by {
	case "caller":
		return "the caller"
	case "callee":
		return "the called side"
	case "":
		return "somebody"
	}
	return by
}
