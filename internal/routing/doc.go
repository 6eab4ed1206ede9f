// Package routing decides where a call goes, and what a failed attempt means for the next one. Both are pure
// functions: Decide of a snapshot, a query and the state of the trunks; Judge of a response and the trunk's settings.
//
//	s, problems := topology.Compile("directsip.yaml", document)
//	d := routing.Decide(s, &routing.Query{Trunk: s.TrunkByName("pbx"), Called: "5551234", Calling: "201"}, nil)
//	for _, line := range d.Explain() {
//		fmt.Println(line)
//	}
//
// # The order of a decision
//
//  1. Caller. On a trunk of kind uc the user is found by URI or number; on others nobody is, since a number alone would
//     lend the policy of the user to whoever claims it. A user's line replaces the number that came.
//  2. Emergency as dialled, from UC platforms, PBXs and named users: before any rule makes something else of it. An emergency service that is called by its name
//     (RFC 5031) is one from everywhere.
//  3. Inbound translation rules of the trunk (first match).
//  4. Dial plan: that of phone-context, of the user, of the trunk. First match. E.164 that no rule matches stays.
//     Then, for a call that arrives on a trunk, the first inbound rule that fits: to a user, a trunk, a refusal, or
//     another number, with which the decision goes on.
//  5. Users: reverse number lookup; for what no rule normalizes SIP URI, name and extension. Their number never leaves.
//     Before them, a call to the number of a location within the time for it goes to the caller of the last emergency
//     call that showed the number (see Callbacks).
//  6. Emergency number from elsewhere. What is one, the location policy of user or site says. Its usage replaces the
//     policy; only if that has no trunk, the caller's usages follow. No limit applies and no attempt is left out. What is
//     left of our numbers may be in a range of unassigned ones, which has a destination like an inbound rule.
//  7. Usages in order: of the user who forwards the call, of the user who makes it, of the incoming trunk (inter-trunk
//     routing); of the user's site instead where location-based routing holds. In each, the routes that match in order of
//     priority. In each, the trunks by selection: round robin, ordered or weighted.
//  8. Left out with a reason: trunks of another pool, gateways that are not routable, a trunk that is a target already,
//     the trunk that the call came in on if a gateway or provider is behind it, and trunks that location-based routing
//     keeps for another site (see MayMeet). A UC platform or PBX may get a call back.
//  9. Degraded trunks come last in their route. Trunks that are down come last of all, but they are tried. A half-open
//     trunk keeps its place; the State says HalfOpen only for as many calls as may try.
//  10. At most MaxAttempts targets. Each has its numbers from the original call, never from another attempt: caller id of
//     the route, called and calling rules of the trunk, ";ext=" left out toward telephone networks, then the plus.
//
// # What a final response means
//
// Judge applies the trunk's response rules, then the table, then finalCodes and failoverCodes.
//
//	class          next target   statuses
//	answered       no            2xx
//	redirect       yes           3xx (the owner may follow the Contact by a new decision instead)
//	peer-fault     yes           400-403 405 407-409 411-414 417 423 425 428-430 436-439 469 470 481 489 491 500 502 504,
//	                             and every 4xx and 5xx that has no row
//	congestion     yes           503
//	incompatible   yes           406 415 416 420-422 424 488 493 494 501 505 513 580 606
//	number-fault   no            404 410 484 485 604; 440 482 483: a circle, hunting would multiply it
//	user-verdict   no            433 480 486 487 600 603 607 608, and every 6xx that has no row
//
// The Q.850 cause of a Reason header says more than the status that a gateway chose for it, so it overrules 4xx and 5xx:
//
//	number-fault   1 5 22 25 28             unallocated, misdialled, changed, circle, incomplete
//	user-verdict   17 18 19 20 21 24 26     busy, no response, no answer, absent, rejected
//	               55 87 88                 barred, not member of the group, incompatible telephone
//	congestion     34 42 44 47 58           no circuit, congestion, channel or resource not available
//	incompatible   65 66 69 70 79           not implemented in this form
//	(the status)   16 23 30 31 127          says nothing
//	peer-fault     every other              2 3 no route from here, 27 38 41 out of order, 9x 1xx protocol
//
// So 486 with cause 34 hunts, 503 with cause 17 does not, 404 hunts with cause 3 and not with cause 1 or none. A 408 behind a provisional response is
// judged as with cause 19: who rang was not answered.
// For an emergency call everything but an answer hunts, also a target that rings and is not answered. What a peer says that was sent CANCEL is not judged.
package routing
