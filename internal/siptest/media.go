package siptest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	rtcpEvery  = 3 * time.Second
	keepHeard  = 10 * sampleRate
	toneWindow = sampleRate / 5
)

// MediaStats is what an agent sent and heard in one call.
type MediaStats struct {
	Sent, Received int // RTP packets with audio or digits
	Bytes          int // received, payload
	Lost           int // by sequence numbers, for each source
	Duplicates     int // sequence numbers that came twice, or much too late
	RTCPSent       int
	RTCPReceived   int // compound packets
	Foreign        int // RTP that came from elsewhere than the SDP's address
	Malformed      int
	Unauthentic    int            // SRTP that cannot be opened
	First, Last    time.Time      // of received RTP
	Source         netip.AddrPort // of the last RTP
	PayloadType    uint8          // of the last RTP
	SSRCs          int            // different sources
	Digits         string         // heard as RFC 4733 events
	ReportedLost   int            // what the peer's last report says about our packets; -1: none came
}

// media has the sockets and counters of one call.
type media struct {
	a         *Agent
	addr      netip.AddrPort // of RTP; RTCP is the next port
	rtp, rtcp *net.UDPConn
	ctx       context.Context
	stop      context.CancelFunc

	mu      sync.Mutex
	sending bool
	muted   bool
	to      description
	codec   codec
	sample  int
	packet  []byte
	seq     uint16
	stamp   uint32
	ssrc    uint32
	octets  uint32
	marker  bool
	digits  []digit
	stats   MediaStats
	streams map[uint32]*stream
	heard   []int16
	secret  *secret // nil: RTP
	ice     connectivity
	event   uint32 // RTP timestamp of the last digit heard
	changed chan struct{}
}

// stream is one SSRC that was heard.
type stream struct {
	last    uint16
	packets int
}

// digit is one RFC 4733 event on its way: packets still to send.
type digit struct {
	code  byte
	left  int
	stamp uint32
	began bool
}

const digitNames = "0123456789*#ABCD"

// newMedia binds an even port and the next one.
func (a *Agent) newMedia() (*media, error) {
	var last error
	for range 100 {
		rtp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.addr.Addr(), 0)))
		if err != nil {
			return nil, err
		}
		addr := unmap(rtp.LocalAddr().(*net.UDPAddr).AddrPort())
		if addr.Port()%2 != 0 {
			rtp.Close()
			last = errors.New("no even port is free")
			continue
		}
		rtcp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr.Addr(), addr.Port()+1)))
		if err != nil {
			rtp.Close()
			last = err
			continue
		}
		m := &media{a: a, addr: addr, rtp: rtp, rtcp: rtcp, ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), stamp: rand.Uint32(),
			marker: true, streams: map[uint32]*stream{}, changed: make(chan struct{})}
		m.stats.ReportedLost = -1
		m.ctx, m.stop = context.WithCancel(a.ctx)
		a.wg.Add(3)
		go m.read()
		go m.readRTCP()
		go m.send()
		return m, nil
	}
	return nil, last
}

// close lets the goroutines end; it does not wait.
func (m *media) close() {
	m.stop()
	m.rtp.Close()
	m.rtcp.Close()
}

// stopLater stops sending now and closes after half a second: what is on its way counts as heard.
func (m *media) stopLater() {
	m.mute()
	m.a.after(500*time.Millisecond, m.close)
}

func (m *media) mute() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.muted = true
}

// set says where audio goes from now on.
func (m *media) set(to description, c codec, send bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if send && !m.sending {
		m.marker = true
	}
	m.to, m.codec, m.sending = to, c, send
}

func (m *media) send() {
	defer m.a.wg.Done()
	frame := time.NewTicker(20 * time.Millisecond)
	defer frame.Stop()
	report := time.NewTicker(rtcpEvery)
	defer report.Stop()
	for {
		select {
		case <-frame.C:
			m.sendFrame()
		case <-report.C:
			m.sendReport()
		case <-m.ctx.Done():
			return
		}
	}
}

func (m *media) sendFrame() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stamp += frameSamples
	to := m.destination(0, m.to.rtp)
	if !m.sending || m.muted || !to.IsValid() {
		return
	}
	pt, stamp := m.codec.pt, m.stamp
	m.packet = append(m.packet[:0], 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if len(m.digits) > 0 && m.to.dtmf != 0 {
		pt, stamp = m.to.dtmf, m.digitFrame()
	} else {
		encode := encodeMuLaw
		if m.codec.name == "PCMA" {
			encode = encodeALaw
		}
		for range frameSamples {
			m.packet = append(m.packet, encode(m.a.cfg.Audio(m.sample)))
			m.sample++
		}
	}
	m.packet[1] = pt
	if m.marker {
		m.packet[1] |= 0x80
		m.marker = false
	}
	binary.BigEndian.PutUint16(m.packet[2:], m.seq)
	binary.BigEndian.PutUint32(m.packet[4:], stamp)
	binary.BigEndian.PutUint32(m.packet[8:], m.ssrc)
	m.seq++
	if _, err := m.rtp.WriteToUDPAddrPort(m.sealed(m.packet, false), to); err == nil {
		m.stats.Sent++
		m.octets += uint32(len(m.packet) - 12)
	}
}

// digitFrame appends the payload of RFC 4733 §2.3: five packets, then three with the end bit.
func (m *media) digitFrame() (stamp uint32) {
	const packets, ends = 8, 3
	d := &m.digits[0]
	if !d.began {
		d.began, d.left, d.stamp = true, packets, m.stamp
		m.marker = true
	}
	volume := byte(10)
	n := min(packets-d.left+1, packets-ends)
	if d.left <= ends {
		volume |= 0x80
	}
	m.packet = append(m.packet, d.code, volume, 0, 0)
	binary.BigEndian.PutUint16(m.packet[14:], uint16(n*frameSamples))
	stamp = d.stamp
	if d.left--; d.left == 0 {
		m.digits = m.digits[1:]
	}
	return stamp
}

func (m *media) read() {
	defer m.a.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, from, err := m.rtp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if m.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		m.mu.Lock()
		if m.bind(m.rtp, 0, buf[:n], unmap(from)) {
			m.mu.Unlock()
			continue
		}
		if b := m.unseal(buf[:n], false); b != nil {
			m.receive(b, unmap(from))
		}
		close(m.changed)
		m.changed = make(chan struct{})
		m.mu.Unlock()
	}
}

// receive takes one RTP packet (RFC 3550 §5.1).
func (m *media) receive(b []byte, from netip.AddrPort) {
	if len(b) < 12 || b[0]>>6 != 2 {
		m.stats.Malformed++
		return
	}
	head := 12 + 4*int(b[0]&15)
	if b[0]&0x10 != 0 && len(b) >= head+4 {
		head += 4 + 4*int(binary.BigEndian.Uint16(b[head+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
	}
	if head > end {
		m.stats.Malformed++
		return
	}
	now := time.Now()
	s := &m.stats
	if m.to.known && from != m.to.rtp {
		s.Foreign++
	}
	if s.First.IsZero() {
		s.First = now
	}
	s.Last, s.Source, s.PayloadType = now, from, b[1]&0x7f
	s.Received++
	s.Bytes += end - head
	if !m.inOrder(binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:])) {
		return
	}
	m.listen(b[head:end], binary.BigEndian.Uint32(b[4:]))
}

// inOrder counts losses and is false for a packet that came twice.
func (m *media) inOrder(ssrc uint32, seq uint16) bool {
	st := m.streams[ssrc]
	if st == nil {
		if len(m.streams) >= 100 {
			return true
		}
		m.streams[ssrc] = &stream{last: seq, packets: 1}
		m.stats.SSRCs++
		return true
	}
	st.packets++
	switch gap := int16(seq - st.last); {
	case gap == 0 || gap < -50:
		m.stats.Duplicates++
		return false
	case gap < 0: // late, but it was counted as lost
		m.stats.Lost--
	default:
		m.stats.Lost += int(gap) - 1
		st.last = seq
	}
	return true
}

// listen decodes audio and digits.
func (m *media) listen(payload []byte, stamp uint32) {
	pt := m.stats.PayloadType
	if dtmf := m.dtmf(); dtmf != 0 && pt == dtmf {
		if len(payload) >= 4 && int(payload[0]) < len(digitNames) && (stamp != m.event || m.stats.Digits == "") {
			m.event = stamp
			m.stats.Digits += digitNames[payload[0] : payload[0]+1]
		}
		return
	}
	decode := decodeMuLaw
	if pt == 8 {
		decode = decodeALaw
	}
	for _, v := range payload {
		m.heard = append(m.heard, decode(v))
	}
	if over := len(m.heard) - keepHeard; over > sampleRate {
		m.heard = slices.Delete(m.heard, 0, over)
	}
}

// dtmf is the payload type that telephone-event has: agents offer 101 and answer with the peer's.
func (m *media) dtmf() uint8 {
	if m.to.dtmf != 0 {
		return m.to.dtmf
	}
	return 101
}

// Media is what the call sent and heard so far.
func (c *Call) Media() MediaStats {
	m := c.mediaOf()
	if m == nil {
		return MediaStats{ReportedLost: -1}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

func (c *Call) mediaOf() *media {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	return c.media
}

// Heard is the audio of the last 10 seconds or so, 8000 samples a second; gaps are closed.
func (c *Call) Heard() []int16 {
	m := c.mediaOf()
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.heard)
}

// HeardTone is the strongest tone of the last 200 ms, to 5 Hz; 0 for silence and noise.
func (c *Call) HeardTone() (hz float64) {
	s := c.Heard()
	if len(s) < toneWindow {
		return 0
	}
	hz, part := peak(s[len(s)-toneWindow:])
	if part < 0.5 {
		return 0
	}
	return hz
}

// SendDigits queues DTMF; characters other than 0-9 * # A-D are left out.
func (c *Call) SendDigits(s string) {
	m := c.mediaOf()
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range s {
		if i := slices.Index([]rune(digitNames), r); i >= 0 && len(m.digits) < 100 {
			m.digits = append(m.digits, digit{code: byte(i)})
		}
	}
}

// opened waits until the call has media, which an incoming one has when its script answers; nil: it never will.
func (c *Call) opened(ctx context.Context) *media {
	for {
		c.a.mu.Lock()
		m, changed, never := c.media, c.changed, c.over || c.a.cfg.NoMedia
		c.a.mu.Unlock()
		if m != nil || never {
			return m
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-c.a.ctx.Done():
			return nil
		}
	}
}

// WaitMedia waits until the condition holds, asked after each packet that arrives.
func (c *Call) WaitMedia(ctx context.Context, what string, ok func(MediaStats) bool) error {
	m := c.opened(ctx)
	if m == nil {
		return fmt.Errorf("siptest: %s: %s: no media", c.a.cfg.Name, what)
	}
	for {
		m.mu.Lock()
		changed, stats := m.changed, m.stats
		m.mu.Unlock()
		if ok(stats) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("siptest: %s: %s: %w; so far %+v", c.a.cfg.Name, what, ctx.Err(), stats)
		case <-m.ctx.Done():
			return fmt.Errorf("siptest: %s: %s: the media is closed; so far %+v", c.a.cfg.Name, what, stats)
		}
	}
}

// WaitPackets waits for n RTP packets.
func (c *Call) WaitPackets(ctx context.Context, n int) error {
	return c.WaitMedia(ctx, fmt.Sprint(n, " packets"), func(s MediaStats) bool { return s.Received >= n })
}

// WaitTone waits until a tone within 10 Hz is heard.
func (c *Call) WaitTone(ctx context.Context, hz float64) error {
	last := 0
	return c.WaitMedia(ctx, fmt.Sprintf("tone of %v Hz", hz), func(s MediaStats) bool {
		if s.Received < last+5 { // a look costs a millisecond
			return false
		}
		last = s.Received
		got := c.HeardTone()
		return got >= hz-10 && got <= hz+10
	})
}
