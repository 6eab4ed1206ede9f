package siptest

import (
	"encoding/binary"
	"errors"
	"net"
	"time"
)

// sendReport sends SR and SDES in one packet (RFC 3550 §6.1, §6.4.1, §6.5).
func (m *media) sendReport() {
	m.mu.Lock()
	defer m.mu.Unlock()
	to := m.destination(1, m.to.rtcp)
	if !m.to.known || m.muted || !to.IsValid() || to.Port() == 0 || to.Addr().IsUnspecified() {
		return
	}
	m.stats.RTCPSent++
	_, _ = m.rtcp.WriteToUDPAddrPort(m.sealed(m.report(time.Now()), true), to)
}

func (m *media) report(now time.Time) []byte {
	b := make([]byte, 28, 128)
	b[0], b[1] = 0x80, 200
	binary.BigEndian.PutUint32(b[4:], m.ssrc)
	const since1900 = 2208988800
	binary.BigEndian.PutUint32(b[8:], uint32(now.Unix()+since1900))
	binary.BigEndian.PutUint32(b[12:], uint32((uint64(now.Nanosecond())<<32)/1e9))
	binary.BigEndian.PutUint32(b[16:], m.stamp)
	binary.BigEndian.PutUint32(b[20:], uint32(m.stats.Sent))
	binary.BigEndian.PutUint32(b[24:], m.octets)
	for ssrc, s := range m.streams {
		b[0]++
		block := make([]byte, 24)
		binary.BigEndian.PutUint32(block, ssrc)
		binary.BigEndian.PutUint32(block[4:], uint32(max(0, m.stats.Lost))&0xffffff)
		binary.BigEndian.PutUint32(block[8:], uint32(s.last))
		b = append(b, block...)
		break // one is enough
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	name := m.a.cfg.Name + "@" + m.addr.Addr().String()
	name = name[:min(len(name), 60)]
	sdes := make([]byte, 8, 80)
	sdes[0], sdes[1] = 0x81, 202
	binary.BigEndian.PutUint32(sdes[4:], m.ssrc)
	sdes = append(append(sdes, 1, byte(len(name))), name...)
	sdes = append(sdes, make([]byte, 4-len(sdes)%4)...)
	binary.BigEndian.PutUint16(sdes[2:], uint16(len(sdes)/4-1))
	return append(b, sdes...)
}

func (m *media) readRTCP() {
	defer m.a.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, from, err := m.rtcp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if m.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		m.mu.Lock()
		if m.bind(m.rtcp, 1, buf[:n], unmap(from)) {
			m.mu.Unlock()
			continue
		}
		if b := m.unseal(buf[:n], true); b != nil {
			m.receiveRTCP(b)
		}
		close(m.changed)
		m.changed = make(chan struct{})
		m.mu.Unlock()
	}
}

// receiveRTCP looks for what the peer reports about our source.
func (m *media) receiveRTCP(b []byte) {
	if len(b) < 8 || b[0]>>6 != 2 || b[1] < 200 || b[1] > 207 {
		m.stats.Malformed++
		return
	}
	m.stats.RTCPReceived++
	for len(b) >= 8 {
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			m.stats.Malformed++
			return
		}
		at := map[byte]int{200: 28, 201: 8}[b[1]]
		for n := int(b[0] & 31); at > 0 && n > 0 && at+24 <= size; n-- {
			if binary.BigEndian.Uint32(b[at:]) == m.ssrc {
				m.stats.ReportedLost = int(binary.BigEndian.Uint32(b[at+4:]) & 0xffffff)
			}
			at += 24
		}
		b = b[size:]
	}
}
