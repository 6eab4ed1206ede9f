package codec

// Out is what a path sends: packets without sequence numbers, as these belong to who sends them. It is used again for every packet of every
// path of a worker, so that none takes memory of its own.
type Out struct {
	Packets []Sent
	Keys    []KeyPress

	list [mostOut]Sent
	keys [4]KeyPress
	room [outRoom]byte
	pcm  [mostSamples]int16
	used int
}

// Sent is one packet to send.
type Sent struct {
	PayloadType uint8
	Marker      bool
	Timestamp   uint32 // since the path began
	Payload     []byte
}

// KeyPress is a key of DTMF that has begun to be pressed.
type KeyPress struct{ Key byte }

const (
	mostOut = 32
	outRoom = 8192
	// mostSamples bounds what one packet may hold: 120 ms at 16 kHz, the most of Opus (RFC 6716 §2.1.4).
	mostSamples = 16000 * 120 / 1000
)

// Reset makes it empty.
func (o *Out) Reset() { o.Packets, o.Keys, o.used = o.list[:0], o.keys[:0], 0 }

// free is where the next payload is written.
func (o *Out) free() []byte { return o.room[o.used:o.used:outRoom] }

// add takes a packet whose payload was appended to free. One too many is left out.
func (o *Out) add(p Sent) {
	if len(o.Packets) == mostOut || len(p.Payload) > outRoom-o.used {
		return
	}
	o.used += len(p.Payload)
	o.Packets = append(o.Packets, p)
}
