package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/store"
)

// fits tells of every line whether a terminal of so many columns has room for it; what is said in words below a row may go on in the next line.
func fits(t *testing.T, name, text string, room int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > room && !strings.HasPrefix(line, "  ") {
			t.Errorf("%s at %d columns: %d in %q", name, room, utf8.RuneCountInString(line), line)
		}
	}
}

// TestListsFitTheTerminal: what is asked for at night is read on 80 columns, and nothing of what names a call, a trunk or its state is lost in that.
func TestListsFitTheTerminal(t *testing.T) {
	now := time.Now()
	trunks := []server.TrunkView{
		{Name: "teams1", Kind: "uc", Peer: "sip.pstnhub.microsoft.com:5061", Transport: "TLS", Port: 5061, State: "up", Since: now.Add(-70 * 24 * time.Hour), Why: "since the start",
			LastProbe: now, RTT: 14 * time.Millisecond, Calls: 118, MaxCalls: 200},
		{Name: "provider-of-the-branch", Kind: "sbc", Peer: "[2001:db8:1234:5678::1]:5060", Transport: "UDP", Port: 5060, State: "half-open", Since: now.Add(-90 * time.Second),
			Why: "OPTIONS answered with 200", LastProbe: now, Tried: 20, Failed: 19, Registration: &server.RegistrationView{State: "refused", Error: "403 Forbidden", Next: now}},
	}
	calls := []store.Summary{{ID: "v0ylhikufmjrgklt", Start: now.Add(-30 * 24 * time.Hour), Answered: now.Add(-30 * 24 * time.Hour), End: now, Calling: "+33478000011", Called: "+4915112345678",
		TrunkIn: "lyon-avaya", TrunkOut: "provider-of-the-branch", Tried: []string{"teams1", "itsp"}, Status: 200, Reason: "unsupported-extension", EndedBy: "directsip", MOS: 440, Poor: true}}
	running := []cdr.Record{{ID: "v0ylhikufmjrgklt", Start: now, Answered: now, Calling: cdr.Number{Received: "+33478000011"}, Called: cdr.Number{Received: "+4915112345678"}, HeldBy: "caller",
		In: cdr.Leg{Trunk: "provider-of-the-branch", Codec: "G722"}, Out: &cdr.Leg{Trunk: "lyon-avaya", Codec: "PCMA"}}}
	for _, room := range []int{80, 100, 120, 160} {
		var b bytes.Buffer
		writeTrunks(&b, trunks, room)
		fits(t, "trunks", b.String(), room)
		for _, want := range []string{"teams1", "provider-of", "half-open", "70d0h", "1m30s", "118/200", "OPTIONS answered with 200; answered last 0s ago", "registration: refused: 403 Forbidden", "  has failed 19 of 20 calls that were tried on it within an hour\n"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("at %d columns trunks lacks %q:\n%s", room, want, b.String())
			}
		}
		var at []int // where the states stand: in one column, whatever stands below the rows
		for line := range strings.Lines(b.String()) {
			for _, state := range []string{"STATE", " up ", "half-open"} {
				if i := strings.Index(line, state); i > 0 {
					at = append(at, i+strings.Index(state, strings.TrimSpace(state)))
				}
			}
		}
		if len(at) != 3 || at[0] != at[1] || at[1] != at[2] {
			t.Errorf("the columns are not straight, at %v:\n%s", at, b.String())
		}
		if strings.Contains(b.String(), "since the start") {
			t.Errorf("what is well needs no words:\n%s", b.String())
		}
		b.Reset()
		writeHistory(&b, calls, room)
		fits(t, "calls", b.String(), room)
		for _, want := range []string{"v0ylhiku", "+33478000011", "+491511", "unsupporte"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("at %d columns calls lacks %q:\n%s", room, want, b.String())
			}
		}
		b.Reset()
		writeLive(&b, running, room)
		fits(t, "calls --live", b.String(), room)
		if !strings.Contains(b.String(), "held by caller") {
			t.Errorf("at %d columns:\n%s", room, b.String())
		}
	}
	var b bytes.Buffer
	silent := []server.TrunkView{{Name: "gw", State: "down", Why: "OPTIONS not answered", LastProbe: now.Add(-5 * time.Hour)}, {Name: "pbx", State: "down", Why: "OPTIONS not answered"}}
	if writeTrunks(&b, silent, 0); !strings.Contains(b.String(), "ANSWERED") || strings.Count(b.String(), "5h0m ago") != 1 {
		t.Errorf("when a trunk has answered last is not told:\n%s", b.String())
	}
	b.Reset()
	if writeTrunks(&b, silent, 60); !strings.Contains(b.String(), "  OPTIONS not answered; answered last 5h0m ago\n") || !strings.Contains(b.String(), "  OPTIONS not answered\n") {
		t.Errorf("when a trunk has answered last is not told on a narrow terminal:\n%s", b.String())
	}
	b.Reset()
	short := store.Summary{ID: calls[0].ID, Start: now, Calling: "alice", Called: "+33478123456", TrunkIn: "lyon-avaya", TrunkOut: "itsp", Tried: []string{"gw"}, Reason: "busy"}
	if writeHistory(&b, []store.Summary{short}, 68); !strings.Contains(b.String(), "itsp after gw") {
		t.Errorf("what there is room for is cut:\n%s", b.String())
	}
	b.Reset()
	if writeHistory(&b, calls, 80); !strings.Contains(b.String(), "without BY, MOS, STATUS, TALK, IN: the terminal has 80 columns; --wide shows all") {
		t.Errorf("what is left out is not told:\n%s", b.String())
	}
	calls[0].Audio, calls[0].TrunkOut, calls[0].Tried = []string{"callee: nothing"}, "itsp", nil
	b.Reset()
	if writeHistory(&b, calls, 100); !strings.Contains(b.String(), "callee: nothing") {
		t.Errorf("what was heard badly is left out first:\n%s", b.String())
	}
	fits(t, "calls --audio", b.String(), 100)
	st := statistics{Total: sums{Calls: 123456, Answered: 100000, Talk: 1234567 * time.Second}, By: map[string][]sums{
		"out":     {{Key: "provider-of-the-branch-in-lyon", Calls: 123456, Answered: 100000, Talk: 1234567 * time.Second, WentOn: 1234}},
		"failure": {{Key: "unsupported-extension", Calls: 17, Text: reasonText("unsupported-extension")}}}}
	b.Reset()
	st.write(&b, []string{"out", "failure"}, 10, 80)
	fits(t, "report", strings.ReplaceAll(b.String(), "     ", "-----"), 80)
	for _, want := range []string{"WENT ON", "1234\n", "provider-of", "unsupported-extension", "--wide shows all"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, b.String())
		}
	}
	b.Reset()
	if writeTrunks(&b, trunks, 0); strings.Count(b.String(), "\n") != 3 || !strings.Contains(b.String(), "[2001:db8:1234:5678::1]:5060") ||
		!strings.Contains(b.String(), "OPTIONS answered with 200; has failed 19 of 20 calls") {
		t.Errorf("who has room, or asks by a pipe, has a line for each trunk:\n%s", b.String())
	}
}

// TestRoomOfTheTerminal: a terminal of its own tells how wide it is, and a pipe has no width.
func TestRoomOfTheTerminal(t *testing.T) {
	terminal := pseudoTerminal(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 93}); err != nil {
		t.Fatal(err)
	}
	a := &app{out: terminal}
	if got := a.roomUnless(false); got != 93 {
		t.Errorf("%d columns", got)
	}
	if a.roomUnless(true) != 0 || (&app{out: &bytes.Buffer{}}).room() != 0 {
		t.Error("who wants it wide, or is no terminal, has all room")
	}
}

// TestTimesOfListsAreTaken: what a narrow list says of a time is what --since takes.
func TestTimesOfListsAreTaken(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 30, 0, 0, time.Local)
	for said, want := range map[string]time.Time{
		"14:05:09":         time.Date(2026, 3, 2, 14, 5, 9, 0, time.Local),
		"03-01 23:59:59":   time.Date(2026, 3, 1, 23, 59, 59, 0, time.Local),
		"12-31 08:00:00":   time.Date(2025, 12, 31, 8, 0, 0, 0, time.Local),
		"2025-03-02 08:00": time.Date(2025, 3, 2, 8, 0, 0, 0, time.Local),
	} {
		if got := shortClock(want, now); got != said {
			t.Errorf("%v is said as %q, want %q", want, got, said)
		}
		if got, err := when(said, now); err != nil || got != want.UTC().Format(time.RFC3339) {
			t.Errorf("%q is %s, %v", said, got, err)
		}
	}
	if got, err := when("08:15", now); err != nil || got != "2026-03-02T06:15:00Z" {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"25:00", "13-01 10:00", "8"} {
		if got, err := when(bad, now); err == nil {
			t.Errorf("%q is %s", bad, got)
		}
	}
}
