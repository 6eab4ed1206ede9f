package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Column of a Table. Values are numbers in the unit that Head names.
type Column struct {
	Key    string
	Head   string
	Format string // of fmt, for one float64
	Spread bool   // print lowest and highest beside the median
}

// Table is one group of figures: a row for each system, each value the median of the rounds.
type Table struct {
	Name    string
	Title   string
	Columns []Column
	Ratio   string // key of the column that is divided by the one of Peer; "" for none
	Peer    string // the system that is 1
	Notes   []string

	systems []string
	values  map[string]map[string][]float64
}

// Add takes the values of one round of a system.
func (t *Table) Add(system string, values map[string]float64) {
	if t.values == nil {
		t.values = make(map[string]map[string][]float64)
	}
	if t.values[system] == nil {
		t.systems = append(t.systems, system)
		t.values[system] = make(map[string][]float64)
	}
	for k, v := range values {
		t.values[system][k] = append(t.values[system][k], v)
	}
}

// Note adds a line below the table, once.
func (t *Table) Note(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(t.Notes, line) {
		t.Notes = append(t.Notes, line)
	}
}

// median of the rounds; ok is false when there is none.
func (t *Table) median(system, key string) (v float64, ok bool) {
	list := slices.Sorted(slices.Values(t.values[system][key]))
	if len(list) == 0 {
		return 0, false
	}
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2, true
}

func (t *Table) ratio(system string) (float64, bool) {
	v, ok := t.median(system, t.Ratio)
	base, has := t.median(t.Peer, t.Ratio)
	return v / base, ok && has && base > 0
}

func (t *Table) cell(system string, c Column) string {
	v, ok := t.median(system, c.Key)
	if !ok {
		return "-"
	}
	text := fmt.Sprintf(c.Format, v)
	if list := t.values[system][c.Key]; c.Spread && len(list) > 1 {
		text += fmt.Sprintf(" ("+c.Format+"-"+c.Format+", %d)", slices.Min(list), slices.Max(list), len(list))
	}
	return text
}

// WriteTo prints the table as Markdown.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s: %s\n\n| system |", t.Name, t.Title)
	for _, c := range t.Columns {
		fmt.Fprintf(&b, " %s |", c.Head)
		if c.Key == t.Ratio {
			fmt.Fprintf(&b, " x %s |", t.Peer)
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", strings.Count(b.String(), "|")-2) + "\n")
	for _, s := range t.systems {
		fmt.Fprintf(&b, "| %s |", s)
		for _, c := range t.Columns {
			fmt.Fprintf(&b, " %s |", t.cell(s, c))
			if c.Key != t.Ratio {
				continue
			}
			if r, ok := t.ratio(s); ok {
				fmt.Fprintf(&b, " %.2f |", r)
			} else {
				b.WriteString(" - |")
			}
		}
		b.WriteString("\n")
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// MarshalJSON writes medians and every single round.
func (t *Table) MarshalJSON() ([]byte, error) {
	type row struct {
		System string               `json:"system"`
		Median map[string]float64   `json:"median"`
		Ratio  float64              `json:"ratio,omitempty"`
		Rounds map[string][]float64 `json:"rounds"`
	}
	rows := []row{}
	for _, s := range t.systems {
		r := row{System: s, Median: make(map[string]float64), Rounds: t.values[s]}
		for k := range t.values[s] {
			r.Median[k], _ = t.median(s, k)
		}
		if v, ok := t.ratio(s); ok {
			r.Ratio = v
		}
		rows = append(rows, r)
	}
	return json.Marshal(struct {
		Name  string   `json:"name"`
		Title string   `json:"title"`
		Peer  string   `json:"peer,omitempty"`
		Of    string   `json:"ratioOf,omitempty"`
		Rows  []row    `json:"rows"`
		Notes []string `json:"notes,omitempty"`
	}{t.Name, t.Title, t.Peer, t.Ratio, rows, t.Notes})
}
