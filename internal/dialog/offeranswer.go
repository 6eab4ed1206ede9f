package dialog

// OfferAnswer is the state of the offers and answers of one dialog (RFC 3264, RFC 3261
// §13.2.1 and §14, RFC 3262 §5, RFC 3311 §5, RFC 6337). It knows nothing of SDP: the owner
// says who sends an offer or an answer in which transaction, and is told whether that may be.
//
// The method is always that of the transaction that carries the description: "INVITE" for
// an INVITE, its responses and its ACK; "PRACK" and "UPDATE" for those and their responses.
// An answer in the PRACK to a reliable response is the answer to an offer of the INVITE.
//
// A description in an unreliable provisional response is a preview (RFC 6337 §3.1.1) and is
// not told here. Each early dialog of a forked INVITE starts with a copy.
//
// The zero value is a dialog without any exchange. It is comparable plain data.
type OfferAnswer struct {
	offer   side   // who waits for an answer
	carrier method // transaction of that offer
	invite  side   // whose INVITE is under way: no final response yet
	owed    bool   // that INVITE had no offer; its reliable response must bring one
	agreed  bool   // an exchange has been completed
}

type side uint8

const (
	nobody side = iota
	local
	remote
)

type method uint8

const (
	other method = iota
	invite
	prack
	update
)

func methodOf(name string) method {
	switch name {
	case "INVITE":
		return invite
	case "PRACK":
		return prack
	case "UPDATE":
		return update
	}
	return other
}

// Agreed tells whether an exchange has been completed, so that a session exists.
func (o *OfferAnswer) Agreed() bool { return o.agreed }

// LocalPending tells whether our offer waits for its answer.
func (o *OfferAnswer) LocalPending() bool { return o.offer == local }

// RemotePending tells whether the peer's offer waits for our answer.
func (o *OfferAnswer) RemotePending() bool { return o.offer == remote }

// OwesOffer tells whether the next reliable response to the peer's INVITE must carry our
// offer, because that INVITE had none (RFC 3261 §13.3.1).
func (o *OfferAnswer) OwesOffer() bool { return o.owed && o.invite == remote }

// Stable tells whether neither an offer nor an INVITE is under way, so that we may start a
// re-INVITE.
func (o *OfferAnswer) Stable() bool { return o.offer == nobody && o.invite == nobody }

// RemoteInvite takes an INVITE of the peer, with or without an offer. Unless OK, nothing
// changes and the INVITE is refused with the Verdict's status (RFC 3261 §14.2).
func (o *OfferAnswer) RemoteInvite(offer bool) Verdict {
	switch {
	case o.invite == local || o.offer == local:
		return Glare
	case o.invite == remote || o.offer == remote:
		return TooSoon
	}
	o.begin(remote, offer)
	return OK
}

// LocalInvite says that we send an INVITE, with or without an offer. False: not now, wait
// until Stable (RFC 3261 §14.1).
func (o *OfferAnswer) LocalInvite(offer bool) bool {
	if !o.Stable() {
		return false
	}
	o.begin(local, offer)
	return true
}

func (o *OfferAnswer) begin(who side, offer bool) {
	o.invite, o.owed = who, !offer
	if offer {
		o.offer, o.carrier = who, invite
	}
}

// RemoteOffer takes an offer of the peer. With "INVITE" it is the offer of the peer's INVITE
// or of the reliable response to our offerless one. Unless OK, nothing changes and a request
// is refused with the Verdict's status (RFC 3311 §5.2); in a response the offer is ignored.
func (o *OfferAnswer) RemoteOffer(name string) Verdict {
	m := methodOf(name)
	switch {
	case m == other:
		return Refused
	case m == invite && o.invite == local:
		if !o.owed || o.offer != nobody {
			return Refused
		}
		o.owed = false
	case m == invite:
		return o.RemoteInvite(true)
	case o.offer == local:
		return Glare
	case o.offer == remote || o.owed:
		return TooSoon
	}
	o.offer, o.carrier = remote, m
	return OK
}

// LocalOffer says that we send an offer. With "INVITE" it is the offer of our INVITE or of
// the reliable response to the peer's offerless one. False: not now.
func (o *OfferAnswer) LocalOffer(name string) bool {
	m := methodOf(name)
	switch {
	case m == other || o.offer != nobody:
		return false
	case m == invite && o.invite == remote:
		if !o.owed {
			return false
		}
		o.owed = false
	case m == invite:
		return o.LocalInvite(true)
	case o.owed:
		return false
	}
	o.offer, o.carrier = local, m
	return true
}

// RemoteAnswer takes the answer to our offer. False: there is none to answer, so the
// description is ignored (RFC 3261 §13.2.1: all but the first in the responses to INVITE).
func (o *OfferAnswer) RemoteAnswer() bool { return o.settle(local) }

// LocalAnswer says that we send the answer to the peer's offer. False: there is none to
// answer, so no description may be sent.
func (o *OfferAnswer) LocalAnswer() bool { return o.settle(remote) }

func (o *OfferAnswer) settle(offerer side) bool {
	if o.offer != offerer {
		return false
	}
	o.offer, o.carrier, o.agreed = nobody, other, true
	return true
}

// InviteDone says that the INVITE under way, ours or the peer's, has got its 2xx. A description
// in that 2xx is told before.
func (o *OfferAnswer) InviteDone() { o.invite, o.owed = nobody, false }

// Failed says that a transaction ended without success, ours or the peer's: an INVITE, or
// another that carried an offer; not one that a Verdict refused. An offer that it carried and
// that was not answered is void, and the session is as before; an exchange completed
// meanwhile stands (RFC 6141 §3.1). True when an offer was rolled back.
func (o *OfferAnswer) Failed(name string) bool {
	m := methodOf(name)
	if m == invite {
		o.InviteDone()
	}
	if o.offer == nobody || o.carrier != m {
		return false
	}
	o.offer, o.carrier = nobody, other
	return true
}
