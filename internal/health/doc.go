// Package health decides whether a trunk's peer is fit to be called. One Trunk is one pure state machine; it never
// sends anything and never reads a clock.
//
// # States
//
//	Up        calls go to it
//	Degraded  calls go to it, but after the other trunks of the same route
//	HalfOpen  it is coming back: a few trial calls at a time keep its place, the others treat it as Down
//	Down      tried only after everything else
//
//	            misses, failures            probe answered, or a call succeeded,
//	   ┌─────┐ ────────────► ┌──────┐       or (no probes) time ran out          ┌──────────┐
//	   │ Up  │               │ Down │ ─────────────────────────────────────────► │ HalfOpen │
//	   └─────┘ ◄┐            └──────┘ ◄───────────────────────────────────────── └──────────┘
//	      ▲     │ Degraded      ▲       a probe missed or a trial call failed         │
//	      │     └───┬───────────┘                                                     │
//	      └─────────┴─────────────────────────────────────────────────────────────────┘
//	               HalfOpenCalls successful calls, or two more answered probes
//
// # Evidence
//
// Three kinds of evidence count, because each of them lies alone: a switch may answer OPTIONS while its lines are
// dead, and may ignore OPTIONS while it carries calls.
//
//   - Probes: OPTIONS every OptionsInterval; every OptionsIntervalDown while one is missing or the trunk is down, twice
//     as often while half open. OptionsMisses misses in a row: Down; one less: Degraded.
//   - Live calls: FailuresDown peer faults in a row: Down; half of them: Degraded. Any call that the peer treated as a
//     call (answered, ringing, busy, unknown number) is a success. Congestion (503, no circuit) never means Down: as many
//     in a row as would mean Down make the trunk Degraded.
//   - Transport: a call that finds no connection is one that failed, and counts as a missed probe too; the next probe is
//     sent at once.
//
// # What counts as alive
//
// With OptionsUpCodes, those codes and no other. Without, every response (200, 404, 405, 481, 483, 401, 500 …) but
// three: 408 and 504, which a proxy sends in the name of a peer that does not answer, and 503, with which a peer
// says itself that it is out of service.
//
// # Coming back
//
// A trunk that went down because probes were missed is Up within about 2.2 OptionsIntervalDown of answering again.
// A trunk that went down because calls failed while probes were answered waits: OptionsIntervalDown at first, twice as
// long each time a trial call fails, at most twelve times as long. Answered probes alone do not make it Up; trial calls
// must succeed (or, where no call comes, ten probes in a row; then the next failure takes it down again).
// A trunk without probes lives on calls alone, with the same waiting times. One whose peer has carried calls and never answered a probe goes down when nothing speaks
// for it, as any other, and comes back like one without probes: no answer will say that it may.
package health
