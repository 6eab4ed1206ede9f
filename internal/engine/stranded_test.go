package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/health"
)

const routesOf = `
pools:
  pool.test: {servers: {med1.test: {addresses: [192.0.2.1]}}}
  far.test: {servers: {far1.test: {addresses: [192.0.2.9]}}}
gateways:
  a: {host: 192.0.2.2, root: {transport: UDP, pool: pool.test}}
  b: {host: 192.0.2.3, root: {transport: UDP, pool: pool.test}}
  off: {host: 192.0.2.4, root: {transport: UDP, pool: pool.test, enabled: false}}
  far: {host: 192.0.2.5, root: {transport: UDP, pool: far.test}}
trunks:
  tenant: {carrier: a, contactHost: tenant.example.com}
usages: [all]
voicePolicy: staff
voicePolicies: {staff: {usages: [all]}}
routes:
  - {name: both, pattern: '^\+1', usages: [all], trunks: [a, b]}
  - {name: alone, pattern: '^\+2', usages: [all], trunks: [a, off, far]}
  - {name: derived, pattern: '^\+3', usages: [all], trunks: [tenant]}
  - {name: other, pattern: '^\+4', usages: [all], trunks: [b]}
`

// OPS-13: a route that has lost its last trunk is told once, and that it has one again.
func TestOPS13RouteWithoutTrunk(t *testing.T) {
	snap := compile(t, routesOf)
	var log bytes.Buffer
	e := &Engine{log: slog.New(slog.NewTextHandler(&log, nil))}
	e.board.Configure(snap, snap.ServerByName("med1.test"))
	for i, step := range []struct {
		trunk    string
		from, to health.State
		want     string // the routes that are told of
	}{
		{"a", health.Up, health.Degraded, ""},
		{"a", health.Degraded, health.Down, "ERROR alone, ERROR derived"},
		{"a", health.Down, health.HalfOpen, ""},
		{"a", health.HalfOpen, health.Down, ""},
		{"b", health.Up, health.Down, "ERROR both, ERROR other"},
		{"b", health.Down, health.HalfOpen, ""},
		{"b", health.HalfOpen, health.Up, "INFO both, INFO other"},
		{"a", health.HalfOpen, health.Up, "INFO alone, INFO derived"},
		{"b", health.Up, health.Down, "ERROR other"},
	} {
		log.Reset()
		trunk := snap.TrunkByName(step.trunk)
		e.board.publish(trunk, health.Status{State: step.to})
		e.tellRoutes(snap, trunk, health.Event{From: step.from, To: step.to, Why: "for a test"})
		var got []string
		for line := range strings.Lines(log.String()) {
			_, level, _ := strings.Cut(line, "level=")
			_, route, _ := strings.Cut(line, "route=")
			got = append(got, strings.Fields(level)[0]+" "+strings.Fields(route)[0])
		}
		if g := strings.Join(got, ", "); g != step.want {
			t.Errorf("step %d, %s from %v to %v: %s, want %s\n%s", i+1, step.trunk, step.from, step.to, g, step.want, log.String())
		}
	}
}
