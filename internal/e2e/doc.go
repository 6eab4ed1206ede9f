// Package e2e has tests only: the real program against real peers.
//
// Each test writes a document, runs `directsip serve` on addresses of its own (127.x.y.0/24, or network namespaces), and lets SIPp,
// baresip and sockets by hand play gateways, PBXs and strangers. When a test ends, its server must have stopped cleanly,
// with no call, no media session and no record too many or too few.
//
// SIPp comes from Debian's package sip-tester, baresip from baresip-core, Net::SIP from libnet-sip-perl, speech from espeak-ng and sox.
package e2e
