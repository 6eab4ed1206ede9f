package b2bua

import (
	"strconv"
	"strings"
	"testing"
)

// TestRFC3264_8Forks: what a target's early dialogs are told counts for each of them alone; all go on from what its INVITE has said.
func TestRFC3264_8Forks(t *testing.T) {
	var b sayings
	for i, row := range []struct {
		toward, text string
		version      int // that it has inside
		want         int
	}{
		{"", "audio", 1, 1},
		{"one", "audio video", 2, 2},
		{"two", "audio", 1, 1}, // answered with what stands
		{"two", "audio held", 3, 2},
		{"three", "audio held", 3, 2},
		{"one", "audio video", 2, 2},
		{"one", "audio held", 3, 3},
	} {
		text := "v=0\r\no=- 7 " + strconv.Itoa(row.version) + " IN IP4 192.0.2.1\r\n" + row.text
		got := b.revise(text, "7", strconv.Itoa(row.version), 0, row.toward)
		if want := "v=0\r\no=- 7 " + strconv.Itoa(row.want) + " IN IP4 192.0.2.1\r\n" + row.text; got != want {
			t.Errorf("%d: %q, want %q", i, strings.TrimSpace(got), want)
		}
	}
}
