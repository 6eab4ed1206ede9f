package bench

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// count is one line of SIPp's statistics: totals up to a moment.
type count struct {
	at                         time.Time
	created, ok, refused, sent float64 // sent: retransmissions of ours
}

// counts reads a statistics file of SIPp.
func counts(path string) []count {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var list []count
	column := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ";")
		if len(column) == 0 {
			for i, name := range f {
				column[name] = i
			}
			continue
		}
		get := func(name string) float64 {
			i, ok := column[name]
			if !ok || i >= len(f) {
				return 0
			}
			v, _ := strconv.ParseFloat(f[i], 64)
			return v
		}
		i := column["CurrentTime"]
		if i >= len(f) {
			continue
		}
		_, epoch, _ := cutLast(f[i], "\t")
		seconds, _ := strconv.ParseFloat(epoch, 64)
		list = append(list, count{at: time.UnixMicro(int64(seconds * 1e6)), created: get("TotalCallCreated"), ok: get("SuccessfulCall(C)"),
			refused: get("GenericCounter1(C)"), sent: get("Retransmissions(C)")})
	}
	return list
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

// between is how many calls began within a window, and how many ended well; lines are a second apart, so the ends are interpolated.
func between(list []count, from, to time.Time) (created, ok float64) {
	a, b := at(list, from), at(list, to)
	return b.created - a.created, b.ok - b.refused - a.ok + a.refused
}

func at(list []count, when time.Time) count {
	i, _ := slices.BinarySearchFunc(list, when, func(c count, t time.Time) int { return c.at.Compare(t) })
	if i == 0 || i >= len(list) {
		if len(list) == 0 {
			return count{}
		}
		return list[min(i, len(list)-1)]
	}
	a, b := list[i-1], list[i]
	part := float64(when.Sub(a.at)) / float64(b.at.Sub(a.at))
	mid := func(x, y float64) float64 { return x + (y-x)*part }
	return count{at: when, created: mid(a.created, b.created), ok: mid(a.ok, b.ok), refused: mid(a.refused, b.refused), sent: mid(a.sent, b.sent)}
}

// percentile of a sorted list.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}
