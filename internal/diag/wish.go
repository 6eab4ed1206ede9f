package diag

import "slices"

// carried are the reasons by which a call ends as one of its parties wants it.
var carried = []*Reason{NormalClearing, Transferred, CallerCancelled, Busy, NoAnswer, NoUserResponse, Declined}

// Carried tells whether the network has done its part for a call that ended so, answered or not: as ITU-T E.425 counts for the network effectiveness ratio.
func Carried(id string) bool { return has(carried, id) }

// Wished tells whether a call that ended so is nobody's failure: it was carried, its caller is not wanted, its number is not one that could be reached, or who runs the server does not want it
// here. What fails otherwise counts for alerts and health.
func Wished(id string) bool {
	return Carried(id) || has(pointless, id) || has(unwanted, id)
}

// pointless are the reasons by which a call ends that no network could have carried.
var pointless = []*Reason{CallerRefused, NotFound, NumberChanged, NumberInvalid, UnassignedNumber}

// unwanted are those by which calls are refused as the document says, or the command: the peer is to take another server, as it does in every upgrade, or to call again with a longer session
// timer, as it does at once, since who does not know how is not told to (RFC 4028 §7.3, §9).
var unwanted = []*Reason{InboundRefused, Draining, TrunkDisabled, SessionIntervalTooSmall}

func has(list []*Reason, id string) bool {
	return slices.ContainsFunc(list, func(r *Reason) bool { return r.ID == id })
}
