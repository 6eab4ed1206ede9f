package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
)

// historyPage is how many calls are asked for at a time.
const historyPage = 10_000

// csvColumns are the columns of calls --csv; later ones come last.
var csvColumns = []string{"id", "server", "start", "answered", "end", "talk_seconds", "calling", "called", "user", "trunk_in", "trunk_out", "call_id_in",
	"call_id_out", "status", "q850", "reason", "ended_by", "emergency", "attempts", "mos", "poor", "wideband", "trunks_tried", "audio"}

// writeCSV writes the calls of a question, latest first; limit 0: all of them.
func (a *app) writeCSV(ctx context.Context, q url.Values, limit int) error {
	w := csv.NewWriter(a.out)
	w.UseCRLF = true // RFC 4180 §2
	if err := w.Write(csvColumns); err != nil {
		return err
	}
	none := true
	if err := a.eachCall(ctx, q, limit, func(s *store.Summary) error { none = false; return w.Write(csvRow(s)) }); err != nil {
		return err
	}
	if none {
		if err := a.unknownTrunk(ctx, q.Get("trunk")); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// eachCall asks page by page for the calls of a question, latest first; limit 0: all of them.
func (a *app) eachCall(ctx context.Context, q url.Values, limit int, do func(*store.Summary) error) error {
	far := progress{since: time.Now(), watched: a.watched()}
	for left := limit; limit == 0 || left > 0; left -= historyPage {
		page := historyPage
		if limit > 0 {
			page = min(page, left)
		}
		q.Set("limit", strconv.Itoa(page))
		list, err := a.history(ctx, q)
		if err != nil {
			return err
		}
		for i := range list {
			if err := do(&list[i]); err != nil {
				return err
			}
		}
		if len(list) < page {
			break
		}
		if text := far.add(list, time.Now()); text != "" {
			a.notice(text)
		}
		q.Set("before", list[len(list)-1].ID)
	}
	return nil
}

// progressEvery is how often is said how far a long list is, and how long nothing is.
const progressEvery = 5 * time.Second

// progress says how far a long list is to who sits at a terminal and waits.
type progress struct {
	since   time.Time // of what was said last
	calls   int
	watched bool
}

// add counts a page, and has what is to be said now; "": nothing.
func (p *progress) add(list []store.Summary, now time.Time) string {
	p.calls += len(list)
	if !p.watched || now.Sub(p.since) < progressEvery {
		return ""
	}
	p.since = now
	return fmt.Sprintf("%d calls so far, back to %s", p.calls, clock(list[len(list)-1].Start))
}

// watched tells whether standard error is a terminal.
func (a *app) watched() bool {
	f, ok := a.err.(*os.File)
	return ok && isTerminal(f)
}

func csvRow(s *store.Summary) []string {
	talk := ""
	if !s.Answered.IsZero() {
		talk = strconv.FormatFloat(s.End.Sub(s.Answered).Seconds(), 'f', 3, 64)
	}
	return []string{s.ID, plain(s.Server), csvTime(s.Start), csvTime(s.Answered), csvTime(s.End), talk, plain(s.Calling), plain(s.Called), plain(s.User),
		plain(s.TrunkIn), plain(s.TrunkOut), plain(s.CallIDIn), plain(s.CallIDOut), strconv.Itoa(s.Status), strconv.Itoa(s.Cause), s.Reason, s.EndedBy,
		strconv.FormatBool(s.Emergency), strconv.Itoa(s.Attempts), csvScore(s.MOS), strconv.FormatBool(s.Poor), strconv.FormatBool(s.Wideband),
		plain(strings.Join(s.Tried, " ")), strings.Join(s.Audio, ", ")}
}

func csvScore(mos cdr.Hundredth) string {
	if mos == 0 {
		return ""
	}
	return mos.String()
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// plain is text that a spreadsheet does not take for a formula: peers choose numbers, names and Call-IDs. A number keeps its plus.
func plain(s string) string {
	s = harmless(strings.ReplaceAll(s, "\n", "?"))
	if s == "" {
		return s
	}
	switch s[0] {
	case '=', '-', '@':
		return "'" + s
	case '+':
		if strings.Trim(s[1:], "0123456789") != "" {
			return "'" + s
		}
	}
	return s
}
