package siptest

import (
	"net/netip"

	"github.com/directsip/directsip/internal/sip"
)

// offer is a new offer with the direction; the agent is locked.
func (c *Call) offer(dir Direction) (string, error) {
	if err := c.openMedia(); err != nil {
		return "", err
	}
	d := description{rtp: c.local.rtp, dir: dir, dtmf: 101, known: true}
	for _, name := range c.a.cfg.Codecs {
		pt := uint8(0)
		if name == "PCMA" {
			pt = 8
		}
		d.codecs = append(d.codecs, codec{pt, name})
	}
	d.others = c.remote.others
	c.local = d
	c.version++
	return d.write(c.a.cfg.Name, c.version), nil
}

// answer is the answer to the peer's latest offer; "" when no codec fits.
func (c *Call) answer() (string, error) {
	if err := c.openMedia(); err != nil {
		return "", err
	}
	chosen, ok := c.remote.choose(c.a.cfg.Codecs)
	if !ok {
		return "", nil
	}
	c.local = description{rtp: c.local.rtp, codecs: []codec{chosen}, dtmf: c.remote.dtmf, others: c.remote.others, known: true,
		dir: direction(c.want.sends() && c.remote.dir.receives(), c.want.receives() && c.remote.dir.sends())}
	c.version++
	text := c.local.write(c.a.cfg.Name, c.version)
	c.flow()
	return text, nil
}

// openMedia gives the call its ports.
func (c *Call) openMedia() error {
	if c.local.rtp.IsValid() {
		return nil
	}
	if c.a.cfg.NoMedia || c.a.closed {
		c.local.rtp = netip.AddrPortFrom(c.a.addr.Addr(), 9)
		return nil
	}
	m, err := c.a.newMedia()
	if err != nil {
		return err
	}
	c.media, c.local.rtp = m, m.addr
	return nil
}

// take reads the SDP of a message as the peer's latest description. ok is false when it has none.
func (c *Call) take(m *sip.Message) (ok bool) {
	body, ok := m.SDP()
	if !ok {
		return false
	}
	d, err := parseSDP(body)
	if err != nil {
		c.a.violation(c, err.Error()+" in "+m.StartLine())
		return false
	}
	was := c.remote.held()
	c.remote = d
	if now := d.held(); now != was {
		kind := Resumed
		if now {
			kind = Held
		}
		c.event(kind, false, m)
	}
	return true
}

// flow starts or changes the audio after offer and answer are there.
func (c *Call) flow() {
	if c.media == nil || !c.remote.known {
		return
	}
	chosen, ok := c.remote.choose(c.a.cfg.Codecs)
	c.media.set(c.remote, chosen, ok && c.remote.rtp.Port() != 0 && c.remote.dir.receives() && c.local.dir.sends() &&
		!c.remote.rtp.Addr().IsUnspecified())
}
