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
	d.others, d.ice = c.remote.others, c.ice()
	if d.proto = "RTP/AVP"; c.a.cfg.SRTP != "" {
		d.proto, d.cryptos = "RTP/SAVP", c.local.cryptos
		if len(d.cryptos) != 1 || d.cryptos[0].suite != c.a.cfg.SRTP {
			d.cryptos = []crypto{*newCrypto(1, c.a.cfg.SRTP)}
		}
	}
	c.local = d
	c.version++
	return d.write(c.a.cfg.Name, c.version), nil
}

// secure is what an answer says of keys; false when the agent does not take the offer.
func (c *Call) secure() (ours []crypto, ok bool) {
	want := c.a.cfg.SRTP
	for _, theirs := range c.remote.cryptos {
		if theirs.suite != want {
			continue
		}
		if was := c.local.cryptos; len(was) == 1 && was[0].suite == want && was[0].tag == theirs.tag {
			return was, true
		}
		return []crypto{*newCrypto(theirs.tag, want)}, true
	}
	return nil, want == "" && c.remote.proto == "RTP/AVP"
}

// answer is the answer to the peer's latest offer; "" when no codec fits.
func (c *Call) answer() (string, error) {
	if err := c.openMedia(); err != nil {
		return "", err
	}
	chosen, ok := c.remote.choose(c.a.cfg.Codecs)
	ours, secured := c.secure()
	if !ok || !secured || c.a.cfg.ICE != "" && !c.remote.ice.known() {
		return "", nil
	}
	if c.connected.known() && c.connected.ufrag != c.remote.ice.ufrag { // the peer begins anew (RFC 8445 §9)
		c.local.ice = credentials{}
	}
	c.local = description{rtp: c.local.rtp, proto: c.remote.proto, cryptos: ours, ice: c.ice(), codecs: []codec{chosen}, dtmf: c.remote.dtmf, others: c.remote.others, known: true,
		dir: direction(c.want.sends() && c.remote.dir.receives(), c.want.receives() && c.remote.dir.sends())}
	c.version++
	text := c.local.write(c.a.cfg.Name, c.version)
	c.flow()
	return text, nil
}

// ice is what a description of ours says of ICE: the same until one side begins anew.
func (c *Call) ice() credentials {
	if c.a.cfg.ICE == "" || c.media == nil || c.local.ice.known() {
		return c.local.ice
	}
	return newCredentials(c.a.cfg.ICE, c.media)
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
	ours, theirs := c.agreedKeys()
	if err := c.media.key(ours, theirs); err != nil {
		c.a.violation(c, err.Error())
	}
	if c.a.cfg.SRTP != "" && ours == nil && c.remote.rtp.Port() != 0 {
		c.a.violation(c, "an answer without a key that fits the offer")
		c.media.set(c.remote, codec{}, false)
		return
	}
	if c.a.cfg.ICE != "" && c.remote.rtp.Port() != 0 {
		if !c.remote.ice.known() {
			c.a.violation(c, "an answer without ICE")
		}
		c.connected = c.remote.ice
		c.media.connect(c.local.ice, c.remote.ice)
	}
	chosen, ok := c.remote.choose(c.a.cfg.Codecs)
	c.media.set(c.remote, chosen, ok && c.remote.rtp.Port() != 0 && c.remote.dir.receives() && c.local.dir.sends() &&
		!c.remote.rtp.Addr().IsUnspecified())
}

// keys are the lines of both descriptions that go together; nil: RTP.
func (c *Call) agreedKeys() (ours, theirs *crypto) {
	for i := range c.local.cryptos {
		for k := range c.remote.cryptos {
			if o, t := &c.local.cryptos[i], &c.remote.cryptos[k]; o.tag == t.tag && o.suite == t.suite {
				return o, t
			}
		}
	}
	return nil, nil
}
