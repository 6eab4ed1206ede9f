package b2bua

import (
	"testing"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// TestLiveIsACopy: who watches a call reads its record while the call goes on.
func TestLiveIsACopy(t *testing.T) {
	c := &Call{rec: &cdr.Record{Attempts: make([]cdr.Attempt, 1), Transfers: make([]cdr.Transfer, 1), Played: make([]cdr.Played, 1)}}
	live := c.Live()
	c.rec.Attempts[0].Took, c.rec.Transfers[0].Took, c.rec.Played[0].Took = time.Second, time.Second, time.Second
	if live.Attempts[0].Took|live.Transfers[0].Took|live.Played[0].Took != 0 {
		t.Errorf("%+v", live)
	}
}
