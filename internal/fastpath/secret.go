package fastpath

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Secret is what a flow is opened with, or sealed, or both. It outlives the flow, so that one which is taken out and installed again finds its key streams.
type Secret struct {
	index     uint32
	memory    *objectSecret // shared with the kernel
	ciphers   [2]*Cipher    // opens, seals; nil: RTP
	ssrc      uint32
	rollovers [2]uint32
	flow      uint32 // that has it; 0: none
	next      uint32 // number whose stream is made next
	end       uint32 // number that there is none for until a packet has come to user space
}

const (
	opens, seals = 0, 1 // OPENS, SEALS of the program

	slotSize, slots = 88, 32 // SLOT, SLOTS of the program
	slotHead        = 8
	chunkSize       = 64 // CHUNK of the program
	mostWords       = 15 // WORDS_MOST of the program

	// LongestPayload is how many octets behind its RTP header a packet may have that a Law or a Secret changes.
	LongestPayload = 4*slotSize - slotHead

	// mostAhead is how many numbers there are streams for behind the last packet of user space, which takes those that are more than 2^15 ahead of it for old ones (RFC 3711 §3.3.1).
	// It sees one in Flow.Every, but somebody who sends what is not genuine may come before that each time.
	mostAhead = 1 << 14

	// refill is how often key streams are made: of 15 packets of 20 ms that are ready, eight are used up then. Shorter ones have more ready, longer ones take longer.
	refill = 160 * time.Millisecond
)

// sizes are those that key streams are made for, in octets: 20 ms of G.729, 10 ms of G.711, 20 ms of that, the most that fits into as much memory, 30 ms, and the longest.
var sizes = [...]uint16{32, slotSize - slotHead, 160, 2*slotSize - slotHead, 240, LongestPayload}

// Payload is how many octets of payload an RTP packet of n octets has; 0: none, or its header has more than a short extension (RFC 3550 §5.3.1), and a Law or a Secret
// leaves it alone.
func Payload(b []byte, n int) int {
	head := 12
	switch {
	case len(b) < head || b[0]&^0x10 != 2<<6:
		return 0
	case b[0]&0x10 != 0:
		if len(b) < head+4 || b[14] != 0 || b[15] > mostWords {
			return 0
		}
		head += 4 + 4*int(b[15])
	}
	return max(0, n-head)
}

// Room is how many octets a secret has streams for where a payload has so many.
func Room(size int) int {
	for _, n := range sizes {
		if size <= int(n) {
			return int(n)
		}
	}
	return 0
}

// vault is the secrets of a table. The table's lock guards it.
type vault struct {
	secrets []*Secret // by index; nil: not used, as the first never is, which flows without one have
	unused  []uint32  // indexes
	outer   *ebpf.Map
	inner   *ebpf.MapSpec
	shared  [][]byte // memory of each chunk
	filler  sync.WaitGroup
	quit    chan struct{} // nil: nobody fills yet
	low     chan struct{} // tells the filler that room is
	refused error         // why there was no more; nil: it is not known that there is none
}

// ErrGrowing is what Keep returns while more room is made.
var ErrGrowing = errors.New("the kernel's table of keys grows")

// open takes the maps over, the first chunk with them.
func (v *vault) open(outer, first *ebpf.Map, inner *ebpf.MapSpec) error {
	v.outer, v.inner = outer, inner
	b, err := v.share(first, 0)
	if err == nil {
		v.shared = append(v.shared, b)
	}
	return err
}

// rest ends the filler.
func (t *Table) rest() {
	t.mu.Lock()
	quit := t.quit
	t.mu.Unlock()
	if quit != nil {
		close(quit)
		t.filler.Wait()
	}
}

func (v *vault) close() {
	for _, b := range v.shared {
		clear(b)
		_ = unix.Munmap(b)
	}
	if v.outer != nil {
		_ = v.outer.Close()
	}
}

// Keep makes a secret for what a source sends: open is what takes the protection off, seal what puts it on, each nil where there is RTP, and the rollover counters
// are those of the packets to come (RFC 3711 §3.3.1). Their payload has up to a number of octets that is of Room. The error is ErrGrowing, or says that there is no memory for it.
func (t *Table) Keep(open, seal *Cipher, ssrc uint32, rollovers [2]uint32, room int) (*Secret, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quit == nil {
		t.quit, t.low = make(chan struct{}), make(chan struct{}, 1)
		t.filler.Go(t.fill)
	}
	index := t.room()
	if t.spare() < chunkSize {
		select {
		case t.low <- struct{}{}:
		default:
		}
	}
	if index == 0 {
		return nil, cmp.Or(t.refused, ErrGrowing)
	}
	chunk := t.shared[index/chunkSize]
	s := &Secret{index: index, memory: &unsafe.Slice((*objectSecret)(unsafe.Pointer(&chunk[0])), chunkSize)[index%chunkSize],
		ciphers: [2]*Cipher{open, seal}, ssrc: ssrc, rollovers: rollovers}
	s.memory.Rollovers = rollovers
	for i, c := range s.ciphers {
		if c != nil {
			s.memory.Inner[i], s.memory.Outer[i], s.memory.Tag[i] = c.inner, c.outer, c.tag
		}
	}
	s.memory.Most = uint16(room)
	for ; room > slotSize<<s.memory.Wide-slotHead; s.memory.Wide++ {
	}
	t.secrets[index] = s
	return s, nil
}

// room is an index that is not used; 0: there is none.
func (v *vault) room() (index uint32) {
	if n := len(v.unused); n > 0 {
		index, v.unused = v.unused[n-1], v.unused[:n-1]
	} else if n := len(v.secrets); n < len(v.shared)*chunkSize {
		index, v.secrets = uint32(n), append(v.secrets, nil)
	}
	return index
}

// spare is how many indexes are not used.
func (v *vault) spare() int { return len(v.shared)*chunkSize - len(v.secrets) + len(v.unused) }

// grow makes room before it is needed. To give the outer map another chunk takes the kernel some ten milliseconds, for which nobody has to wait. The filler alone calls it.
func (t *Table) grow() {
	for {
		t.mu.Lock()
		enough := t.spare() >= chunkSize
		t.mu.Unlock()
		if enough {
			return
		}
		err := errors.New("the kernel's table of keys is full")
		var b []byte
		if len(t.shared) < int(t.outer.MaxEntries()) {
			var m *ebpf.Map
			if m, err = ebpf.NewMap(t.inner); err == nil {
				b, err = t.share(m, uint32(len(t.shared)))
			}
		}
		t.mu.Lock()
		if t.refused = err; err == nil {
			t.shared = append(t.shared, b)
		}
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// share makes a map chunk i of the outer one.
func (v *vault) share(m *ebpf.Map, i uint32) ([]byte, error) {
	defer func() { _ = m.Close() }() // the outer one holds it, and so does the memory
	page := unix.Getpagesize()
	size := (chunkSize*int(unsafe.Sizeof(objectSecret{})) + page - 1) / page * page
	b, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap of a map: %w", err)
	}
	if err := v.outer.Put(i, m); err != nil {
		_ = unix.Munmap(b)
		return nil, err
	}
	return b, nil
}

// Forget wipes a secret. Its flow is taken out before. nil is none.
func (t *Table) Forget(s *Secret) {
	if s == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	*s.memory = objectSecret{}
	t.secrets[s.index] = nil
	t.unused = append(t.unused, s.index)
}

// Kept is how many secrets there are.
func (t *Table) Kept() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.secrets) - 1 - len(t.unused)
}

// lend gives a secret to a flow that is installed, with streams for the packets that come next.
func (t *Table) lend(s *Secret, flow uint32, state *State) {
	s.flow = flow
	s.memory.Seen = state.Seen
	s.end = min(uint32(state.Sequence)+mostAhead, 1<<16)
	s.fill(state.Sequence)
}

// back takes a secret from its flow. A flow without one has none that is nil.
func (s *Secret) back(c *Count) {
	if s != nil {
		s.flow = 0
		c.Seen = s.memory.Seen
	}
}

// fill makes streams for what comes next, all the time, and room.
func (t *Table) fill() {
	ticker := time.NewTicker(refill)
	defer ticker.Stop()
	for {
		select {
		case <-t.quit:
			return
		case <-t.low:
			t.grow()
			continue
		case <-ticker.C:
		}
		for i := 0; t.fillOne(i); i++ {
		}
	}
}

// fillOne is false behind the last secret. The lock is held for one at a time.
func (t *Table) fillOne(i int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i >= len(t.secrets) {
		return false
	}
	if s := t.secrets[i]; s != nil && s.flow != 0 {
		s.fill(t.flows[s.flow].Sequence)
	}
	return true
}

// fill makes the streams of the packets from a number on. The program may be at work meanwhile: its packet is the one of that number, or of a later one, so
// neither slot of these is touched, nor that of the packet before. Past the number's end there is another rollover counter.
func (s *Secret) fill(sequence uint16) {
	k := s.memory
	size, n := uint32(slotSize)<<k.Wide, uint32(slots)>>k.Wide
	rollovers := s.rollovers[opens]
	if s.ciphers[opens] == nil {
		rollovers = s.rollovers[seals]
	}
	for s.next = max(s.next, uint32(sequence)); s.next < min(uint32(sequence)+n-1, s.end); s.next++ {
		slot := k.Slot[s.next%n*size:]
		stream := slot[slotHead:][:k.Most]
		clear(stream)
		for i, c := range s.ciphers {
			if c != nil {
				c.add(stream, s.ssrc, s.rollovers[i], uint16(s.next))
			}
		}
		atomic.StoreUint32((*uint32)(unsafe.Pointer(&slot[0])), rollovers<<17|s.next<<1|1)
	}
}
