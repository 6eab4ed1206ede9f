package codec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// network is how long packets take, beyond the shortest.
type network func(n int) time.Duration

const (
	packetEvery = 20 * time.Millisecond
	mostJitter  = 60 * time.Millisecond
	tenMinutes  = 30000 // packets
	skew        = 50e-6 // of the sender's clock
)

// pareto are delays with a heavy tail, as queues make them.
func pareto(r *rand.Rand) network {
	return func(int) time.Duration {
		ms := 2 * (math.Pow(1-r.Float64(), -1/1.3) - 1)
		return min(time.Duration(ms*float64(time.Millisecond)), mostJitter)
	}
}

// inBursts holds up everything for a moment, a few times a second: what was held comes at once, in order.
func inBursts(r *rand.Rand) network {
	left := time.Duration(0)
	return func(int) time.Duration {
		if left -= packetEvery; left <= 0 && r.IntN(12) == 0 {
			left = time.Duration(r.Int64N(int64(mostJitter)))
		}
		return max(left, 0)
	}
}

// byTwoWays sends some packets by a longer way, which overtaken ones have taken.
func byTwoWays(r *rand.Rand) network {
	return func(int) time.Duration {
		if r.IntN(40) == 0 {
			return 25*time.Millisecond + time.Duration(r.Int64N(int64(20*time.Millisecond)))
		}
		return time.Duration(r.Int64N(int64(4 * time.Millisecond)))
	}
}

type arrival struct {
	n  int
	at time.Duration
}

// arrivals are packets in the order in which they come; some are lost.
func arrivals(r *rand.Rand, delay network, loss float64) (list []arrival) {
	for n := range tenMinutes {
		sent := time.Duration(float64(n) * float64(packetEvery) * (1 + skew))
		d := delay(n)
		if r.Float64() >= loss {
			list = append(list, arrival{n, sent + d})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	return list
}

// through are the same behind an order, which is asked at every beat, too.
func through(list []arrival) (out []arrival) {
	var o Order
	take := func(now time.Duration) {
		for p := o.Get(now); p != nil; p = o.Get(now) {
			out = append(out, arrival{int(p.Timestamp), now})
		}
	}
	beat := packetEvery
	for _, a := range list {
		for ; beat < a.at; beat += packetEvery {
			take(beat)
		}
		p := Packet{Sequence: uint16(a.n), Timestamp: uint32(a.n)}
		if o.Put(&p, a.at) {
			out = append(out, a)
		}
		take(a.at)
	}
	for range 10 {
		take(beat)
		beat += packetEvery
	}
	return out
}

// used tells which packets a receiver plays whose buffer holds sound for so long, and follows the sender's clock.
func used(list []arrival, buffer time.Duration) (set [tenMinutes]bool, count int) {
	for _, a := range list {
		if a.at <= time.Duration(float64(a.n)*float64(packetEvery)*(1+skew))+buffer {
			set[a.n] = true
		}
	}
	for _, ok := range set {
		if ok {
			count++
		}
	}
	return set, count
}

// TestOrderLosesNothing: for ten minutes, on networks as they are, a receiver plays behind an order what it would have played without. Where the network keeps the order
// that is every packet, however small its buffer is. Where packets overtake each other some are given up before the order knows how long to wait: of a receiver whose
// buffer takes the jitter that is one packet in a thousand, and three where one in a hundred is lost for good.
func TestOrderLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name     string
		make     func(*rand.Rand) network
		overtake bool
	}{{"bursts", inBursts, false}, {"pareto", pareto, true}, {"two ways", byTwoWays, true}} {
		for _, loss := range []float64{0, 0.01} {
			r := rand.New(rand.NewPCG(1, 2))
			list := arrivals(r, c.make(r), loss)
			out := through(list)
			if overtakes := !slices.IsSortedFunc(list, func(a, b arrival) int { return a.n - b.n }); overtakes != c.overtake {
				t.Fatalf("%s: packets overtake each other: %v", c.name, overtakes)
			}
			if !slices.IsSortedFunc(out, func(a, b arrival) int { return a.n - b.n }) {
				t.Errorf("%s: what comes out is not in order", c.name)
			}
			for _, buffer := range []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, mostJitter, 2 * mostJitter} {
				without, all := used(list, buffer)
				behind, n := used(out, buffer)
				if c.overtake && buffer < mostJitter {
					continue // it gives up packets that are waited for here
				}
				most := 0
				if c.overtake {
					most = tenMinutes * (1 + int(200*loss)) / 1000
				}
				missed := 0
				for i := range without {
					if without[i] && !behind[i] {
						missed++
					}
				}
				if missed > most {
					t.Errorf("%s, loss %g, a buffer of %s: %d packets are played instead of %d, and %d are missed", c.name, loss, buffer, n, all, missed)
				}
			}
		}
	}
}
