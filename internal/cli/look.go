package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/store"
)

func (a *app) callsCmd() *cobra.Command {
	var live, failed, poor, audio, asCSV, wide bool
	var number, trunk, reason, since, until, before string
	var limit int
	c := &cobra.Command{Use: "calls", Short: "List calls, latest first", Args: calls,
		Long: "List calls from the records, latest first, or with --live those that run now, latest last. --trunk finds a call by the trunk that it came by and by\n" +
			"every one that was tried for it, in vain too: \"itsp2 after itsp1\" says that itsp2 was tried last. With --csv all calls that fit are written as RFC 4180\n" +
			"has it, for a spreadsheet or a database: sqlite3 report.db \".import --csv calls.csv call\".",
		Example: "  directsip calls --failed --since 24h\n  directsip calls --number 4255550100 --json\n  directsip calls --since 30d --csv > calls.csv\n  directsip calls --live --trunk itsp\n  directsip calls --poor --since 7d\n  directsip calls --audio --since 24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asCSV && a.json {
				return &usageError{"calls", errors.New("calls are written as --csv or as --json, not as both")}
			}
			if cmd.Flags().Changed("limit") && (limit < 1 || limit > historyPage && !asCSV) {
				return &usageError{"calls", fmt.Errorf("--limit is %d: write 1 to %d; with --csv it may be more", limit, historyPage)}
			}
			if reason != "" && !slices.ContainsFunc(diag.All, func(r *diag.Reason) bool { return r.ID == reason }) {
				return &usageError{"calls", fmt.Errorf("there is no reason %q; docs/diagnostics.md has them all", reason)}
			}
			from, to, err := between(since, until, time.Now())
			if err != nil {
				return &usageError{"calls", err}
			}
			q := url.Values{"number": {bare(number)}, "trunk": {trunk}, "reason": {reason}, "before": {before}, "limit": {strconv.Itoa(limit)},
				"failed": {strconv.FormatBool(failed)}, "poor": {strconv.FormatBool(poor)}, "audio": {strconv.FormatBool(audio)}, "since": {from}, "until": {to}}
			if live {
				return a.writeRunning(cmd, q, wide)
			}
			a.tellWaiting(cmd.Context())
			a.untilNow(cmd.Context(), q, time.Now())
			if asCSV {
				if !cmd.Flags().Changed("limit") {
					limit = 0
				}
				return a.writeCSV(cmd.Context(), q, limit)
			}
			list, err := a.history(cmd.Context(), q)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				if err := a.unknownTrunk(cmd.Context(), trunk); err != nil {
					return err
				}
				list = []store.Summary{}
			}
			return a.print(list, func(w io.Writer) {
				writeHistory(w, list, a.roomUnless(wide))
				if len(list) == 0 && slices.Contains(unrecorded, reason) {
					fmt.Fprintf(w, "calls that are refused with %s are in no record: `directsip status`, the metrics and the log tell of them\n", reason)
				}
				if len(list) == 0 && strings.HasPrefix(bare(number), "0") {
					fmt.Fprintf(w, "--number is the end of a number as it came, with its country, or as it was sent: without the zeros in front %s may be there\n",
						strings.TrimLeft(bare(number), "0"))
				}
			})
		}}
	f := c.Flags()
	f.BoolVar(&live, "live", false, "calls that run now, with --number, --trunk, --since, --until and --limit")
	f.BoolVar(&wide, "wide", false, "all columns and whole ids, however wide the terminal is")
	f.BoolVar(&asCSV, "csv", false, "write all calls that fit as comma-separated values")
	f.BoolVar(&failed, "failed", false, "only calls that failed")
	f.BoolVar(&poor, "poor", false, "only calls with audio beyond poorMOS, poorLoss, poorJitter or poorRoundTrip of a trunk")
	f.BoolVar(&audio, "audio", false, "only calls of which a side was not heard, or badly: with the cause beside MOS (see docs/quality.md)")
	f.StringVar(&number, "number", "", "end of a called or calling number; +1425* for a beginning")
	f.StringVar(&trunk, "trunk", "", "trunk that the call came by, or that was tried for it")
	f.StringVar(&reason, "reason", "", "reason of the end (see docs/diagnostics.md)")
	f.StringVar(&since, "since", "", whenForms)
	f.StringVar(&until, "until", "", "the same, or now")
	f.StringVar(&before, "before", "", "continue behind this call")
	f.IntVar(&limit, "limit", 50, "number of calls, the latest, at most 10000; with --live all if there is no limit")
	c.RegisterFlagCompletionFunc("trunk", a.runningTrunks)
	completeTimes(c)
	c.RegisterFlagCompletionFunc("reason", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var ids []string
		for _, r := range diag.All {
			ids = append(ids, r.ID+"\t"+r.Text)
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// unrecorded are the reasons of refusals that come before there is a call, and so in no record.
var unrecorded = []string{diag.Overload.ID, diag.UnknownSource.ID, diag.PasswordMissing.ID, diag.PasswordGuessed.ID}

// notLive are the flags of calls that ask for what a running call has not.
var notLive = []string{"csv", "failed", "poor", "audio", "reason", "before"}

// writeRunning lists the running calls that fit.
func (a *app) writeRunning(cmd *cobra.Command, q url.Values, wide bool) error {
	for _, name := range notLive {
		if cmd.Flags().Changed(name) {
			return &usageError{"calls", fmt.Errorf("--%s is for calls that have ended, and --live lists those that run; it goes with --number, --trunk, --since, --until and --limit", name)}
		}
	}
	if !cmd.Flags().Changed("limit") {
		q.Del("limit")
	}
	list := []cdr.Record{}
	if err := a.client().get(cmd.Context(), "/calls?"+q.Encode(), &list); err != nil {
		return err
	}
	if len(list) == 0 {
		if err := a.unknownTrunk(cmd.Context(), q.Get("trunk")); err != nil {
			return err
		}
	}
	return a.print(list, func(w io.Writer) { writeLive(w, list, a.roomUnless(wide)) })
}

// bare is a number without what people write between its digits (RFC 3966 §5.1.1), which no record has; a name is as it is.
func bare(s string) string {
	n := strings.NewReplacer(" ", "", "\u00a0", "", "-", "", ".", "", "(", "", ")", "").Replace(s)
	if strings.Trim(n, "+0123456789*#") != "" {
		return s
	}
	return n
}

// pasted is a number as it came out of a letter or a page, with blanks between its digits, as one would dial it.
func pasted(s string) string {
	if strings.ContainsAny(s, " \u00a0") {
		return bare(s)
	}
	return s
}

// runningTrunks completes the name of a trunk of the running server.
func (a *app) runningTrunks(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	list, _ := a.trunkList(cmd.Context()) // completion has nobody to tell an error
	return namesOfTrunks(list), cobra.ShellCompDirectiveNoFileComp
}

// history asks the running server, or reads the records when none runs.
func (a *app) history(ctx context.Context, q url.Values) ([]store.Summary, error) {
	var list []store.Summary
	err := a.client().get(ctx, "/history?"+q.Encode(), &list)
	if !errors.Is(err, errNotRunning) {
		return list, err
	}
	f, err := server.ParseFilter(q.Get)
	if err != nil {
		return nil, err
	}
	r, err := a.reader()
	if err != nil {
		return nil, err
	}
	return r.List(ctx, f)
}

// untilNow leaves calls of the future out of a list for which no end was named: a clock was ahead when they were recorded, and they would stand above, and in each
// period up to now, until that time has come.
func (a *app) untilNow(ctx context.Context, q url.Values, now time.Time) {
	const slack = time.Minute // a clock is corrected by less all the time
	end := now.Add(slack).UTC().Format(time.RFC3339)
	if q.Get("until") != "" || q.Get("since") > end { // both in UTC
		return
	}
	q.Set("until", end)
	later := maps.Clone(q)
	later.Set("since", end)
	later.Set("limit", "1")
	later.Del("until")
	later.Del("before")
	list, err := a.history(ctx, later)
	if err != nil || len(list) == 0 { // the list itself says what is wrong
		return
	}
	a.notice("calls that begin in the future are left out: the clock was ahead when they were recorded. --until " + clock(list[0].Start.Add(time.Second)) + " has them, too")
}

// tellWaiting says beside a list that calls are missing in it.
func (a *app) tellWaiting(ctx context.Context) {
	var st server.Status
	if a.client().get(ctx, "/status", &st) == nil && st.RecordsWait != "" {
		a.notice("not all calls are here: of the call records " + st.RecordsWait)
	}
}

// reader reads the records in the place of a server that does not run, and says so once: who looks for the calls of today must not take the last ones for them.
func (a *app) reader() (*store.Reader, error) {
	if a.records != nil {
		return a.records, nil
	}
	r, err := store.OpenReadOnly(a.dataDir)
	if err != nil {
		return nil, fmt.Errorf("no server is running, and its records cannot be read: %w (--data names the directory)", err)
	}
	a.records = r
	if a.quiet {
		return r, nil
	}
	a.quiet = true
	last, err := r.Last()
	if err != nil {
		return nil, err
	}
	until := "there are none"
	if !last.IsZero() {
		until = "they end at " + clock(last)
	}
	a.notice(fmt.Sprintf("no server is running: nothing answers on %s; the call records of %s are read, %s", a.client().path, a.dataDir, until))
	return r, nil
}

// call finds one call at the running server, or in the records.
func (a *app) call(ctx context.Context, id string) (*cdr.Record, error) {
	if id == "." || id == ".." { // which would lead to another place
		return nil, fmt.Errorf("%q: %w; `directsip calls` lists them", id, store.ErrNotFound)
	}
	var rec cdr.Record
	err := a.client().get(ctx, "/call/"+url.PathEscape(id), &rec)
	if err == nil {
		return &rec, nil
	}
	if !errors.Is(err, errNotRunning) {
		return nil, err
	}
	r, err := a.reader()
	if err != nil {
		return nil, err
	}
	return r.Get(ctx, id)
}

// writeHistory lists calls for so many columns of a terminal; 0: for who has room.
func writeHistory(w io.Writer, list []store.Summary, room int) {
	t := table{head: []string{"ID", "START", "FROM", "TO", "IN", "OUT", "STATUS", "TALK", "MOS", "REASON", "BY"},
		steps: []step{{"ID", 8, true}, {column: "BY"}, {column: "STATUS"}, {column: "TALK"}, {"OUT", 8, false}, {column: "IN"}, {"REASON", 10, false},
			{"FROM", 8, false}, {"TO", 8, false}, {"MOS", 10, false}}}
	if !slices.ContainsFunc(list, func(s store.Summary) bool { return len(s.Audio) > 0 }) {
		t.steps = slices.Insert(t.steps, 2, step{column: "MOS"})
	}
	now := time.Now()
	for i := range list {
		s := &list[i]
		talk, start := "-", clock(s.Start)
		if !s.Answered.IsZero() {
			talk = span(s.End.Sub(s.Answered))
		}
		if room > 0 {
			start = shortClock(s.Start, now)
		}
		t.rows = append(t.rows, []string{s.ID, start, dash(s.Calling), dash(s.Called), dash(s.TrunkIn), outAfter(s), strconv.Itoa(s.Status), talk, score(s), s.Reason, dash(s.EndedBy)})
	}
	t.write(w, room)
	if len(list) == 0 {
		fmt.Fprintln(w, "no calls")
	}
}

// outAfter is the trunk that a call left by, and those that it was tried on besides.
func outAfter(s *store.Summary) string {
	list := s.Tried
	out := s.TrunkOut
	if n := len(list); out == "" && n > 0 { // nothing could be sent to the last one
		list, out = list[:n-1], list[n-1]
	}
	if len(list) == 0 {
		return dash(out)
	}
	return out + " after " + strings.Join(list, ", ")
}

func writeLive(w io.Writer, list []cdr.Record, room int) {
	t := table{head: []string{"ID", "START", "FROM", "TO", "IN", "OUT", "STATE", "CODEC"},
		steps: []step{{"ID", 8, true}, {column: "CODEC"}, {"OUT", 8, false}, {"IN", 8, false}, {column: "START"}, {"FROM", 8, false}, {"TO", 8, false}}}
	now := time.Now()
	for i := range list {
		r := &list[i]
		state, out, codec, start := "calling", "", r.In.Codec, clock(r.Start)
		if room > 0 {
			start = shortClock(r.Start, now)
		}
		if n := len(r.Attempts); n > 0 { // whom it is trying
			out = r.Attempts[n-1].Trunk
		}
		if !r.Ringing.IsZero() {
			state = "ringing"
		}
		if !r.Answered.IsZero() {
			state = "talking " + span(present(r).Sub(r.Answered)) + holding(r)
		}
		if r.Out != nil {
			if out, codec = r.Out.Trunk, r.Out.Codec; r.In.Codec != "" && r.In.Codec != codec { // converted here
				codec = r.In.Codec + "/" + dash(codec)
			}
		}
		t.rows = append(t.rows, []string{r.ID, start, dash(shownNumber(r.Calling)), dash(shownNumber(r.Called)), dash(r.In.Trunk), dash(out), state, dash(codec)})
	}
	t.write(w, room)
	if len(list) == 0 {
		fmt.Fprintln(w, "no calls")
	}
}

// present is the time as a running call has it, to tell ages from: a clock that was set since has the call begin hours ago, or in the future. Where its server does not say how
// long it has run, it is the time of this host.
func present(r *cdr.Record) time.Time {
	if r.Running > 0 {
		return r.Start.Add(r.Running)
	}
	return time.Now()
}

// shownNumber is a number as lists of calls have it.
func shownNumber(n cdr.Number) string { return cmp.Or(n.Normalized, n.Received) }

// holding says of a call that it is on hold, and by whom.
func holding(r *cdr.Record) string {
	switch r.HeldBy {
	case "":
		return ""
	case "both":
		return ", held"
	}
	return ", held by " + r.HeldBy
}

// registration says how far one is: until when it holds, or what is wrong.
func registration(r *server.RegistrationView) string {
	switch {
	case r == nil:
		return "-"
	case r.State == server.Elsewhere:
		return "by " + r.Server
	case !r.Until.IsZero() && r.Error != "":
		return "until " + r.Until.Local().Format("15:04:05") + " (" + r.Error + ")"
	case !r.Until.IsZero():
		return "until " + r.Until.Local().Format("15:04:05")
	case r.Error != "" && !r.Next.IsZero():
		return r.State + ": " + r.Error + ", next try " + r.Next.Local().Format("15:04:05")
	case r.Error != "":
		return r.State + ": " + r.Error
	}
	return r.State
}

// callArg completes call ids.
func (a *app) callArg(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	a.quiet = true
	var ids []string
	var live []cdr.Record
	a.client().get(cmd.Context(), "/calls", &live) // completion has nobody to tell an error
	for i := range live[max(0, len(live)-50):] {
		r := &live[len(live)-1-i]
		ids = append(ids, r.ID+"\t"+shownNumber(r.Calling)+" to "+shownNumber(r.Called)+", running")
	}
	list, _ := a.history(cmd.Context(), url.Values{"limit": {"50"}})
	for _, s := range list {
		ids = append(ids, s.ID+"\t"+s.Calling+" to "+s.Called)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) whyCmd() *cobra.Command {
	return &cobra.Command{Use: "why CALL-ID", Short: "Explain one call: decision, attempts, ladder, media, end", Args: call, ValidArgsFunction: a.callArg,
		Long: "Explain one call. CALL-ID is the id of the record, the Call-ID or the Session-ID (RFC 7989) of either leg, or the unique beginning of one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.call(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(explain(r, present(r)), func(w io.Writer) { WriteWhy(w, r) })
		}}
}

func (a *app) ladderCmd() *cobra.Command {
	return &cobra.Command{Use: "ladder CALL-ID", Short: "Print the messages of both legs of a call", Args: call, ValidArgsFunction: a.callArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.call(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(r.Ladder, func(w io.Writer) {
				writeSession(w, r)
				WriteLadder(w, r)
			})
		}}
}
