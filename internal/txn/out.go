package txn

import "github.com/directsip/directsip/internal/sip"

// Out collects what the world must do. Machines append, the owner drains.
type Out struct {
	Sends []Send
}

// Send asks for one message to be put on the wire.
type Send struct {
	Hop  sip.Hop
	Data []byte // the whole message; shared with retransmissions, never changed
	// CallID and Branch let a failure to send find its way back to the transaction.
	CallID, Branch string
	Again          bool // a retransmission; left out of ladders
}
