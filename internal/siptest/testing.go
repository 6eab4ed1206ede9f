package siptest

import (
	"context"
	"strings"
	"time"
)

// TB is the part of *testing.T that a Tester needs; this package does not import testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// Tester makes agents whose errors fail a test.
type Tester struct {
	tb     TB
	ctx    context.Context
	agents []*Agent
	allow  []string
}

// T makes a Tester with 20 seconds of time. At the end of the test it closes the agents, fails the test for
// each violation of a peer that was not allowed, and prints the ladders if the test failed.
func T(tb TB) *Tester {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t := &Tester{tb: tb, ctx: ctx}
	tb.Cleanup(func() {
		cancel()
		t.end()
	})
	return t
}

// Agent is NewAgent.
func (t *Tester) Agent(cfg Config) *Agent {
	t.tb.Helper()
	a, err := NewAgent(cfg)
	if err != nil {
		t.tb.Fatalf("%v", err)
	}
	t.agents = append(t.agents, a)
	return a
}

// Context ends with the Tester's time.
func (t *Tester) Context() context.Context { return t.ctx }

// Allow expects violations that contain the text.
func (t *Tester) Allow(text string) { t.allow = append(t.allow, text) }

// Dial is Agent.Dial.
func (t *Tester) Dial(from *Agent, addr, uri string, opts ...Option) *Call {
	t.tb.Helper()
	c, err := from.Dial(t.ctx, addr, uri, opts...)
	if err != nil {
		t.tb.Fatalf("%v", err)
	}
	return c
}

// Incoming is Agent.Incoming.
func (t *Tester) Incoming(a *Agent, n int) *Call {
	t.tb.Helper()
	c, err := a.Incoming(t.ctx, n)
	if err != nil {
		t.tb.Fatalf("%v", err)
	}
	return c
}

// Wait waits for each kind in turn.
func (t *Tester) Wait(c *Call, kinds ...Kind) {
	t.tb.Helper()
	for _, k := range kinds {
		t.Must(c.Wait(t.ctx, k))
	}
}

// Must fails the test for an error.
func (t *Tester) Must(err error) {
	t.tb.Helper()
	if err != nil {
		t.tb.Fatalf("%v", err)
	}
}

func (t *Tester) end() {
	t.tb.Helper()
	for _, a := range t.agents {
		if err := a.Close(); err != nil {
			t.tb.Errorf("closing %s: %v", a.Name(), err)
		}
		for _, v := range a.Violations() {
			if !t.allowed(v) {
				t.tb.Errorf("violation seen by %s", v)
			}
		}
	}
	if t.tb.Failed() {
		for _, a := range t.agents {
			t.tb.Logf("ladder of %s (%s)\n%s", a.Name(), a.Addr(), a.Ladder())
		}
	}
}

func (t *Tester) allowed(v string) bool {
	for _, a := range t.allow {
		if strings.Contains(v, a) {
			return true
		}
	}
	return false
}
