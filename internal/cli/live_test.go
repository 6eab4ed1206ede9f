package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// TestLiveCallsLookLikeEndedOnes has the numbers that `directsip calls` has of the same calls, and both codecs where there are two.
func TestLiveCallsLookLikeEndedOnes(t *testing.T) {
	now := time.Now()
	extension := cdr.Number{Received: "201", Normalized: "+14255550201"}
	number := cdr.Number{Received: "4255551234", Normalized: "+14255551234"}
	for want, r := range map[string]cdr.Record{
		"+14255550201 +14255551234 pbx itsp talking PCMA/PCMU":           {Calling: extension, Called: number, Answered: now, In: cdr.Leg{Trunk: "pbx", Codec: "PCMA"}, Out: &cdr.Leg{Trunk: "itsp", Codec: "PCMU"}},
		"+14255550201 +14255551234 pbx itsp talking PCMA":                {Calling: extension, Called: number, Answered: now, In: cdr.Leg{Trunk: "pbx", Codec: "PCMA"}, Out: &cdr.Leg{Trunk: "itsp", Codec: "PCMA"}},
		"+14255550201 +14255551234 pbx itsp talking held by caller PCMA": {Calling: extension, Called: number, Answered: now, HeldBy: "caller", In: cdr.Leg{Trunk: "pbx", Codec: "PCMA"}, Out: &cdr.Leg{Trunk: "itsp", Codec: "PCMA"}},
		"+14255550201 +14255551234 pbx itsp talking held PCMA":           {Calling: extension, Called: number, Answered: now, HeldBy: "both", In: cdr.Leg{Trunk: "pbx", Codec: "PCMA"}, Out: &cdr.Leg{Trunk: "itsp", Codec: "PCMA"}},
		"alice 7 pbx - calling -":                                        {Calling: cdr.Number{Received: "alice"}, Called: cdr.Number{Received: "7"}, In: cdr.Leg{Trunk: "pbx"}},
	} {
		r.ID, r.Start = "id", now
		var b strings.Builder
		writeLive(&b, []cdr.Record{r}, 0)
		_, line, _ := strings.Cut(strings.TrimSpace(b.String()), "\n")
		f := strings.Fields(line)
		if f = f[2:]; f[4] == "talking" {
			f = append(f[:5], f[6:]...) // since when
		}
		if got := strings.Join(f, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestClockThatIsSetDuringACall by hours ages no call: its server says how long it has run.
func TestClockThatIsSetDuringACall(t *testing.T) {
	for _, by := range []time.Duration{-5 * time.Hour, 5 * time.Hour} {
		start := time.Now().Add(-by)
		r := cdr.Record{ID: "id", Start: start, Answered: start.Add(2 * time.Second), Running: 12 * time.Second}
		var list, why strings.Builder
		if writeLive(&list, []cdr.Record{r}, 0); !strings.Contains(list.String(), "talking 10s ") {
			t.Errorf("set by %v:\n%s", by, list.String())
		}
		if WriteWhy(&why, &r); !strings.Contains(why.String(), "has lasted 10s so far") {
			t.Errorf("set by %v:\n%s", by, why.String())
		}
	}
}

// TestTransferUnderWay: what has no result while the call runs may still get one.
func TestTransferUnderWay(t *testing.T) {
	r := cdr.Record{Transfers: []cdr.Transfer{{By: "caller", To: "sip:7@pbx.test", How: "invite"}}}
	for _, want := range []string{"under way", "without a result"} {
		var b strings.Builder
		if writeTransfers(&b, &r); !strings.HasSuffix(b.String(), "by calling the target  "+want+"\n") {
			t.Errorf("not %s:\n%s", want, b.String())
		}
		r.End = time.Now()
	}
}
