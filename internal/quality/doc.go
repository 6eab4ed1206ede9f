// Package quality says how well a stream of RTP does: by what arrives, by what RTCP tells of the other end, and in the terms of the E-model, as a
// rating R and a mean opinion score. Pure: packets and times come in, figures go out. Nothing is allocated for a packet.
//
// Losses tells bursts from gaps (RFC 3611 §4.7.2), Lateness counts what came too late for a receiver's buffer, Levels measures G.711, Witness reads RTCP
// (RFC 3550 §6, RFC 3611), Append writes it, and Rate is ITU-T G.107.
package quality
