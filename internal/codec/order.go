package codec

import "time"

// Packet is an RTP packet of one source. Its payload is good until the next call of whoever gave it.
type Packet struct {
	Sequence    uint16
	Timestamp   uint32
	PayloadType uint8
	Marker      bool
	Lost        int // packets before it that never came
	Payload     []byte
}

// Order is a jitter buffer that adds delay only while a packet is missing: what comes in order goes on at once, and what comes before its
// turn waits for what is missing. How long, it learns: not at all until the network has shown that it reorders, then somewhat longer than
// packets have been late. The buffer that plays at a constant pace is the receiver's; a second one in front of it would
// add its delay and take nothing off the first. Jitter alone costs no packet that the receiver would have played; where packets overtake each other one in a
// thousand, given up before that was known.
type Order struct {
	next    uint16 // in turn
	running bool
	patient time.Duration // how long a missing packet is waited for
	since   time.Duration // when the first of the held came
	gaveUp  time.Duration // when one was given up for the last time
	again   uint16        // what would follow on the late one that came last
	row     int           // late ones in a row, each of which follows on the one before
	held    [mostHeld]heldPacket
	n       int
}

type heldPacket struct {
	Packet
	room []byte
}

const (
	mostHeld    = 8
	mostPatient = 120 * time.Millisecond
	farAhead    = 100 // packets: so far from its turn a packet is of a source that began anew
	mostLate    = 5   // packets: so many late ones that follow on one another are too, as a player whose piece begins again
)

// Put takes a packet that came at now. True: it is in turn, and goes on as it is; then Get gives those that waited for it. False: it is
// held, or late and left out.
func (o *Order) Put(p *Packet, now time.Duration) bool {
	if !o.running {
		o.running, o.next = true, p.Sequence+1
		return true
	}
	switch ahead := int(int16(p.Sequence - o.next)); {
	case ahead == 0:
		o.next++
		o.row = 0
		return true
	case ahead < 0 && ahead > -farAhead:
		if o.began(p.Sequence) {
			o.n, o.next = 0, p.Sequence+1
			return true
		}
		if o.gaveUp != 0 && now-o.gaveUp < mostPatient { // it was given up too early
			o.patient = min(o.patient+(now-o.gaveUp)*5/4, mostPatient)
		}
		return false
	case ahead < 0 || ahead > farAhead:
		o.n, o.next = 0, p.Sequence+1
		return true
	case o.patient == 0 && o.n == 0:
		p.Lost, o.next, o.gaveUp = ahead, p.Sequence+1, now
		return true
	default:
		o.hold(p, now)
		return false
	}
}

// began takes the number of a late packet and tells whether its source has begun to count anew.
func (o *Order) began(sequence uint16) bool {
	if o.row == 0 || sequence != o.again {
		o.row = 0
	}
	o.row++
	o.again = sequence + 1
	if o.row < mostLate {
		return false
	}
	o.row = 0
	return true
}

// hold keeps a packet in its place among the held. When all places are taken, the one that is missing is waited for no longer.
func (o *Order) hold(p *Packet, now time.Duration) {
	at := o.n
	for at > 0 && int16(o.held[at-1].Sequence-p.Sequence) >= 0 {
		at--
	}
	if at < o.n && o.held[at].Sequence == p.Sequence || o.n == mostHeld {
		return // a duplicate, or Get was not called
	}
	if o.n == 0 {
		o.since = now
	}
	free := o.held[o.n]
	copy(o.held[at+1:o.n+1], o.held[at:o.n])
	free.Packet = *p
	free.room = append(free.room[:0], p.Payload...)
	free.Payload = free.room
	o.held[at] = free
	o.n++
}

// Get gives the next packet that waits no more; nil: none. What it gives is good until the next Put.
func (o *Order) Get(now time.Duration) *Packet {
	if o.n == 0 {
		return nil
	}
	lost := int(o.held[0].Sequence - o.next)
	if lost > 0 && o.n < mostHeld && now-o.since < o.patient {
		return nil
	}
	first := o.held[0]
	copy(o.held[:], o.held[1:o.n])
	o.n--
	o.held[o.n] = first // its room is used again
	p := &o.held[o.n].Packet
	p.Lost, o.next = lost, p.Sequence+1
	o.since = now
	if lost > 0 {
		o.gaveUp = now
		o.patient -= o.patient / 64 // it was waited for in vain
	}
	return p
}

// Waiting tells whether packets are held, so that Get must be asked although nothing comes.
func (o *Order) Waiting() bool { return o.n > 0 }
