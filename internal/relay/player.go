package relay

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// player plays to one side of a session. A session has one from its first Play on. The session's mutex guards it.
//
// What it sends is a source of its own: an SSRC, sequence numbers and timestamps that have nothing to do with those of the
// other side's packets (RFC 3550 §5.1, §8). A receiver takes the change of SSRC for a new source and begins to buffer anew,
// which the marker bit tells it too (RFC 3551 §4.1). To continue the peer's numbers instead would mean to rewrite every later
// packet of the call, and its RTCP, whose reports name SSRC, timestamps and sequence numbers (RFC 3550 §6.4).
type player struct {
	session   *session
	play      media.Play
	on        bool
	listed    bool // the worker has it in its band
	talking   bool // the packet before was sent: no marker
	mark      bool // the next packet of the other side needs the marker
	since     int64
	reel      *reel
	next      int    // in units, see media.PacketUnit
	turn      int    // how often all of it was sent
	sent      bool   // something of it
	units     int    // in a packet
	due       int    // units that are due and not enough for a packet
	ticks     uint32 // a unit in those of its clock
	ssrc      uint32
	sequence  uint16
	timestamp uint32
	played    [2]uint64 // packets to each side, of everything played
}

// beatUnits is how many units a beat has.
const beatUnits = int(media.PacketTime / media.PacketUnit)

// mostBeats is how many packets are made up for after the worker was late. For what is beyond there is a pause, as a receiver that has run dry gains
// nothing of more.
const mostBeats = 3

// mostAwaited is how long the beginning waits for somebody who cannot be reached yet, because ICE or the handshake of DTLS is still under way.
const mostAwaited = 3 * time.Second

// checkPlay refuses what could never be played.
func checkPlay(s *media.Session) error {
	p := s.Play
	if p == nil {
		return nil
	}
	if t := p.PacketTime; t < 0 || t > media.MaxPacketTime || t%media.PacketUnit != 0 {
		return fmt.Errorf("relay: session %d: nothing can be played in packets of %s", s.ID, t)
	}
	if p.ID == 0 || p.Stream < 0 || p.Stream >= len(s.Streams) || p.To < 0 || p.To > 1 || p.Clip == nil || !p.Codec.Speaks() {
		return fmt.Errorf("relay: session %d: nothing can be played on stream %d to side %d in %q", s.ID, p.Stream, p.To, p.Codec)
	}
	return nil
}

// setPlay begins, changes or ends what is played. The session is locked.
func (s *session) setPlay(want *media.Play) {
	p := s.player
	switch {
	case want == nil && p == nil:
		return
	case want == nil:
		p.on = false
		return
	case p == nil:
		p = &player{session: s}
		s.player = p
	case p.play.ID == want.ID:
		return // it goes on, or has ended
	}
	r := s.worker.relay
	reel := r.reels.of(want.Clip, want.Codec, &r.coders)
	listed := p.listed
	*p = player{session: s, play: *want, reel: reel, on: reel != nil, listed: true, units: unitsOf(want), ticks: want.Codec.Clock() / uint32(time.Second/media.PacketUnit), played: p.played, mark: p.mark && p.play.To == want.To,
		ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32()}
	if !listed {
		s.worker.band.join(p)
	}
}

// unitsOf is how many units a packet has.
func unitsOf(p *media.Play) int {
	if p.PacketTime == 0 || p.Codec == media.Opus {
		return beatUnits
	}
	return int(p.PacketTime / media.PacketUnit)
}

// before sets the marker bit of the first packet that is relayed to a side after it was played to: the receiver's buffer begins
// anew.
func (p *player) before(out *port, k kind, b []byte) {
	if p.mark && k == rtp && out.side == p.play.To && out.stream.index == p.play.Stream {
		p.mark = false
		b[1] |= 0x80
	}
}

// beat sends what is due after so many beats. False: the player has ended, or is not wanted any more. The session is locked.
func (p *player) beat(w *worker, beats int, now int64) bool {
	s := p.session
	if !p.on || s.closed || p.play.Stream >= len(s.streams) {
		return false
	}
	if p.since == 0 {
		p.since = now
	}
	st := s.streams[p.play.Stream]
	sd, from := &st.side[p.play.To], &st.side[1-p.play.To].count
	if p.play.Yield != media.YieldNever && from.last != 0 && now-from.last < int64(media.YieldTime) {
		p.pause(beats * beatUnits)
		if p.play.Yield == media.YieldToMedia || from.last < p.since {
			return true
		}
		p.report(w)
		return false
	}
	if late := beats - mostBeats; late > 0 {
		p.pause(late * beatUnits)
		beats = mostBeats
	}
	p.due += beats * beatUnits
	to := sd.rtp.gate.destination(sd.trust.latch)
	protected := sd.rtp.guard()
	reachable := to.size != 0 && sd.rtp.socket.open() && sd.send && !st.opaque && (protected == nil || protected.send != nil)
	for ; p.due >= p.units; p.due -= p.units {
		if p.next >= p.all() {
			p.report(w)
			return false
		}
		if !reachable {
			if p.sent || now-p.since >= int64(mostAwaited) {
				p.skip(p.units)
			} else {
				p.pause(p.units)
			}
			continue
		}
		b, ok := p.packet(w.buffer[:])
		if !ok {
			continue
		}
		sd.sends(b, p.play.Codec.Clock(), now)
		if protected != nil {
			if b, ok = protected.seal(b, rtp); !ok {
				continue
			}
		}
		if errno := st.carrier.send(&sd.rtp, b, to); errno != 0 {
			w.batch.sendErrors++
			continue
		}
		p.played[p.play.To]++
		w.batch.played++
		w.noted(&sd.rtp, played, 0)
	}
	return true
}

// report tells that it has ended by itself.
func (p *player) report(w *worker) {
	w.notices.list = append(w.notices.list, notice{kind: media.EventPlayed, session: p.session.id, stream: p.play.Stream, side: p.play.To, play: p.play.ID})
}

// all is how many units the clip has.
func (p *player) all() int { return p.play.Clip.Packets() * beatUnits }

// packet writes the next one into b, the last one perhaps a shorter one. False: it is not coded yet.
func (p *player) packet(b []byte) ([]byte, bool) {
	b[0], b[1] = 2<<6, p.play.PayloadType
	if !p.talking {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.sequence)
	binary.BigEndian.PutUint32(b[4:], p.timestamp)
	binary.BigEndian.PutUint32(b[8:], p.ssrc)
	b = b[:rtpHeader]
	for left := p.units; left > 0 && p.next < p.all(); {
		from, place := len(b), p.next%beatUnits
		b = p.reel.append(b, p.play.Clip, p.next/beatUnits, p.turn)
		if len(b) == from {
			p.skip(left)
			p.talking = false
			return nil, false
		}
		n := min(beatUnits-place, left)
		if unit := (len(b) - from) / beatUnits; n < beatUnits { // where units have as many octets each
			b = append(b[:from], b[from+place*unit:from+(place+n)*unit]...)
		}
		p.skip(n)
		left -= n
	}
	p.talking, p.mark, p.sent = true, true, true
	p.sequence++
	return b, true
}

// skip leaves out some units, whose time passes.
func (p *player) skip(units int) {
	p.timestamp += uint32(units) * p.ticks
	for p.next += units; p.next >= p.all() && p.turn+1 != p.play.Times; p.turn++ {
		p.next -= p.all()
	}
}

// pause lets the time of some units pass.
func (p *player) pause(units int) {
	p.talking = false
	p.timestamp += uint32(units) * p.ticks
}

// beater has something to do on every beat. onBeat is false when it has no more; the session is locked.
type beater interface {
	owner() *session
	onBeat(w *worker, beats int, now int64) bool
}

func (p *player) owner() *session { return p.session }

// onBeat implements beater.
func (p *player) onBeat(w *worker, beats int, now int64) bool {
	p.listed = p.beat(w, beats, now)
	p.on = p.on && p.listed
	return p.listed
}

// band is the players of one worker, and what else needs a beat, and the timer that gives them their beat: one timerfd in the worker's ready list, which runs while
// anybody plays. So nobody pays for it but calls that are played to, and each packet costs no more than its sending.
type band struct {
	timer   int // timerfd; 0: none
	players []beater

	mu      sync.Mutex
	joining []beater
	running bool
}

// isBeat marks the timer in the ready list.
const isBeat = -2

func (b *band) open(epoll int) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	b.timer = fd
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd), Pad: isBeat})
}

func (b *band) close() {
	if b.timer != 0 {
		_ = unix.Close(b.timer)
	}
}

// join takes somebody in. The session is locked.
func (b *band) join(p beater) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.joining = append(b.joining, p)
	if !b.running {
		b.running = b.every(media.PacketTime)
	}
}

// every sets the timer; 0 stops it.
func (b *band) every(d time.Duration) bool {
	t := unix.NsecToTimespec(int64(d))
	return unix.TimerfdSettime(b.timer, 0, &unix.ItimerSpec{Interval: t, Value: t}, nil) == nil
}

// muster takes in who has joined, and stops the timer when nobody is left.
func (b *band) muster() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.players = append(b.players, b.joining...)
	clear(b.joining)
	b.joining = b.joining[:0]
	if len(b.players) == 0 {
		b.players, b.joining = nil, nil
		b.running = false
		b.every(0)
	}
}

// beat lets every player of the worker send what is due.
func (w *worker) beat(at time.Time, now int64) {
	var count [8]byte // how often the timer has run out since it was last read, timerfd_create(2)
	if n, err := unix.Read(w.band.timer, count[:]); err != nil || n != len(count) {
		return
	}
	beats := int(min(binary.NativeEndian.Uint64(count[:]), 1<<16))
	w.band.muster()
	keep := w.band.players[:0]
	for _, p := range w.band.players {
		mu := &p.owner().mu
		mu.Lock()
		if p.onBeat(w, beats, now) {
			keep = append(keep, p)
		}
		mu.Unlock()
	}
	clear(w.band.players[len(keep):])
	w.band.players = keep
	if len(keep) == 0 {
		w.band.muster() // which stops the timer, unless somebody has joined
	}
	if len(w.notices.list) > 0 {
		w.notices.deliver(w.relay.config.Events, at)
	}
}
