package cdr

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var answered = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const there = "192.0.2.20:4000"

// flows is a side that is heard for a minute.
func flows(m Media) Media {
	m.Packets, m.Announced = 3000, there
	if m.First.IsZero() {
		m.First = answered
	}
	if m.Last.IsZero() {
		m.Last = answered.Add(time.Minute)
	}
	return m
}

// lasted is an answered call of a minute with the media of its caller and callee.
func lasted(caller, callee Media) *Record {
	caller.From, callee.From = "caller", "callee"
	return &Record{Start: answered.Add(-2 * time.Second), Answered: answered, End: answered.Add(time.Minute), In: Leg{Trunk: "pbx", Remote: "198.51.100.1:5060"}, Out: &Leg{Trunk: "itsp", Remote: "198.51.100.2:5060"},
		Media: []Media{callee, {Stream: 1, From: "caller"}, caller}}
}

// TestJudge has the cause of each kind of silence, and of bad audio, with the evidence in the sentence.
func TestJudge(t *testing.T) {
	late, early := answered.Add(20*time.Second), answered.Add(-time.Second)
	told := func(expected uint64) Media { return Media{Evidence: &Evidence{Expected: expected}} } // by reports
	for _, c := range []struct {
		cause, says string
		m, back     Media
	}{
		{"heard", "3000 packets, 0.0 % lost", flows(Media{}), Media{}},
		{"heard", `MOS 4.4; the callee on trunk "itsp" reports 1.5 % lost on the whole way, MOS 4.1.`, flows(Media{Quality: &Quality{Arrived: Heard{MOS: 441}, Reported: &Heard{MOS: 412, Loss: 150}}}), Media{}},
		// Nothing passed.
		{"srtp-key", "12 packets of SRTP came that its key does not open", Media{Unauthentic: 12, SRTP: "X"}, Media{}},
		{"no-keys", "12 packets came under SRTP", Media{Unauthentic: 12, Evidence: &Evidence{KeysFailed: true}}, Media{}},
		{"elsewhere", "from 203.0.113.9:5000, which may not send by rtpLatching of its trunk; its SDP says 10.0.0.5:4000",
			Media{Gated: 30, GatedFrom: "203.0.113.9:5000", Announced: "10.0.0.5:4000"}, Media{}},
		{"elsewhere", "900 packets came from 203.0.113.9:5002, another port of who was heard from 203.0.113.9:5000 before: its NAT has forgotten it",
			flows(Media{Last: late, Gated: 900, GatedFrom: "203.0.113.9:5002", Source: "203.0.113.9:5000", Evidence: &Evidence{Since: Refusals{Gated: 900}}}), Media{}},
		{"elsewhere", "since the answer: 70 packets came from 203.0.113.9:5002, another port of who",
			flows(Media{First: early, Last: early, Gated: 70, GatedFrom: "203.0.113.9:5002", Source: "203.0.113.9:5000", Evidence: &Evidence{Since: Refusals{Gated: 70}}}), Media{}},
		{"srtp-key+elsewhere", "12 packets of SRTP came that its key does not open, the one that its SDP says: it encrypts with another, or not at all; and 9 packets came from",
			Media{Unauthentic: 12, Gated: 9, Announced: there}, Media{}},
		{"srtp-key", "does not open", Media{Unauthentic: 12, Gated: 3, Announced: there}, Media{}},
		{"srtp-key", "does not open", Media{Unauthentic: 1200, Gated: 3, Announced: there}, Media{}},
		{"send-error", "9 packets could not be sent on to the callee on trunk \"itsp\" (network is unreachable)", Media{Evidence: &Evidence{SendErrors: 9, SendError: "network is unreachable"}}, Media{}},
		{"other-source", "9 packets came of another SSRC", Media{Dropped: 9, Evidence: &Evidence{OtherSource: 9}}, Media{}},
		{"rtcp-port", "9 packets of RTP came to the port for RTCP", Media{Dropped: 9, Evidence: &Evidence{Misported: 9}}, Media{}},
		{"oversize", "9 packets came that are longer", Media{Dropped: 9, Evidence: &Evidence{Oversized: 9}}, Media{}},
		{"ice", "9 packets of STUN", Media{Dropped: 9, Evidence: &Evidence{STUN: 9}}, Media{}},
		{"dtls", "4 packets of DTLS", Media{Dropped: 9, Evidence: &Evidence{STUN: 5, DTLS: 4}}, Media{}},
		{"held", "50 packets that came all the same", Media{Held: true, Dropped: 50, Announced: there}, Media{}},
		{"held", "hold, or receive only", Media{Held: true, Dropped: 50, Evidence: &Evidence{OnHold: 50}}, Media{}},
		{"on-hold", `the callee on trunk "itsp" has it on hold by its SDP, and 50`, Media{Dropped: 50, Evidence: &Evidence{OnHold: 50}}, Media{}},
		{"zero-address", "gives 0.0.0.0 as the address of its media", Media{Dropped: 50, Evidence: &Evidence{OnHold: 50}}, Media{Evidence: &Evidence{Unusable: "0.0.0.0"}}},
		{"nowhere", "50 packets came while the callee on trunk \"itsp\" had not said where", Media{Dropped: 50, Evidence: &Evidence{Nowhere: 50}}, Media{}},
		{"unchecked-there", "50 packets came while no check of ICE had come from", Media{Dropped: 50, Evidence: &Evidence{Nowhere: 50}}, Media{Evidence: &Evidence{Unchecked: true}}},
		{"consent-there", "50 packets came after the callee on trunk \"itsp\" had answered no check", Media{Dropped: 50, Evidence: &Evidence{Nowhere: 50}}, Media{Evidence: &Evidence{ICE: true, Lapsed: true}}},
		{"consent-there", "50 packets came after the callee", flows(Media{Last: late, Dropped: 50, Evidence: &Evidence{Nowhere: 50, Since: Refusals{Nowhere: 50}}}), Media{Evidence: &Evidence{ICE: true, Lapsed: true}}},
		{"consent", "900 packets came from 192.0.2.9:7, after it had answered no check", flows(Media{Last: late, Gated: 900, GatedFrom: "192.0.2.9:7", Announced: there, Evidence: &Evidence{ICE: true, Lapsed: true, Since: Refusals{Gated: 900}}}), Media{}},
		{"unusable", "50 packets came that are no RTP, or repeat others", Media{Dropped: 50, Announced: there}, Media{}},
		{"dtls-unfinished", "handshake of DTLS-SRTP with it has not succeeded: it failed", Media{Unauthentic: 12, Evidence: &Evidence{KeysFailed: true, Unshaken: true, UnshakenWhy: "it failed"}}, Media{}},
		{"ice-unchecked", "12 packets came from 192.0.2.9:7, from where no check", Media{Gated: 12, GatedFrom: "192.0.2.9:7", Announced: there, Evidence: &Evidence{ICE: true, Unchecked: true}}, Media{}},
		{"unfit", "12 packets came of a payload type that", Media{Dropped: 12, Evidence: &Evidence{Unfit: 12}}, Media{}},
		{"no-keys-there", "with which there are no keys of SRTP", Media{Dropped: 12, Evidence: &Evidence{Unsealed: 12}}, Media{}},
		{"no-keys-there", "12 packets could not go on to the callee on trunk \"itsp\", with which the handshake", Media{Dropped: 12, Evidence: &Evidence{Unsealed: 12}}, Media{Evidence: &Evidence{Unshaken: true}}},
		// Nothing came.
		{"ice-unchecked", "not certain why, but no check of ICE", Media{Announced: there, Evidence: &Evidence{ICE: true, Unchecked: true}}, Media{}},
		{"ice-unchecked+dtls-unfinished", "it may be that no check of ICE", Media{Announced: there, Evidence: &Evidence{ICE: true, Unchecked: true, Unshaken: true}}, Media{}},
		{"held", "hold, or receive only", Media{Held: true, Announced: there}, Media{}},
		{"no-address", "never said", Media{}, Media{}},
		{"rtcp-only", "7 packets of RTCP", Media{RTCP: 7, Announced: there}, Media{}},
		{"rtp-filtered", "has sent 900 packets of RTP, and none came to 10.1.1.1:49152", Media{RTCP: 7, Announced: there, Evidence: &Evidence{SaysSent: 900, Ours: "10.1.1.1:49152"}}, Media{}},
		{"port-closed", "came back 4 times (ICMP: connection refused): nobody",
			Media{Announced: there, Evidence: &Evidence{Refused: 4, RefusedWhy: "connection refused", FirstRefused: answered, LastRefused: late}}, Media{}},
		{"port-closed", "not certain why, but of what was sent to it at 192.0.2.20:4000 4 packets came back (ICMP: connection refused), all within 200ms",
			Media{Announced: there, Evidence: &Evidence{Refused: 4, RefusedWhy: "connection refused", FirstRefused: answered, LastRefused: answered.Add(200 * time.Millisecond)}}, Media{}},
		// A few packets may be a stranger's, and of a hold that began.
		{"nothing+elsewhere", "not certain why, it may be that nothing came to", Media{Gated: 3, GatedFrom: "203.0.113.9:5000", Announced: there}, Media{}},
		{"nothing+on-hold", "not certain why", Media{Dropped: 1, Announced: there, Evidence: &Evidence{OnHold: 1}}, Media{}},
		{"rtp-filtered", "has sent 900", Media{RTCP: 7, Gated: 3, Announced: there, Evidence: &Evidence{SaysSent: 900}}, Media{}},
		{"private", "10.0.0.5:4000, a private address, and its signalling comes from 198.51.100.1:5060", Media{Announced: "10.0.0.5:4000"}, Media{}},
		{"private", "100.64.0.5:4000, a private address", Media{Announced: "100.64.0.5:4000"}, Media{}},
		{"private", "169.254.7.5:4000, which nobody reaches but itself and its neighbours, and its signalling comes from 198.51.100.1:5060: it does not know its address", Media{Announced: "169.254.7.5:4000"}, Media{}},
		{"private", "127.0.0.1:4000, which nobody reaches but itself", Media{Announced: "127.0.0.1:4000"}, Media{}},
		{"our-private", "it was told to send to 10.1.1.1:49152, a private address of this server", Media{Announced: there, Evidence: &Evidence{Ours: "10.1.1.1:49152"}}, Media{}},
		{"our-private+private", "not certain why, it may be that it was told to send to 10.1.1.1:49152", Media{Announced: "10.0.0.5:4000", Evidence: &Evidence{Ours: "10.1.1.1:49152"}}, Media{}},
		{"nothing", "192.0.2.20:4000: look at firewalls", Media{Announced: there}, Media{}},
		{"nothing", "nothing came to 203.0.113.2:49152, which NAT in front of this server is to send on to 10.1.1.1:49152. Its SDP", Media{Announced: there, Evidence: &Evidence{Ours: "203.0.113.2:49152", Here: "10.1.1.1:49152"}}, Media{}},
		{"timestamps", "stand still, in 40 of 41", flows(Media{Evidence: &Evidence{Still: 40, Measured: 41}}), Media{}},
		{"heard", "", flows(Media{Evidence: &Evidence{Still: 20, Measured: 41}}), Media{}},
		{"reverse-path", "not certain why, but this host drops what arrives from there by eth0, as answers leave by eth1", Media{Announced: there, Evidence: &Evidence{Arrives: "eth0", Leaves: "eth1"}}, Media{}},
		{"private+table-full", "or that this host dropped packets about then", Media{Announced: "10.0.0.5:4000", Evidence: &Evidence{Full: true}}, Media{}},
		// Not all the time.
		{"early-only", "came before, the last 1s before the answer", flows(Media{First: early, Last: early}), Media{}},
		{"elsewhere", "since the answer: 70 packets came from", flows(Media{First: early, Last: early, Gated: 70, Evidence: &Evidence{Since: Refusals{Gated: 70}}}), Media{}},
		{"late", "from 20s after the answer", flows(Media{First: late}), Media{}},
		{"stopped", "until 40s before the end", flows(Media{Last: late}), Media{}},
		{"on-hold", "has it on hold", flows(Media{Last: late, Dropped: 2000, Evidence: &Evidence{OnHold: 2000, Since: Refusals{OnHold: 2000}}}), Media{}},
		{"port-closed", "so it has closed its port", flows(Media{Last: late, Evidence: &Evidence{Refused: 9, RefusedWhy: "connection refused", FirstRefused: late, LastRefused: late.Add(30 * time.Second)}}), Media{}},
		{"stopped", "until 40s before the end, then its packets stopped.", flows(Media{Last: late, Evidence: &Evidence{Refused: 1, RefusedWhy: "connection refused",
			FirstRefused: answered.Add(time.Minute), LastRefused: answered.Add(time.Minute)}}), Media{}},
		{"heard", "", flows(Media{Last: late, Held: true}), Media{}},
		// What did not pass before something was heard for the last time is not in the way.
		{"stopped", "until 40s before the end, then its packets stopped.", flows(Media{Last: late, Dropped: 2000, Evidence: &Evidence{OnHold: 2000}}), Media{}},
		{"stopped", "until 40s before the end", flows(Media{Last: late, Gated: 200, Unauthentic: 300, SRTP: "X", Evidence: &Evidence{Since: Refusals{Gated: 3}}}), Media{}},
		{"srtp-key", "300 packets of SRTP came that its key does not open", flows(Media{Last: late, Gated: 900, Unauthentic: 700, SRTP: "X", Evidence: &Evidence{Since: Refusals{Unauthentic: 300}}}), Media{}},
		{"early-only", "came before", flows(Media{First: early, Last: early, Gated: 70}), Media{}},
		// Strangers' packets may hide the peer's own, and need not be its.
		{"nothing+elsewhere", "; or that 900 packets came from several hosts, 203.0.113.9:5000 among them, which may not send by rtpLatching of its trunk; its SDP says 192.0.2.20:4000.",
			Media{Gated: 900, GatedFrom: "203.0.113.9:5000", Announced: there, Evidence: &Evidence{Scattered: true}}, Media{}},
		{"nothing+elsewhere", "not certain why", Media{Gated: 90000, GatedFrom: "203.0.113.9:5000", Announced: there}, Media{}},
		{"elsewhere", "", Media{Gated: 5900, GatedFrom: "203.0.113.9:5000", Announced: there}, Media{}}, // 100 a second
		{"held", "3000 packets that came all the same", Media{Gated: 90000, GatedFrom: "203.0.113.9:5000", Held: true, Dropped: 3000, Announced: there}, Media{}},
		{"elsewhere+stopped", "not certain why", flows(Media{Last: late, Gated: 90000, GatedFrom: "203.0.113.9:5000", Evidence: &Evidence{Scattered: true, Since: Refusals{Gated: 900}}}), Media{}},
		{"nothing+ice", "or that it sent 1 packets of STUN", Media{Dropped: 1, Announced: there, Evidence: &Evidence{STUN: 1}}, Media{}},
		// Nobody need listen before the answer.
		{"port-closed", "not certain why, but of what was sent to it at 192.0.2.20:4000 9 packets came back (ICMP: connection refused), all within 10s: nobody listened there then", Media{Announced: there, Evidence: &Evidence{Refused: 9, RefusedWhy: "connection refused", FirstRefused: early.Add(-8 * time.Second), LastRefused: answered.Add(time.Second)}}, Media{}},
		{"heard", "", flows(Media{}), Media{Announced: there, Evidence: &Evidence{Refused: 9, RefusedWhy: "connection refused", FirstRefused: early.Add(-8 * time.Second), LastRefused: early}}},
		{"sources", "its 3000 packets change their source (SSRC) 2999 times", flows(Media{Evidence: &Evidence{Sources: 3000}}), Media{}},
		{"heard", "", flows(Media{Evidence: &Evidence{Sources: 300}}), Media{}}, // each half a second has one of its own
		{"heard", "", flows(Media{Quality: &Quality{Anew: true}, Evidence: &Evidence{Sources: 3000}}), Media{}},
		// Comfort noise and nothing else, and the packets of who keeps the way open.
		{"silence", "not certain why, but its packets, 12 in all, describe comfort noise (RFC 3389)", Media{Packets: 12, Announced: there, First: answered, Last: answered.Add(time.Minute), Evidence: &Evidence{PayloadType: 13, Noise: 11}}, Media{}},
		{"silence", "not certain why", Media{Packets: 1, Announced: there, First: answered, Last: answered.Add(time.Minute), Evidence: &Evidence{PayloadType: 19}}, Media{}},
		{"heard", "", flows(Media{Evidence: &Evidence{PayloadType: 13, Noise: 40}}), Media{}},
		{"payload-type", "4 of its packets have payload type 20", Media{Packets: 4, Announced: there, First: answered, Last: answered.Add(time.Minute), Evidence: &Evidence{PayloadType: 20, Foreign: 4, ForeignType: 20}}, Media{}},
		// Hold for a part of the call.
		{"nothing", "nothing came to", Media{Held: true, Announced: there, Evidence: &Evidence{HeldFor: 10 * time.Second}}, Media{}},
		{"held", "hold, or receive only", Media{Announced: there, Evidence: &Evidence{HeldFor: 55 * time.Second}}, Media{}},
		{"heard", "", flows(Media{Last: late, Evidence: &Evidence{HeldFor: 38 * time.Second}}), Media{}},
		{"heard", "", flows(Media{First: late, Evidence: &Evidence{HeldFor: 18 * time.Second}}), Media{}},
		{"heard", "", flows(Media{Last: late, Evidence: &Evidence{Unusable: "0.0.0.0"}}), Media{}},
		{"stopped", "until 40s before the end", flows(Media{Last: late, Evidence: &Evidence{Unusable: "fd00::1"}}), Media{}},
		{"held", "not certain why, but its SDP gives 0.0.0.0", Media{Evidence: &Evidence{Unusable: "0.0.0.0"}}, Media{}},
		{"stopped", "until 40s before the end", flows(Media{Last: late, Held: true, Evidence: &Evidence{HeldFor: 5 * time.Second}}), Media{}},
		// Who has the other one on hold need not play anything.
		{"heard", `it sent nothing for the last 40s, in which it had the callee on trunk "itsp" on hold.`, flows(Media{Last: late}), Media{Held: true, Evidence: &Evidence{HeldFor: 39 * time.Second}}},
		{"heard", "", flows(Media{Last: late, Held: true, Evidence: &Evidence{HeldFor: 38 * time.Second}}), Media{Held: true, Evidence: &Evidence{HeldFor: 38 * time.Second}}},
		{"stopped", "until 40s before the end", flows(Media{Last: late, Held: true, Evidence: &Evidence{HeldFor: 20 * time.Second}}), Media{Held: true, Evidence: &Evidence{HeldFor: 20 * time.Second}}},
		{"stopped", "until 40s before the end", flows(Media{Last: late}), Media{Held: true, Evidence: &Evidence{HeldFor: 20 * time.Second}}},
		{"stopped", "until 40s before the end", flows(Media{Last: late}), Media{Evidence: &Evidence{HeldFor: 39 * time.Second}}},
		// Who leaves silence out may have been listening.
		{"heard", "", flows(Media{Last: answered.Add(40 * time.Second), Evidence: &Evidence{Noise: 3}}), Media{}},
		{"heard", "", flows(Media{Last: answered.Add(40 * time.Second), Evidence: &Evidence{PayloadType: 18}}), Media{}},
		{"heard", "", flows(Media{First: late, Evidence: &Evidence{Pauses: 2}}), Media{}},
		{"stopped", "not certain why, but until 40s before the end", flows(Media{Last: late, Evidence: &Evidence{Noise: 3}}), Media{}},
		{"early-only", "not certain why", flows(Media{First: early, Last: early, Evidence: &Evidence{PayloadType: 13}}), Media{}},
		// T.38 in the place of audio, or a stream that was given up.
		{"heard", "", flows(Media{Last: late, Evidence: &Evidence{Over: true}}), Media{}},
		// T.38 begins late and ends early, and the machine that listens is silent before.
		{"heard", "3000 packets, 0.0 % lost on the way here, 70 of them of T.38.", flows(Media{First: late, Evidence: &Evidence{Over: true, T38: 70}}), Media{}},
		{"heard", "", flows(Media{Quality: &Quality{Sampled: 60, Silent: 60}, Evidence: &Evidence{Over: true, T38: 70}}), flows(Media{Evidence: &Evidence{Over: true, T38: 70}})},
		{"nothing", "No T.38 of the caller on trunk \"pbx\" came, and 70 packets of it from the other side: nothing came to", flows(Media{Announced: there, Evidence: &Evidence{Over: true}}), flows(Media{Evidence: &Evidence{Over: true, T38: 70}})},
		{"nothing", "No T.38 of the caller on trunk \"pbx\" came", Media{Announced: there, Evidence: &Evidence{Over: true}}, flows(Media{Evidence: &Evidence{Over: true, T38: 70}})},
		// What is in them.
		{"payload-type", "2900 of its packets have payload type 96", flows(Media{Evidence: &Evidence{Foreign: 2900, ForeignType: 96}}), Media{}},
		{"heard", "", flows(Media{Evidence: &Evidence{Foreign: 60, ForeignType: 96}}), Media{}},
		{"codec", "does not fit their payload type in 50 of 58 that were measured (the last was 8)", flows(Media{Evidence: &Evidence{PayloadType: 8, Measured: 58, Misfit: 50}}), Media{}},
		{"silence", "all 60 packets that were looked into are digital silence", flows(Media{Quality: &Quality{Sampled: 60, Silent: 60}}), Media{}},
		{"silence", "not certain why, but all 5 packets", flows(Media{Quality: &Quality{Sampled: 5, Silent: 5}}), Media{}},
		{"heard", "", flows(Media{Quality: &Quality{Sampled: 4, Silent: 4}}), Media{}},
		{"heard", "", flows(Media{Quality: &Quality{Sampled: 60, Silent: 59}}), Media{}},
		{"heard", "lost on the way here; in 5 pauses it sent nothing, and no comfort noise (RFC 3389).", flows(Media{Evidence: &Evidence{Pauses: 5}}), Media{}},
		{"heard", "lost on the way here.", flows(Media{Evidence: &Evidence{Pauses: 4}}), Media{}},
		{"heard", "lost on the way here.", flows(Media{Evidence: &Evidence{Pauses: 50, Noise: 1}}), Media{}},
		// RTCP in the clear beside SRTP, or alone.
		{"heard", "lost on the way here; 12 packets of its RTCP came in the clear, where SRTCP was agreed on, and were dropped: ", flows(Media{SRTP: "AES_CM_128_HMAC_SHA1_80", Evidence: &Evidence{Clear: 12}}), Media{}},
		{"heard", "lost on the way here.", flows(Media{SRTP: "AES_CM_128_HMAC_SHA1_80", RTCP: 12, Evidence: &Evidence{Clear: 1}}), Media{}}, // before the keys were known
		{"heard", "lost on the way here.", flows(Media{Evidence: &Evidence{Clear: 12}}), Media{}},                                           // no SRTP in the end
		{"rtcp-clear", "not certain why, but it sent 12 packets of RTCP in the clear, where SRTCP was agreed on with it, and no RTP: ", Media{Announced: there, SRTP: "AES_CM_128_HMAC_SHA1_80", Evidence: &Evidence{Clear: 12}}, Media{}},
		// Behind us.
		{"send-error", "was heard only for a part of the call: 2000 packets could not be sent on to the callee on trunk \"itsp\" (operation not permitted), 3000 could", flows(Media{Evidence: &Evidence{SendErrors: 2000, SendError: "operation not permitted"}}), Media{}},
		{"unreachable", "what goes to 192.0.2.20:4000 comes back (ICMP: connection refused, 9 times)", flows(Media{}),
			Media{Announced: there, Evidence: &Evidence{Refused: 9, RefusedWhy: "connection refused", FirstRefused: answered, LastRefused: late}}},
		{"unreachable", "since its own packets stopped (ICMP: connection refused, 30 times), 40s before the end", flows(Media{}),
			flows(Media{Last: late, Evidence: &Evidence{Refused: 30, RefusedWhy: "connection refused", FirstRefused: late, LastRefused: answered.Add(55 * time.Second)}})},
		{"heard", "", flows(Media{}), Media{Announced: there, Evidence: &Evidence{Refused: 2, FirstRefused: late, LastRefused: late.Add(time.Second)}}}, // as it hung up
		{"heard", "", flows(Media{}), flows(Media{Evidence: &Evidence{Refused: 9, FirstRefused: answered, LastRefused: late}})},                         // another target, before
		{"lost-beyond", "by its RTCP 990 of 1000 packets have not reached it", flows(Media{}), Media{Evidence: &Evidence{Expected: 1000, Missed: 990}}},
		{"lost-beyond", "not certain why, but by its RTCP 990 of 1000 packets have not reached it, and 3000 came here: they are lost between this server and it, if that is so",
			flows(Media{}), Media{Evidence: &Evidence{Expected: 1000, Missed: 990, Doubtful: true}}},
		{"old-port", "not certain why, but the packets go to 203.0.113.9:5000, where it was until 40s before the end; 900 packets came from 203.0.113.9:5002",
			flows(Media{}), flows(Media{Last: late, Gated: 900, GatedFrom: "203.0.113.9:5002", Source: "203.0.113.9:5000"})},
		{"heard", "", flows(Media{}), flows(Media{Last: late, Gated: 900, GatedFrom: "203.0.113.8:5002", Source: "203.0.113.9:5000"})},
		{"heard", "", flows(Media{}), flows(Media{Gated: 900, GatedFrom: "203.0.113.9:5002", Source: "203.0.113.9:5000"})},
		{"deaf", "not certain why, but its last 5 RTCP packets report of nothing", flows(Media{}), flows(Media{Evidence: &Evidence{Reports: 3, Deaf: 5}})},
		{"heard", "", flows(Media{}), flows(Media{Evidence: &Evidence{Deaf: 5}})}, // it never reports
		{"to-private", "", flows(Media{}), Media{Announced: "100.64.0.5:4000"}},
		{"to-private", "not certain why, but the packets go to 10.0.0.7:4000", flows(Media{}), Media{Announced: "10.0.0.7:4000"}},
		// How well.
		{"heard", "12 packets, 14.3 % lost", Media{Packets: 12, Lost: 2, Announced: there, First: answered, Last: answered.Add(time.Minute), Evidence: &Evidence{Noise: 3}}, Media{}},
		{"loss", "5.7 %", flows(Media{Lost: 180}), Media{}},
		{"jitter", "6.0 % of its packets came more than 60 ms late", flows(Media{Quality: &Quality{Arrived: Heard{Late: 600}}}), Media{}},
		{"overload", "6.0 % of its packets waited in this server for more than 60 ms", flows(Media{Quality: &Quality{Arrived: Heard{Late: 600}}, Evidence: &Evidence{Waited: 200}}), Media{}},
		{"jitter", "6.0 % of its packets came more than 60 ms late", flows(Media{Quality: &Quality{Arrived: Heard{Late: 600}}, Evidence: &Evidence{Waited: 80}}), Media{}},
		{"loss+overload", "9.0 % of its packets were lost on the way here, or in queues of this server that were full; and 6.0 %", flows(Media{Quality: &Quality{Arrived: Heard{Loss: 900, Late: 600}}, Evidence: &Evidence{Waited: 200}}), Media{}},
		{"overload+jitter", "8.0 % of its packets waited in this server for more than 60 ms, until most telephones throw them away: it has too little CPU; and 7.0 %",
			flows(Media{Quality: &Quality{Arrived: Heard{Late: 1500}}, Evidence: &Evidence{Waited: 240}}), Media{}},
		{"loss+jitter", "5.0 % of its packets were lost on the way here; and 6.0 %", flows(Media{Quality: &Quality{Arrived: Heard{Loss: 500, Late: 600}}}), Media{}},
		{"heard", "reports 3.0 % lost from here.", flows(Media{Quality: &Quality{Anew: true, Reported: &Heard{Loss: 300}}}), Media{}},
		{"loss+loss-beyond", "reports that 6.0 % of what is coded anew for it are lost", flows(Media{Quality: &Quality{Anew: true, Arrived: Heard{Loss: 500}, Reported: &Heard{Loss: 600}}}), told(1000)},
		{"loss-beyond", "not certain", flows(Media{Quality: &Quality{Arrived: Heard{Loss: 100}, Reported: &Heard{Loss: 700}}}), Media{Evidence: &Evidence{Expected: 1000, Doubtful: true}}},
		{"loss-beyond", "reports that 7.0 % are lost on the whole way, and on the way here 1.0 % were", flows(Media{Quality: &Quality{Arrived: Heard{Loss: 100}, Reported: &Heard{Loss: 700}}}), told(1000)},
		{"heard", "reports 6.7 % lost on the whole way", flows(Media{Quality: &Quality{Reported: &Heard{Loss: 667}}}), told(15)}, // since a transfer
		{"heard", "reports 6.7 % lost from here", flows(Media{Quality: &Quality{Anew: true, Reported: &Heard{Loss: 667}}}), told(15)},
	} {
		r := lasted(c.m, c.back)
		got := r.Judge(r.End)
		if len(got) != 2 || got[0].From != "caller" || got[0].Cause != c.cause || !strings.Contains(got[0].Text, c.says) || !strings.HasSuffix(got[0].Text, ".") {
			t.Errorf("%s: %+v", c.cause, got)
			continue
		}
		if certain := !strings.Contains(got[0].Text, "not certain"); got[0].Certain != certain && c.cause != "nothing" {
			t.Errorf("%s is certain: %v, and says %s", c.cause, got[0].Certain, got[0].Text)
		}
		running := *r
		running.End = time.Time{}
		if again := running.Judge(r.End); len(again) != 2 || again[0] != got[0] {
			t.Errorf("%s, while it runs: %+v", c.cause, again)
		}
	}
}

// TestJudgeAfterATransfer: a verdict is on who was there in the end.
func TestJudgeAfterATransfer(t *testing.T) {
	r := lasted(flows(Media{}), flows(Media{Trunk: "pstn", Remote: "198.51.100.3:5060", Evidence: &Evidence{Pauses: 5}}))
	if trunk, remote := r.Party("callee"); trunk != "pstn" || remote != "198.51.100.3:5060" {
		t.Errorf("the callee is %s at %s", trunk, remote)
	}
	if trunk, remote := r.Party("caller"); trunk != "pbx" || remote != "198.51.100.1:5060" {
		t.Errorf("the caller is %s at %s", trunk, remote)
	}
	for _, a := range r.Judge(r.End) {
		if strings.Contains(a.Text, "itsp") || a.From == "callee" && !strings.Contains(a.Text, `the callee on trunk "pstn"`) && !strings.Contains(a.Text, `The callee on trunk "pstn"`) {
			t.Errorf("%s: %s", a.From, a.Text)
		}
	}
	if got := (&Record{}).Judge(r.End); len(got) != 0 {
		t.Errorf("of a call to nobody: %v", got)
	}
}

// TestJudgeOfSeveral: what is a sum over all who had a place is not said for certain of who had it last.
func TestJudgeOfSeveral(t *testing.T) {
	bad := &Quality{Arrived: Heard{Loss: 700}}
	silent := &Quality{Sampled: 60, Silent: 60}
	gone := Media{Trunk: "pstn", Evidence: &Evidence{Expected: 1000, Missed: 990}}
	for _, c := range []struct {
		cause, text    string
		caller, callee Media
	}{
		{"loss", "not certain why, but 7.0 % of its packets were lost on the way here, counted over all who had a place", flows(Media{}), flows(Media{Trunk: "pstn", Quality: bad})},
		{"loss", "not certain", flows(Media{Trunk: "pstn", Quality: bad}), flows(Media{})},
		{"silence", "not certain", flows(Media{}), flows(Media{Trunk: "pstn", Quality: silent})},
		{"lost-beyond", "not certain", flows(Media{}), gone},
	} {
		r := lasted(c.caller, c.callee)
		got := r.Trouble(r.End)
		got = slices.DeleteFunc(got, func(a Audio) bool { return a.Cause != c.cause })
		if len(got) != 1 || got[0].Certain || !strings.Contains(got[0].Text, c.text) {
			t.Errorf("%s: %+v", c.cause, got)
		}
	}
	r := lasted(flows(Media{}), flows(Media{Quality: bad}))
	if got := r.Trouble(r.End); len(got) != 1 || !got[0].Certain {
		t.Errorf("without a transfer: %+v", got)
	}
	r = lasted(flows(Media{Quality: bad}), flows(Media{Trunk: "pstn"}))
	if got := r.Trouble(r.End); len(got) != 1 || !got[0].Certain {
		t.Errorf("of who was there all the time: %+v", got)
	}
}

// TestJudgeWhatIsHeard: the verdict is of the m-line that is listened to, wherever it stands: of the audio behind video, of T.38 beside audio that was refused, and of
// that behind speech.
func TestJudgeWhatIsHeard(t *testing.T) {
	line := func(n int, kind string, caller, callee Media) []Media {
		caller.Stream, caller.Kind, caller.From = n, kind, "caller"
		callee.Stream, callee.Kind, callee.From = n, kind, "callee"
		return []Media{caller, callee}
	}
	over := Media{Evidence: &Evidence{Over: true}}
	fax := flows(Media{Evidence: &Evidence{Over: true, T38: 3000}})
	short := Media{Packets: 20, First: answered, Last: answered.Add(time.Second), Evidence: &Evidence{Over: true, T38: 20}}
	spoke := flows(Media{Evidence: &Evidence{Over: true}})
	for _, c := range []struct {
		name, caller, callee string
		media                []Media
	}{
		{"video first, whose audio is heard from one side", "heard", "nothing", append(line(0, "video", flows(Media{}), flows(Media{})), line(1, "", flows(Media{}), Media{Announced: there})...)},
		{"video first that is refused", "heard", "heard", append(line(0, "video", over, over), line(1, "", flows(Media{}), flows(Media{}))...)},
		{"video behind, from one side", "heard", "heard", append(line(0, "", flows(Media{}), flows(Media{})), line(1, "video", flows(Media{}), Media{Announced: there})...)},
		{"audio in two alternatives, of which the second lives", "heard", "nothing", append(line(0, "", over, over), line(1, "", flows(Media{}), Media{Announced: there})...)},
		{"fax beside audio that is refused", "heard", "heard", append(line(0, "", over, over), line(1, "image", fax, fax)...)},
		{"such a fax from one side", "heard", "no-address", append(line(0, "", over, over), line(1, "image", fax, over)...)},
		{"a fax behind speech", "heard", "heard", append(line(0, "", spoke, spoke), line(1, "image", fax, fax)...)},
		{"a fax from one side behind speech", "no-address", "heard", append(line(0, "", spoke, spoke), line(1, "image", over, fax)...)},
		{"a short one alone", "heard", "heard", line(0, "image", short, short)},
		{"presentations beside audio", "heard", "heard", append(line(0, "", flows(Media{}), flows(Media{})), line(1, "application", fax, over)...)},
		{"a fax behind speech from one side", "", "heard", append(line(0, "", over, spoke), line(1, "image", over, over)...)},
	} {
		r := lasted(Media{}, Media{})
		r.Media = c.media
		again, err := DecodeBinary(r.AppendBinary(nil))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, a := range again.Judge(r.End) {
			if got[a.From] != "" {
				t.Errorf("%s: two verdicts on the %s", c.name, a.From)
			}
			got[a.From] = a.Cause
		}
		if got["caller"] != c.caller || got["callee"] != c.callee {
			t.Errorf("%s: %v, want %q and %q", c.name, got, c.caller, c.callee)
		}
	}
}

// A stream that never had a packet and is no audio is not judged, and one that stopped when somebody else came is.
func TestJudgeOtherThings(t *testing.T) {
	r := lasted(Media{Evidence: &Evidence{Over: true}}, flows(Media{Last: answered.Add(20 * time.Second)}))
	r.Transfers = []Transfer{{At: answered.Add(15 * time.Second), Took: 6 * time.Second, Status: 486}}
	if got := r.Judge(r.End); len(got) != 1 || got[0].From != "callee" || got[0].Cause != "stopped" || strings.Contains(got[0].Text, "transferred") {
		t.Errorf("%+v", got)
	}
	r.Transfers = append(r.Transfers, Transfer{At: answered.Add(15 * time.Second), Took: 6 * time.Second, Status: 200})
	if got := r.Judge(r.End); !strings.HasSuffix(got[0].Text, "then its packets stopped, when the call was transferred: of two who were there in turn one was heard.") {
		t.Errorf("%+v", got)
	}
}

// The worst of a call is found by R, as scores of a wideband and of a telephone codec are of unlike scales.
func TestWorst(t *testing.T) {
	if got := lasted(Media{}, flows(Media{Quality: &Quality{}})).Worst(); got != nil {
		t.Errorf("%v of nothing", got)
	}
	if got := lasted(Media{}, Media{Packets: LeastRated - 2, Lost: 1, Quality: &Quality{Arrived: Heard{R: 9000, MOS: 430}}}).Worst(); got != nil {
		t.Errorf("%v of less than two seconds", got)
	}
	phone, poor, wide := Heard{R: 9300, MOS: 440}, Heard{R: 4000, MOS: 210}, Heard{R: 9900, MOS: 390, Wideband: true}
	for _, x := range []struct{ a, b, reported, want Heard }{
		{phone, phone, poor, poor},
		{wide, phone, Heard{}, phone}, // though its score is the higher one
		{wide, wide, poor, poor},
		{wide, wide, Heard{}, wide},
	} {
		if got := lasted(flows(Media{Quality: &Quality{Arrived: x.a, Reported: &x.reported}}), flows(Media{Quality: &Quality{Arrived: x.b}})).Worst(); got == nil || *got != x.want {
			t.Errorf("%+v, want %+v", got, x.want)
		}
	}
}

// Too little is said rather than too much.
func TestNothingToJudge(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"a call of a second":      func(r *Record) { r.End = answered.Add(time.Second) },
		"not answered":            func(r *Record) { r.Answered = time.Time{} },
		"media that passes us":    func(r *Record) { r.Media = nil },
		"answered by this server": func(r *Record) { r.Out = nil },
	} {
		r := lasted(Media{}, Media{})
		change(r)
		if got := r.Judge(r.End); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	r := lasted(flows(Media{}), Media{Announced: there})
	if got := r.Trouble(r.End); len(got) != 1 || got[0].From != "callee" {
		t.Errorf("%+v", got)
	}
}

func TestPoor(t *testing.T) {
	for _, q := range []*Quality{nil, {}, {Reported: &Heard{}}} {
		if r := lasted(Media{Quality: q}, Media{}); r.Poor() {
			t.Errorf("%+v is poor", q)
		}
	}
	for _, q := range []*Quality{{Arrived: Heard{Poor: "MOS"}}, {Reported: &Heard{Poor: "loss"}}} {
		if r := lasted(Media{Quality: q}, Media{}); !r.Poor() {
			t.Errorf("%+v is not poor", q)
		}
	}
}

func TestHundredth(t *testing.T) {
	for v, want := range map[Hundredth]string{441: "4.41", 100: "1", 0: "0", -2050: "-20.5", 5: "0.05"} {
		b, _ := v.MarshalJSON()
		var back Hundredth
		if err := back.UnmarshalJSON(b); err != nil || string(b) != want || back != v {
			t.Errorf("%d: %s, back %d, %v", int64(v), b, int64(back), err)
		}
	}
}

// BenchmarkTrouble is what a healthy call costs.
func BenchmarkTrouble(b *testing.B) {
	r := lasted(flows(Media{Quality: &Quality{}, Evidence: &Evidence{}}), flows(Media{Quality: &Quality{}, Evidence: &Evidence{}}))
	b.ReportAllocs()
	for b.Loop() {
		if r.Trouble(r.End) != nil {
			b.Fatal("it is not")
		}
	}
}
