// Package fastpath relays RTP in the kernel: an eBPF program on the ingress of network devices (tcx) counts, readdresses and sends on the
// packets of the flows that the relay has installed. Whatever else arrives goes on to the stack, and so to the sockets of the relay, which
// stay bound: user space decides, the kernel carries out.
//
// A flow is one direction: from one address and port of a peer to one of ours. The kernel takes what follows in it regularly: RTP version 2 of its SSRC and payload
// type, without marker, with a newer sequence number, whose clock has not jumped. All else is for user space, where what it
// means is known: a repetition, a talkspurt, another source, RTCP. So is what the stack does better: options, extension headers, fragments, what
// the receiving device has put together, and what is longer than 1280 octets, as only the stack learns the MTU of a path. When user space has
// sent such a packet on, it installs the flow anew behind it. The kernel waits for that, with a gap where the packet was, but for 15 ms only: then
// it goes on, for more streams than user space can carry must be able to come back from there.
//
// On the way a flow may have its payload type changed, one law of G.711 made of the other, and SRTP of AES in counter mode opened, sealed, or both (RFC 3711): see bpf/change.h. The
// key streams for that are made here, in memory shared with the kernel, some packets ahead (Secret). What is not genuine is left to the stack as it came. Without
// CAP_PERFMON, or on a kernel whose verifier finds that too much, flows are only sent on (Table.Plain).
//
// The table is memory shared with the kernel. So to install, read or take out a flow costs no system call, and since whoever works on a flow
// locks it, none is counted that user space does not see. The next hop, its link address and the device's queue are the kernel's, by the routes of
// the moment.
//
// Filters of this host (nftables) do not see the packets of a flow, in neither direction; programs on tcx in front of this one do.
//
// Nothing is pinned: program, table and attachments live as long as the process.
package fastpath

//go:generate go tool bpf2go -cc clang -strip llvm-strip -cflags "-O2 -g -Wall -Werror -mcpu=v3 -fno-strict-aliasing" object bpf/flow.c
