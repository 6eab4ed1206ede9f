package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/store"
)

// day is the period of a report when none is asked for.
const day = "24h"

// sums is what calls have in common, counted.
type sums struct {
	Key      string        `json:"key,omitempty"`
	Calls    int           `json:"calls"`
	Answered int           `json:"answered"`
	Carried  int           `json:"carried"`          // to an end that is a party's wish: the network effectiveness ratio is carried / calls
	Failed   int           `json:"failed"`           // as calls --failed has them
	WentOn   int           `json:"wentOn,omitempty"` // of a trunk: tried on it in vain, and then on another one
	Poor     int           `json:"poor"`
	Talk     time.Duration `json:"talk"` // of all together
	Text     string        `json:"text,omitempty"`
	first    time.Time     // of the calls
}

// add counts a call.
func (s *sums) add(c *store.Summary) {
	s.Calls++
	if s.first.IsZero() || c.Start.Before(s.first) {
		s.first = c.Start
	}
	if !c.Answered.IsZero() {
		s.Answered++
		s.Talk += c.End.Sub(c.Answered)
	}
	if carried(c) {
		s.Carried++
	}
	if c.Failed() {
		s.Failed++
	}
	if c.Poor {
		s.Poor++
	}
}

// addTried counts a call for a trunk that it was tried on and that is not its last one: in vain, or, before a transfer, not.
func (s *sums) addTried(c *store.Summary, trunk string) {
	s.Calls++
	if s.first.IsZero() || c.Start.Before(s.first) {
		s.first = c.Start
	}
	switch {
	case slices.Contains(c.FailedOn, trunk):
		s.WentOn++
	case !c.Answered.IsZero():
		s.Answered++
		s.Carried++
	}
}

// carried tells whether the network did its part: the call was answered, or its end was a party's wish. As ITU-T E.425 counts
// for the network effectiveness ratio, and docs/metrics.md.
func carried(c *store.Summary) bool {
	return !c.Answered.IsZero() || diag.Carried(c.Reason)
}

// views are the ways to put calls together.
var views = []struct {
	name, title string
	key         func(*store.Summary) string // "": the call does not count
	byTime      bool                        // in the order of time, not of the number of calls
	alone       bool                        // only where it is asked for: it has as many rows as there are numbers
}{
	{"hour", "HOUR", func(c *store.Summary) string { return hourOf(c.Start.Local()) }, true, false},
	{"day", "DAY", func(c *store.Summary) string { return c.Start.Local().Format(time.DateOnly) }, true, false},
	{"in", "CAME IN ON", func(c *store.Summary) string { return c.TrunkIn }, false, false},
	{"out", "TRIED ON", lastTrunk, false, false}, // and those before it
	{"called", "CALLED", func(c *store.Summary) string { return numberRange(c.Called) }, false, true},
	{"calling", "CALLING", func(c *store.Summary) string { return dash(c.Calling) }, false, true},
	{"server", "SERVER", func(c *store.Summary) string { return c.Server }, false, false},
	{"failure", "FAILED WITH", func(c *store.Summary) string {
		if !c.Failed() {
			return ""
		}
		return c.Reason
	}, false, false},
}

// rangeOf is how many characters of a number a range has: the plus, the code of the country, and of what follows what tells a kind of number from another.
const rangeOf = 6

// numberRange is the range of a number as `directsip calls --number` takes it.
func numberRange(number string) string {
	if r := []rune(number); len(r) > rangeOf {
		return string(r[:rangeOf]) + "*"
	}
	return dash(number)
}

// lastTrunk is the trunk that a call left by, or that was tried last for it.
func lastTrunk(c *store.Summary) string {
	if n := len(c.Tried); c.TrunkOut == "" && n > 0 {
		return c.Tried[n-1]
	}
	return c.TrunkOut
}

// hourOf names an hour. Where a clock that is set back has one twice, each has its zone, so that the two are not added up.
func hourOf(t time.Time) string {
	const form = "2006-01-02 15h"
	_, zone := t.Zone()
	for _, d := range [...]time.Duration{-time.Hour, -30 * time.Minute, 30 * time.Minute, time.Hour} {
		if o := t.Add(d); o.Format(form) == t.Format(form) {
			if _, other := o.Zone(); other != zone {
				return t.Format(form + " -07:00")
			}
		}
	}
	return t.Format(form)
}

// statistics are the sums of a period.
type statistics struct {
	Since time.Time         `json:"since"`
	Until time.Time         `json:"until"`
	Total sums              `json:"total"`
	By    map[string][]sums `json:"by"`
}

func (a *app) reportCmd() *cobra.Command {
	var by, trunk, since, until string
	var top int
	var wide bool
	c := &cobra.Command{Use: "report", Short: "Sum up calls: by time, by trunk, by number, by server, by what they failed with", Args: none,
		Long: "Sum up the calls of the records. ASR is the share of calls that were answered; NER, the network effectiveness ratio, of those that were answered or\n" +
			"ended by a party's wish (busy, no answer, declined, given up); it means little below some 100 calls. ACD is the mean time of talk of an answered call.\n" +
			"FAILED is what `directsip calls --failed` lists. TRIED ON has a call with every trunk that was tried for it; WENT ON are those that failed on that\n" +
			"trunk and went on to another one, which calls --failed has only if nobody took them in the end. --by called has ranges of numbers, of which\n" +
			"`directsip calls --number '+49900*'` lists the calls, and --by calling each caller: whose calls fail, and whose run up a bill.",
		Example: "  directsip report\n  directsip report --by out --since 30d\n  directsip report --by called --trunk itsp --since 1h\n  directsip report --by hour --trunk itsp --since 7d --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			from, to, err := between(cmp.Or(since, day), until, now)
			if err != nil {
				return &usageError{"report", err}
			}
			st := statistics{Until: now.Truncate(time.Second), By: map[string][]sums{}}
			st.Since, _ = time.Parse(time.RFC3339, from) // when wrote it
			if to != "" {
				st.Until, _ = time.Parse(time.RFC3339, to)
			}
			if st.Until.Before(st.Since) {
				return &usageError{"report", fmt.Errorf("--until %s is before --since %s", until, cmp.Or(since, day))}
			}
			names, err := viewsOf(by, st.Until.Sub(st.Since))
			if err != nil {
				return &usageError{"report", err}
			}
			a.tellWaiting(cmd.Context())
			q := url.Values{"trunk": {trunk}, "since": {from}, "until": {to}}
			a.untilNow(cmd.Context(), q, now)
			if err := a.sumUp(cmd.Context(), &st, names, q); err != nil {
				return err
			}
			if st.Total.Calls == 0 {
				if err := a.unknownTrunk(cmd.Context(), trunk); err != nil {
					return err
				}
			}
			return a.print(st, func(w io.Writer) { st.write(w, names, top, a.roomUnless(wide)) })
		}}
	f := c.Flags()
	f.StringVar(&by, "by", "", "one table alone: "+strings.Join(viewNames(), ", "))
	f.StringVar(&trunk, "trunk", "", "only calls that came by this trunk, or were tried on it")
	f.StringVar(&since, "since", day, whenForms)
	f.StringVar(&until, "until", "", "the same, or now")
	f.BoolVar(&wide, "wide", false, "all columns, however wide the terminal is")
	f.IntVar(&top, "top", 10, "lines of a table, those with most calls; 0: all. Tables by time have all")
	completeTimes(c)
	c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(viewNames(), cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("trunk", a.runningTrunks)
	return c
}

func viewNames() (list []string) {
	for _, v := range views {
		list = append(list, v.name)
	}
	return list
}

// viewsOf are the tables of a report: the one that was asked for, else all, of those by time the one that suits the period.
func viewsOf(by string, period time.Duration) ([]string, error) {
	if by != "" {
		if all := viewNames(); !slices.Contains(all, by) {
			return nil, fmt.Errorf("there is no report by %q; there is one by %s", by, strings.Join(all, ", "))
		}
		return []string{by}, nil
	}
	coarse := "hour"
	if period <= 49*time.Hour {
		coarse = "day"
	}
	var list []string
	for _, v := range views {
		if v.name != coarse && !v.alone {
			list = append(list, v.name)
		}
	}
	return list, nil
}

// sumUp reads the calls page by page.
func (a *app) sumUp(ctx context.Context, st *statistics, names []string, q url.Values) error {
	groups := make([]map[string]*sums, len(views))
	for i, v := range views {
		if slices.Contains(names, v.name) {
			groups[i] = map[string]*sums{}
		}
	}
	err := a.eachCall(ctx, q, 0, func(c *store.Summary) error {
		st.Total.add(c)
		for i, g := range groups {
			if g == nil {
				continue
			}
			key := views[i].key(c)
			of := func(key string) *sums {
				if g[key] == nil {
					g[key] = &sums{Key: key}
				}
				return g[key]
			}
			if key != "" {
				of(key).add(c)
			}
			if views[i].name == "out" {
				for _, trunk := range c.Tried {
					if trunk != key {
						of(trunk).addTried(c, trunk)
					}
				}
			}
		}
		return nil
	})
	for i, g := range groups {
		if g == nil {
			continue
		}
		list := make([]sums, 0, len(g))
		for _, s := range g {
			list = append(list, *s)
		}
		slices.SortFunc(list, func(a, b sums) int {
			if views[i].byTime {
				return a.first.Compare(b.first)
			}
			return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Key, b.Key))
		})
		if views[i].name == "failure" {
			for k := range list {
				list[k].Text = reasonText(list[k].Key)
			}
		}
		st.By[views[i].name] = list
	}
	return err
}

func reasonText(id string) string {
	if r := diag.ByID(id); r != nil {
		return r.Text
	}
	return ""
}

// write has the tables for so many columns of a terminal; 0: for who has room.
func (st *statistics) write(w io.Writer, names []string, top, room int) {
	fmt.Fprintf(w, "%s from %s to %s\n", plural(st.Total.Calls, "call"), clock(st.Since), clock(st.Until))
	if st.Total.Calls == 0 {
		return
	}
	fmt.Fprintln(w)
	t := sumTable("")
	t.rows = [][]string{st.Total.row("all")}
	t.write(w, room)
	for _, v := range views {
		list := st.By[v.name]
		if !slices.Contains(names, v.name) || len(list) == 0 {
			continue
		}
		rest := 0
		if top > 0 && len(list) > top && !v.byTime {
			list, rest = list[:top], len(list)-top
		}
		t := sumTable(v.title)
		switch v.name {
		case "failure":
			t = table{head: []string{v.title, "CALLS", "SHARE", "MEANS"}, steps: []step{{"MEANS", 20, false}}}
		case "out":
			t.head = append(t.head, "WENT ON")
		}
		for i := range list {
			s := &list[i]
			row := s.row(s.Key)
			switch v.name {
			case "failure":
				row = []string{s.Key, strconv.Itoa(s.Calls), percent(s.Calls, st.Total.Calls), s.Text}
			case "out":
				row = append(row, strconv.Itoa(s.WentOn))
			}
			t.rows = append(t.rows, row)
		}
		fmt.Fprintln(w)
		t.write(w, room)
		if rest > 0 {
			fmt.Fprintf(w, "%d more; --top 0 shows them\n", rest)
		}
	}
}

// sumTable is one of sums, whose first column has a title.
func sumTable(title string) table {
	return table{head: []string{title, "CALLS", "ANSWERED", "ASR", "NER", "FAILED", "POOR", "TALK", "ACD"},
		steps: []step{{column: "ANSWERED"}, {column: "TALK"}, {title, 12, false}, {column: "POOR"}}}
}

func (s *sums) row(key string) []string {
	acd := "-"
	if s.Answered > 0 {
		acd = span(s.Talk / time.Duration(s.Answered))
	}
	return []string{key, strconv.Itoa(s.Calls), strconv.Itoa(s.Answered), percent(s.Answered, s.Calls), percent(s.Carried, s.Calls), strconv.Itoa(s.Failed),
		strconv.Itoa(s.Poor), span(s.Talk), acd}
}

func percent(n, of int) string {
	return strconv.FormatFloat(100*float64(n)/float64(of), 'f', 1, 64) + "%"
}
