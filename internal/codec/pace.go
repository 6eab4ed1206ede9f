package codec

// pace is how fast the clock of a source runs, where that may be twice what its codec has it.
type pace struct {
	sequence    uint16 // of the last packet of speech
	payloadType uint8
	timestamp   uint32
	lasts       uint32 // how long it is, in the clock of its codec
	row         uint8  // steps in a row that are of the other pace
	twice       bool
}

// mostOdd is after how many steps of the other pace a source is taken to have it: one may be a pause as long as a packet.
const mostOdd = 2

// paced is the clock of a source whose next packet of speech this is. Taken for one of its codec, one that is twice as fast would seem to pause after every packet.
func (p *Path) paced(input *Input, in *Packet) uint32 {
	k := &p.pace
	if !input.Hasty {
		*k = pace{}
		return input.Clock
	}
	step := in.Timestamp - k.timestamp
	if k.lasts != 0 && in.PayloadType == k.payloadType && in.Sequence == k.sequence+1 {
		other := 2 * k.lasts
		if k.twice {
			other = k.lasts
		}
		if k.row++; step != other {
			k.row = 0
		}
		if k.row == mostOdd {
			k.row, k.twice = 0, !k.twice
			if k.twice {
				p.ahead += int(int64(k.lasts) * int64(p.config.Rate) / int64(input.Clock)) // what was taken for a pause
			}
		}
	}
	k.sequence, k.payloadType, k.timestamp, k.lasts = in.Sequence, in.PayloadType, in.Timestamp, 0
	if k.twice {
		return 2 * input.Clock
	}
	return input.Clock
}
