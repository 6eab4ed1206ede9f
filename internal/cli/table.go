package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// table is a list for a person: columns, and below a row what is to be said of it in words. It is made as narrow as the terminal.
type table struct {
	head  []string
	rows  [][]string
	notes map[int][]string // by row
	steps []step           // what makes it narrower, in this order, as far as it is needed
}

// step leaves a column out, or cuts what is in it.
type step struct {
	column string
	to     int  // characters that are left at least; 0: the column is left out
	head   bool // the beginning says all: there is no sign that more was there
}

// gap stands between two columns.
const gap = 2

// write writes the table for so many columns of a terminal; 0: for who has room.
func (t *table) write(w io.Writer, room int) {
	wide := t.widths()
	heads := make([]bool, len(wide)) // columns of which the beginning says all
	var without []string
	left := func() (n int) { // what is left of the room; less than 0: there is not enough
		n = room + gap
		for _, x := range wide {
			if x > 0 {
				n -= x + gap
			}
		}
		return n
	}
	for _, s := range t.steps {
		over := -left()
		if room == 0 || over <= 0 {
			break
		}
		i := slices.Index(t.head, s.column)
		if s.to == 0 {
			without = append(without, s.column)
			wide[i] = 0
			continue
		}
		wide[i], heads[i] = min(wide[i], max(s.to, wide[i]-over)), s.head
	}
	for i, natural := range t.widths() { // what was left out later may have made more room than was needed
		if n := left(); room > 0 && n > 0 && wide[i] > 0 && !heads[i] {
			wide[i] = min(natural, wide[i]+n)
		}
	}
	line := func(cells []string) {
		var b strings.Builder
		for i, text := range cells {
			if wide[i] == 0 {
				continue
			}
			if heads[i] && utf8.RuneCountInString(text) > wide[i] {
				text = string([]rune(text)[:wide[i]])
			}
			text = clipTo(text, wide[i])
			b.WriteString(text + strings.Repeat(" ", wide[i]+gap-utf8.RuneCountInString(text)))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(t.head)
	for i, row := range t.rows {
		line(row)
		for _, n := range t.notes[i] {
			fmt.Fprintln(w, "  "+n)
		}
	}
	if len(without) > 0 {
		fmt.Fprintf(w, "without %s: the terminal has %d columns; --wide shows all\n", strings.Join(without, ", "), room)
	}
}

// widths are those that the columns take.
func (t *table) widths() []int {
	list := make([]int, len(t.head))
	for i, h := range t.head {
		list[i] = utf8.RuneCountInString(h)
		for _, row := range t.rows {
			list[i] = max(list[i], utf8.RuneCountInString(row[i]))
		}
	}
	return list
}

// room is how many columns the terminal has that is written to; 0: it is none, or nobody knows.
func (a *app) room() int {
	f, ok := a.out.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// roomUnless is room; 0 for who wants it wide.
func (a *app) roomUnless(wide bool) int {
	if wide {
		return 0
	}
	return a.room()
}
