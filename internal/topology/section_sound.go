package topology

import "github.com/directsip/directsip/internal/sound"

// Sound is what we make ourselves that a trunk's calls hear.
type Sound struct {
	MusicOnHold string // when the peer holds: "pass" (default) what it sends, or "generate" where it sends nothing
	Ringback    string // before the answer a caller on the trunk hears: "peer" (default) what is sent, or "generate" where nothing is
	ToneCountry string // whose tones these are; default "itu"
	Tones       *Tones // made of them; nil: nothing is generated
}

// Tones are the clips of a trunk that generates some.
type Tones struct {
	Hold     *sound.Clip // nil: MusicOnHold is "pass"
	Ringback *sound.Clip // nil: Ringback is "peer"
}

func defaultSound() Sound {
	return Sound{MusicOnHold: "pass", Ringback: "peer", ToneCountry: sound.DefaultCountry}
}

var soundFields = []field[settingsDoc]{
	{"musicOnHold", setWord(func(s *TrunkSettings) *string { return &s.MusicOnHold }, "pass", "generate")},
	{"musicOnHoldSource", setRef(func(d *settingsDoc) **node { return &d.music })},
	{"ringback", setWord(func(s *TrunkSettings) *string { return &s.Ringback }, "peer", "generate")},
	{"toneCountry", setWord(func(s *TrunkSettings) *string { return &s.ToneCountry }, sound.Countries()...)},
}

// HoldClip is what the other party hears when the peer of the trunk holds and sends nothing; nil: nothing.
func (s *TrunkSettings) HoldClip() *sound.Clip {
	if s.Tones == nil {
		return nil
	}
	return s.Tones.Hold
}

// RingbackClip is what a party on the trunk hears while another one rings and sends nothing; nil: nothing.
func (s *TrunkSettings) RingbackClip() *sound.Clip {
	if s.Tones == nil {
		return nil
	}
	return s.Tones.Ringback
}

// resolveSound makes the tones of a trunk's settings.
func (c *compiler) resolveSound(d *settingsDoc) {
	s := d.out
	if d.music != nil {
		a, ok := c.announcementNames.get(c, d.music)
		switch {
		case s.MusicOnHold != "generate":
			c.errorf(d.music, "musicOnHoldSource without musicOnHold: generate would change nothing").speaksOf(d.music.parent).fixf("Add musicOnHold: generate or remove it")
		case ok:
			s.Tones = &Tones{Hold: a.Clip}
		}
	}
	if s.MusicOnHold == "generate" && d.music == nil {
		s.Tones = &Tones{Hold: c.sharedTone(sound.Hold, s.ToneCountry)}
	}
	if s.Ringback == "generate" {
		if s.Tones == nil {
			s.Tones = &Tones{}
		}
		s.Tones.Ringback = c.sharedTone(sound.Ringback, s.ToneCountry)
	}
}

// sharedTone makes a tone once, however many trunks and announcements have it; nil when it is unknown.
func (c *compiler) sharedTone(name, country string) *sound.Clip {
	key := name + " " + country
	if c.tones[key] == nil {
		if c.tones == nil {
			c.tones = make(map[string]*sound.Clip)
		}
		c.tones[key] = sound.Tone(name, country)
	}
	return c.tones[key]
}

// checkSound: settings that contradict what is generated.
func (c *compiler) checkSound(s *TrunkSettings, at func(string) *node) {
	if s.EnableBypass && (s.MusicOnHold == "generate" || s.Ringback == "generate") {
		c.errorf(at("enableBypass"), "with enableBypass media does not pass here, so nothing can be played to the peers").fixf("Set musicOnHold to pass and ringback to peer")
	}
	if s.Ringback == "generate" && s.EarlyMedia == "local" {
		c.errorf(at("ringback"), "with earlyMedia: local the caller plays its own ring-back, and with ringback: generate it hears ours").fixf("Remove one of both")
	}
	if s.Ringback == "generate" && s.MaxEarlyDialogs < 2 {
		c.errorf(at("ringback"), "ring-back of ours has an early dialog of its own, and maxEarlyDialogs is 1").fixf("Set maxEarlyDialogs to 2 or more")
	}
}
