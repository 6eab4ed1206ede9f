// Package relay carries RTP and RTCP between the two sides of each stream of a call.
//
// A packet comes to one of our ports, is looked at (12 octets), must pass the port's source gate, is counted, and leaves
// through our port of the other side. Nothing is allocated for it. Signalling says what it wants with Open, Update and
// Close; what it must know comes back as events: the first packet of a side, and its silence.
//
// # Who may send
//
// RTP has no authentication, and our port range is easily sprayed. A relay that takes the first packet that comes lets
// anyone who hits an open port hear the call ("RTP bleed"). So each port has a gate:
//
//   - With LatchOff only the address of the peer's SDP passes, to the port.
//   - Else sources have a rank: the announced address and port; the announced host with another port, since NAT and some
//     gateways change only that; the host that the peer's signalling comes from, since a peer behind NAT announces a private
//     address, but its signalling and its media share the public one. Each latches with its first packet.
//   - With LatchPeer nobody else ever passes, whatever it sends and however silent the peer is.
//   - With LatchAny another host may, below all those, once it has proved itself with five packets over at least 200 ms.
//     The first that goes on is the one. That keeps sprays out, not somebody who knows the port and goes on.
//   - What is latched stays. Only a source of higher rank takes over, so the announced address always wins in the end,
//     and nobody takes over from it.
//   - A changed Relatch (new SDP) opens the gate again. If the announced address is the same, a session refresh for
//     example, the source that was latched needs no new proof and remains the destination meanwhile.
//   - When the peer has said again what stands (a session refresh), who is latched may go on from another port of its host, once, as after a NAT has forgotten
//     it: at once with the same SSRC and numbers that go on, or within 30 seconds with a payload type that was agreed on, once it has proved itself while the latched source is silent.
//   - RTCP must come from the host that RTP comes from, or before any RTP from one that it may come from by the signalling;
//     its port is learnt.
//
// Packets that do not pass are counted as Gated, never forwarded, and do not keep a call alive. The latched source is
// also where packets to that side go (symmetric RTP, RFC 4961). An attacker who can forge the announced address on the
// path is stopped by SRTP only.
//
// # What passes
//
// RTP and RTCP of version 2; STUN, DTLS and anything else is dropped, except where a side has it (below), DTLS of a Sealed stream, which goes from peer
// to peer, and on an Opaque stream (T.38), where only the gate decides. A side on hold has its RTP dropped, and still counts as alive; RTCP goes on (RFC 3264 §5.1). Under
// FixedSSRC a packet with another SSRC is dropped, and its sender counts as alive, too. RTCP passes without the names and addresses of its sources, which have
// others here, unless the peers have keys of their own.
//
// What is no RTP that goes on from what came before, RTCP, T.38, repetitions, and what is coded anew, passes up to a bound (mostIrregular), so that media does not go
// round for ever where legs of ours have each other for their peers.
//
// # Handshakes
//
// A side whose keys come from DTLS (RFC 5764) has an association on each of its ports. The worker tells records by their first octet (RFC 7983) and
// hands them to the goroutine of the handshake through a short queue; what that sends leaves by the port's carrier. A record must come from where media
// may come from; a ClientHello that comes ahead of the answer, which says where that is, waits for it. When the certificate fits the fingerprint the keys are put in place under the session's mutex, and packets are carried as with any
// other keys. The goroutine stays to answer repetitions until a packet shows that the peer has the keys, too, and ends without a close_notify. A ClientHello
// with another random begins another handshake, and the keys stay until that has succeeded. Handshakes have a bound in number and in time.
//
// # Checks
//
// On a side with ICE (RFC 8445) each port answers checks, and they take the place of the ranks above: a source that has sent one with our password passes,
// nobody else, and media goes to the one that the peer has nominated, or before that to the one that its media comes from. The bound of sources is small;
// the one that media goes to is never pushed out.
//
// A full component checks, too (agent): one check in 50 ms, given their beat by one goroutine that runs while anybody looks for a pair, and then one in five
// seconds for consent (RFC 7675), by the sweep. Media goes to nobody who has not answered a check. Where checks of the peer come from elsewhere later on it is
// checked there, too, and media follows once nothing comes from where it was.
//
// # Threads
//
// A session belongs to one worker. The session's mutex is held for the one packet that is being carried, and by
// signalling for a few assignments; a socket is given back only after it was taken out of its port under that mutex,
// and the ready list names sockets with a generation, so a reused descriptor number is never mistaken. A socket that
// was warm stays with its worker, and the session that takes it over goes there too; where it gets sockets of two
// workers, the mutex keeps its packets apart. Silence is looked for by one sweep for all sessions. There is no
// goroutine and no timer per session.
//
// # Warm sockets
//
// Opening and closing four sockets costs more than everything else that signalling asks for. So the sockets of a closed
// session stay bound for a few seconds (Config.Warm), and a session that opens the same address and port takes them
// over with one system call, which asks whether packets wait in them. Those are thrown away, so nothing that came before
// Open is ever relayed; what comes to a warm socket meanwhile is read and thrown away too (Totals.Late). It pays when ports come back before the time is over: media.Ports gives out those that
// rested before those that were never used, and Warm should exceed its quarantine.
//
// Warm sockets are in nobody's way. Their number has a bound; they are closed when descriptors or memory run out, when
// a session wants their port at another address that excludes theirs, when the host loses their address, and at
// Shutdown. An error of Open is the same as without them, except that for so long no other program can have the port.
//
// # Peers that have settled
//
// A port of which the peer has sent for a while, and that sends to it, gets a second socket that is connected to it (connected). The first stays, and hears everybody
// else; what a datagram may do does not depend on the socket that it came by. When a quarter of all descriptors are in use there are no more second ones.
//
// # What is played
//
// Announcements, tones and music are sent by the worker itself (player), to one side of a session at a time, 20 ms a packet, at the beat of one
// timer for all that a worker plays.
//
// # Tiers
//
// Which packets pass is decided without I/O (port.receive); how datagrams get in and out is the stream's carrier. A UDP socket per port works
// anywhere on Linux without rights. With CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW ports have no sockets: the kernel steers what comes to them into
// one socket per worker (package steer; see block for how servers of one host keep apart), and it leaves through one raw socket per worker, so that a system call moves many packets and calls take
// no descriptors. Nothing is warm then, since there is nothing to keep. What passes, what is counted and what is noticed is the same, and so are
// the tests.
//
// Above both, with CAP_BPF and CAP_NET_ADMIN, the kernel itself relays what is regular in a direction of a stream (package fastpath). A packet has
// passed here first, and its turn is over; then the flow is installed that takes those which follow it. What may change where they go takes the flow
// back before (session.recall): signalling, another source, a player, the host's routes. So does a packet that is not regular, which is then dealt with
// as ever. Streams whose packets must all be seen are never there (stream.userSpace). With CAP_PERFMON it also opens and seals SRTP and crosses the laws of G.711 there
// (stream.changes); a flow that is taken back says which packets it has let in, so that none is let in again (receiver.fresh).
package relay
