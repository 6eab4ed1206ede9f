package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/directsip/directsip/internal/b2bua"
	"github.com/directsip/directsip/internal/sip"
)

// t1 is the estimate of a round trip; repetitions of a request over UDP begin with it and double (RFC 3261 §17.1.2.2).
const t1 = 500 * time.Millisecond

var errNotSIP = errors.New("what came is not SIP")

// ask is one OPTIONS, the same that the server probes with.
type ask struct {
	request *sip.Message
	branch  string
}

func (x *examination) ask(hop sip.Hop) ask {
	m := x.env.Options(x.trunk, hop, b2bua.Token(x.env.Rand, 24))
	via, _ := m.TopVia()
	return ask{m, via.Branch()}
}

// answers tells whether a message is the final response to the OPTIONS (RFC 3261 §17.1.3).
func (q *ask) answers(m *sip.Message) bool {
	via, ok := m.TopVia()
	return ok && m.Status >= 200 && via.Branch() == q.branch && m.CallID() == q.request.CallID()
}

// askStream sends an OPTIONS over a connection and waits for the answer.
func (x *examination) askStream(ctx context.Context, h *Hop, c net.Conn, hop sip.Hop) {
	begin, q := time.Now(), x.ask(hop)
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	c.SetDeadline(begin.Add(x.Timeout))
	_, err := c.Write(q.request.Append(nil))
	var m *sip.Message
	if err == nil {
		m, err = q.read(c)
	}
	if err != nil {
		stage := Closed
		if late(err) {
			stage = Silent
		}
		h.fail(err, stage)
		if errors.Is(err, io.EOF) {
			h.Error = "the peer ended the connection"
		}
		x.step("options", begin, true, "%s: %s", h.Address, h.Error)
		return
	}
	x.answered(h, m, h.Address, begin, 1)
}

// read reads messages from a connection until one is the answer.
func (q *ask) read(c net.Conn) (*sip.Message, error) {
	var f sip.Framer
	var buf []byte
	chunk := make([]byte, 4096)
	for {
		n, err := c.Read(chunk)
		if err != nil {
			return nil, err
		}
		buf = append(buf, chunk[:n]...)
		for {
			start, size, err := f.Next(buf, nil)
			if err != nil {
				return nil, errNotSIP
			}
			if size == 0 {
				buf = append(buf[:0], buf[start:]...)
				break
			}
			m, err := sip.Parse(buf[start:start+size], nil)
			if err != nil {
				return nil, errNotSIP
			}
			if q.answers(m) {
				return m, nil
			}
			buf = append(buf[:0], buf[start+size:]...)
		}
	}
}

// tryUDP sends an OPTIONS with its repetitions and waits for the answer, from wherever it comes.
func (x *examination) tryUDP(ctx context.Context, h *Hop) {
	begin := time.Now()
	c, err := x.listen(h)
	if err != nil {
		h.fail(err, Unreachable)
		x.step("options", begin, true, "%s: %s", h.Address, h.Error)
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	h.Local = unmap(c.LocalAddr().(*net.UDPAddr).AddrPort())
	q := x.ask(sip.Hop{Transport: sip.UDP, Local: h.Local, Remote: h.Address})
	wire, end, wait := q.request.Append(nil), begin.Add(x.Timeout), t1
	buf := make([]byte, 65536)
	for sent := 1; ; sent++ {
		now := time.Now()
		if ctx.Err() != nil || !now.Before(end) {
			h.Failed, h.Error = Silent, noAnswer
			break
		}
		if _, err = c.WriteToUDPAddrPort(wire, h.Address); err == nil {
			c.SetReadDeadline(earlier(now.Add(wait), end))
			var m *sip.Message
			var from netip.AddrPort
			if m, from, err = q.readFrom(c, buf); err == nil {
				x.answered(h, m, from, begin, sent)
				return
			}
		}
		if !late(err) {
			h.fail(err, Unreachable)
			break
		}
		wait *= 2
	}
	x.step("options", begin, true, "%s: %s", h.Address, h.Error)
}

// readFrom reads datagrams until one is the answer; what else comes to the port is none of our business.
func (q *ask) readFrom(c *net.UDPConn, buf []byte) (*sip.Message, netip.AddrPort, error) {
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil, from, err
		}
		if m, err := sip.Parse(buf[:n], nil); err == nil && q.answers(m) {
			return m, unmap(from), nil
		}
	}
}

func (x *examination) answered(h *Hop, m *sip.Message, from netip.AddrPort, begin time.Time, sent int) {
	now := time.Now()
	h.Answer = &Answer{From: from, RoundTrip: now.Sub(begin), Sent: sent}
	h.Answer.read(m, now)
	x.step("options", begin, false, "%s answers %d %s", from, h.Answer.Status, h.Answer.Phrase)
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
