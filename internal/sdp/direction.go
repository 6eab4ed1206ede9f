package sdp

// Direction is a media direction (RFC 8866 §6.7), seen from whoever wrote the description.
type Direction uint8

// The directions.
const (
	DirectionUnset Direction = iota // not stated; means sendrecv
	SendRecv
	SendOnly
	RecvOnly
	Inactive
)

// String returns the attribute name, empty for DirectionUnset.
func (d Direction) String() string {
	switch d {
	case SendRecv:
		return "sendrecv"
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	}
	return ""
}

// DirectionOf is the word for what flows, seen from whoever says it.
func DirectionOf(send, recv bool) Direction {
	switch {
	case send && recv:
		return SendRecv
	case send:
		return SendOnly
	case recv:
		return RecvOnly
	}
	return Inactive
}

// Send says whether the writer of the description sends.
func (d Direction) Send() bool { return d != RecvOnly && d != Inactive }

// Recv says whether the writer of the description wants to receive.
func (d Direction) Recv() bool { return d != SendOnly && d != Inactive }

// Reverse returns the same flow seen from the other end.
func (d Direction) Reverse() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}

// Answers says whether d is allowed in an answer to offer (RFC 3264 §6.1): no half may be on that the offer has off.
func (d Direction) Answers(offer Direction) bool {
	return (!d.Send() || offer.Recv()) && (!d.Recv() || offer.Send())
}

// withoutRecv takes the receiving half away.
func (d Direction) withoutRecv() Direction {
	if d.Send() {
		return SendOnly
	}
	return Inactive
}
