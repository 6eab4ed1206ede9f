package fastpath

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/rights"
	"github.com/directsip/directsip/internal/ways"
)

// Flow says which packets the kernel takes and what they get: what comes from Source to Local leaves from From to To.
type Flow struct {
	Local, Source netip.AddrPort
	From, To      netip.AddrPort
	TOS           uint8 // type of service or traffic class: DSCP times four
	SSRC          uint32
	PayloadType   uint8
	As            uint8   // payload type under which it leaves
	Law           Law     // that its octets become
	Secret        *Secret // nil: it is RTP on both sides
	Rate          uint32  // of its clock, in Hz
	Buffer        uint32  // in its ticks: what comes so much later than the fastest is late
	Every         uint16  // after so many packets user space gets one to see
}

// State is where a source is: what is regular next, and what goes on with each packet.
type State struct {
	Sequence                   uint16 // of the next packet
	Transit, Timestamp, Jitter uint32 // RFC 3550 A.8: arrival minus timestamp, timestamp of the packet before, jitter times 16
	Moved                      int64  // how far the transit has gone
	Fastest, NextFastest       int64  // least Moved of late, and of the window that fills
	Window                     uint16 // packets until it is full
	Row                        uint16 // packets that were late in a row
	RunFastest                 int64  // least Moved of those
	Seen                       uint64 // of a flow with a secret: which of the last 64 numbers have come, the last in bit 0
}

// Law is one of G.711.
type Law uint8

// What comes in the other law becomes that of these; 0: what it was.
const (
	ToMuLaw Law = 1 + iota
	ToALaw
)

// Count is what the kernel has relayed of a flow since it was asked before.
type Count struct {
	Packets, Bytes uint32
	Late           uint16
	Last           int64 // when the last packet came, by the clock of Config.Epoch
	State

	gaps [mostGaps]Gap
	n    uint8
}

// Gap is missing numbers: Run packets one after the other, and then one whose number is higher by Step.
type Gap struct{ Run, Step uint16 }

// Gaps are in order. Behind the last one packets follow one another again.
func (c *Count) Gaps() []Gap { return c.gaps[:c.n] }

// Handle names an installed flow; 0: none.
type Handle uint32

// Config of a table.
type Config struct {
	// Epoch is the zero of the clock of Count.Last in ns of CLOCK_MONOTONIC.
	Epoch int64
	// Flows is how many there may be at once; 0: 16384, two for a call. Each takes 224 octets of the kernel's memory, from the beginning.
	Flows int
	// Laws are codes of G.711 by those of the other law, indexed by Law less one.
	Laws [2][256]byte
	// Class is the type of service or traffic class of what leaves, as routes may depend on it.
	Class uint8
	// Changed is called, from a goroutine of the table's own, when routes, addresses or devices have changed and all was asked anew: every flow
	// is then to be rerouted, or taken out. May be nil.
	Changed func()
}

const (
	defaultFlows = 16384
	mostGaps     = 8  // GAPS of the program
	mostPerPair  = 16 // of flows, at different addresses; CHAIN of the program

	stateFree, stateOpen = 0, 1 // of a flow; 2 while the program works on it

	// longest packet of a flow with its IP header: what IPv6 carries everywhere (RFC 8200 §5) and so does all of IPv4 that carries calls.
	longest = 1280
)

// Table is the flows in the kernel. All methods may be called from any goroutine.
type Table struct {
	program *ebpf.Program
	maps    [2]*ebpf.Map
	memory  [2][]byte
	pairs   []uint64     // shared with the kernel: by half of the port, its first flow
	flows   []objectFlow // shared with the kernel; the first is not used
	plain   string
	ears    *ears
	ways    *ways.Ways

	mu sync.Mutex
	vault
	free []uint32 // indexes that were used
	next uint32   // above it none was used yet
	used int
}

// Open loads the program. The error says what is missing: a right, or something of the kernel.
func Open(c Config) (*Table, error) {
	if c.Flows <= 0 {
		c.Flows = defaultFlows
	}
	t := &Table{next: 1, vault: vault{secrets: []*Secret{nil}}}
	if err := t.load(c); err != nil {
		t.release()
		return nil, rights.Explain(err)
	}
	var err error
	if t.ears, err = newEars(t.program); err == nil {
		t.ways, err = ways.Open(ways.Config{Device: t.ears.listen, Class: c.Class, Changed: c.Changed})
	}
	if err != nil {
		t.release()
		return nil, rights.Explain(err)
	}
	return t, nil
}

func (t *Table) load(c Config) error {
	spec, err := loadObject()
	if err != nil {
		return err
	}
	spec.Maps[objectMapFlows].MaxEntries = uint32(c.Flows) + 1
	if err := spec.Variables[objectVarEpoch].Set(uint64(c.Epoch)); err != nil {
		return err
	}
	if err := spec.Variables[objectVarLaws].Set(c.Laws); err != nil {
		return err
	}
	if err := t.choose(spec); err != nil {
		return err
	}
	sizes := [2]int{int(t.maps[0].MaxEntries()) * 8, (c.Flows + 1) * int(unsafe.Sizeof(objectFlow{}))}
	for i, m := range t.maps {
		page := unix.Getpagesize()
		size := (sizes[i] + page - 1) / page * page
		if t.memory[i], err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
			return fmt.Errorf("mmap of a map: %w", err)
		}
	}
	t.pairs = unsafe.Slice((*uint64)(unsafe.Pointer(&t.memory[0][0])), t.maps[0].MaxEntries())
	t.flows = unsafe.Slice((*objectFlow)(unsafe.Pointer(&t.memory[1][0])), c.Flows+1)
	return nil
}

// choose loads the program that changes what is in packets, or where the kernel does not take it, the one that only sends them on.
func (t *Table) choose(spec *ebpf.CollectionSpec) error {
	var all struct {
		objectMaps
		Program *ebpf.Program `ebpf:"forward"`
	}
	err := rights.Need(unix.CAP_PERFMON) // or the verifier also follows what a processor may do ahead of time, for seconds, and refuses
	if err == nil {
		err = spec.LoadAndAssign(&all, nil)
	}
	if err == nil {
		_ = all.Drafts.Close() // the program has it
		t.program, t.maps = all.Program, [2]*ebpf.Map{all.Pairs, all.Flows}
		return t.vault.open(all.Secrets, all.First, spec.Maps[objectMapSecrets].InnerMap)
	}
	t.plain = err.Error()
	var few struct {
		Pairs   *ebpf.Map     `ebpf:"pairs"`
		Flows   *ebpf.Map     `ebpf:"flows"`
		Program *ebpf.Program `ebpf:"forward_only"`
	}
	if err = spec.LoadAndAssign(&few, nil); err == nil {
		t.program, t.maps = few.Program, [2]*ebpf.Map{few.Pairs, few.Flows}
	}
	return err
}

// Plain is why flows cannot have a Secret, a Law, or another payload type; "": they can.
func (t *Table) Plain() string { return t.plain }

// Close takes the program from every device. No method may be called after it.
func (t *Table) Close() {
	t.rest()
	t.ways.Close()
	t.ears.close()
	t.release()
}

func (t *Table) release() {
	if t.program != nil {
		_ = t.program.Close()
	}
	for i, m := range t.maps {
		if t.memory[i] != nil {
			_ = unix.Munmap(t.memory[i])
		}
		if m != nil {
			_ = m.Close()
		}
	}
	t.vault.close()
}

// Install hands a flow to the kernel, which goes on from s, where user space is now. It returns 0 and the reason when the kernel cannot have it; that is
// Asking where it is not known yet, and the next packet may try again. It makes no system call.
func (t *Table) Install(f *Flow, s *State, now int64) (Handle, string) {
	out, why := t.way(f)
	if why == "" && t.plain != "" && (f.Secret != nil || f.Law != 0 || f.As != f.PayloadType) {
		why = t.plain
	}
	if why != "" {
		return 0, why
	}
	return t.publish(f, s, now, out)
}

// publish makes the program see a flow.
func (t *Table) publish(f *Flow, s *State, now int64, out ways.Path) (Handle, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	index := t.take()
	if index == 0 {
		return 0, "the kernel's table of flows is full"
	}
	k := &t.flows[index]
	k.rule(f, out)
	k.resume(s, now)
	first := &t.pairs[f.Local.Port()/2]
	next := uint32(atomic.LoadUint64(first))
	for n, i := 1, next; i != 0; n, i = n+1, t.flows[i].Next {
		if n == mostPerPair {
			t.give(index)
			return 0, "too many addresses share its port"
		}
	}
	if f.Secret != nil {
		t.lend(f.Secret, index, s)
	}
	atomic.StoreUint32(&k.Next, next)
	atomic.StoreUint32(&k.State, stateOpen)
	atomic.StoreUint64(first, uint64(index))
	return Handle(index), ""
}

// Recall takes a flow out and returns what it has counted since it was asked before. Packets that come after it go to the stack.
func (t *Table) Recall(h Handle) Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	index := uint32(h)
	k := &t.flows[index]
	k.hold()
	c := k.count()
	if first := &t.pairs[k.port()/2]; uint32(atomic.LoadUint64(first)) == index {
		atomic.StoreUint64(first, uint64(k.Next))
	} else {
		before := &t.flows[uint32(*first)]
		for before.Next != index {
			before = &t.flows[before.Next]
		}
		atomic.StoreUint32(&before.Next, k.Next)
	}
	t.secrets[k.Secret].back(&c)
	t.give(index)
	return c
}

// Reroute has the packets of a flow go where they go now, after something has changed. The reason is why the kernel cannot have it any more.
func (t *Table) Reroute(h Handle) (why string) {
	k := &t.flows[h]
	f := k.addresses()
	out, why := t.way(&f)
	if why != "" {
		return why
	}
	k.hold()
	k.leave(out)
	atomic.StoreUint32(&k.State, stateOpen)
	return ""
}

// Collect returns what a flow has counted since it was asked before. The flow goes on.
func (t *Table) Collect(h Handle) Count {
	k := &t.flows[h]
	k.hold()
	c := k.count()
	k.reset()
	atomic.StoreUint32(&k.State, stateOpen)
	return c
}

// Len is how many flows there are.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used
}

// take is 0 when there is no room.
func (t *Table) take() (index uint32) {
	switch n := len(t.free); {
	case n > 0:
		index, t.free = t.free[n-1], t.free[:n-1]
	case int(t.next) < len(t.flows):
		index = t.next
		t.next++
	default:
		return 0
	}
	t.used++
	return index
}

func (t *Table) give(index uint32) {
	t.free = append(t.free, index)
	t.used--
}

// hold locks a flow against the program, which holds it for two microseconds at most and never waits for user space: what comes meanwhile
// it gives to the stack. A flow is held by one goroutine at a time: the relay's session is locked.
func (k *objectFlow) hold() {
	for n := 0; !atomic.CompareAndSwapUint32(&k.State, stateOpen, stateFree); n++ {
		if n > 100 {
			runtime.Gosched() // the processor that it runs on may be another guest's for a while
		}
	}
}
