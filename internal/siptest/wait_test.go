package siptest

import (
	"testing"
	"time"
)

// An incoming call is there before its script opens its media: who waits for audio then waits for that, too, and not without end.
func TestWaitForAudioBeforeTheAnswer(t *testing.T) {
	tt, pbx, gw := pair(t)
	gate := make(chan struct{})
	gw.Answer(Custom(func(*Call) bool { <-gate; return true }), OK())
	call := tt.Dial(pbx, gw.Addr(), uri)
	in := tt.Incoming(gw, 1)
	heard := make(chan error)
	go func() { heard <- in.WaitTone(tt.Context(), 440) }()
	select {
	case err := <-heard:
		t.Fatalf("before the answer: %v", err)
	case <-time.After(20 * time.Millisecond): // it must go on waiting
	}
	close(gate)
	tt.Must(<-heard)
	call.Hangup()
	tt.Wait(in, Ended)

	gw.Answer(Reject(486))
	busy := tt.Dial(pbx, gw.Addr(), uri)
	tt.Wait(busy, Failed)
	if err := tt.Incoming(gw, 2).WaitTone(tt.Context(), 440); err == nil {
		t.Error("a call that was refused has audio")
	}
}
