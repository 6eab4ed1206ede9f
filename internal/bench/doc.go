// Package bench measures whole processes: directsip beside Kamailio and rtpengine, under SIPp's load, on one core each.
//
// The system under test has core 0 (GOMAXPROCS=1, one shard), the load has core 1. What is reported is CPU time of the system's
// processes over a steady window, read from /proc, never wall time. Systems take turns within a round, and ratios are formed within the
// run, because absolute figures carry over to no other machine.
//
// Relays of media are compared in a network namespace each: see newNetwork. What is coded anew is real speech, and what relaying adds to memory is
// that of the relay alone.
//
// A bench is never a test: peers that are not installed are named and left out.
package bench
