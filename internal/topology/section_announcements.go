package topology

import (
	"errors"
	"strings"

	"github.com/directsip/directsip/internal/sound"
)

// Announcement is what a caller hears before the call is refused, or goes on (RTE-29).
type Announcement struct {
	Name  string
	Clip  *sound.Clip
	Times int // how often it is heard; default 1
	// Answer: the call is answered first, which costs the caller the call, and ended or gone on with afterwards; default false, it is heard before the answer.
	Answer   bool
	Target   *Destination // where the call goes afterwards: a user, number or trunk; nil: it is refused
	Ringback *sound.Clip  // of who is called after an answer, where the caller's trunk has none; nil: it goes nowhere then
}

// mostTimes bounds how often an announcement is heard.
const mostTimes = 100

type announcementDoc struct {
	key, file, tone, country, target *node
	out                              *Announcement
}

var announcementFields = []field[announcementDoc]{
	{"file", setRef(func(d *announcementDoc) **node { return &d.file })},
	{"tone", setRef(func(d *announcementDoc) **node { return &d.tone })},
	{"country", setRef(func(d *announcementDoc) **node { return &d.country })},
	{"repeat", setCount(1, mostTimes, func(d *announcementDoc) *int { return &d.out.Times })},
	{"answer", setBool(func(d *announcementDoc) *bool { return &d.out.Answer })},
	{"target", setNode(func(d *announcementDoc) **node { return &d.target })},
}

func (c *compiler) announcements(n *node) {
	c.each(n, "announcement", func(key, value *node) {
		d := &announcementDoc{key: key, out: &Announcement{Name: key.text, Times: 1}}
		decode(c, value, announcementFields, d)
		country := c.country(d.country)
		switch {
		case d.file == nil && d.tone == nil, d.file != nil && d.tone != nil:
			c.errorf(key, "an announcement is one of file and tone").fixf("Write {file: closed.wav} or {tone: %s}", strings.Join(sound.ToneNames(), "|"))
		case d.file != nil && d.country != nil && !d.rings():
			c.errorf(d.country, "country has no meaning without tone").fixf("Remove it")
		case d.file != nil:
			d.out.Clip = c.soundFile(d.file, "announcement "+key.text)
		default:
			d.out.Clip = c.tone(d.tone, country)
		}
		if d.rings() {
			d.out.Ringback = c.sharedTone(sound.Ringback, country)
		}
		c.announcementNames.add(c, key, d.out)
		if d.target != nil {
			c.targetDocs = append(c.targetDocs, d)
		}
	})
}

// rings tells whether who has heard it waits, connected, for somebody who rings.
func (d *announcementDoc) rings() bool { return d.out.Answer && d.target != nil }

// resolveTargets finds where calls go after announcements.
func (c *compiler) resolveTargets() {
	for _, d := range c.targetDocs {
		to := c.destination(d.key, d.target)
		switch {
		case to.Announcement != nil || to.Status != 0:
			c.errorf(d.target, "after an announcement a call goes to a user, number or trunk").fixf("Without target it is refused, with the code of the rule")
		default:
			d.out.Target = &to
		}
	}
}

// checkTargets: one announcement must not lead to another one, nor to itself.
func (c *compiler) checkTargets() {
	users := map[string]bool{}
	for _, u := range c.snap.Users {
		users[u.Number] = true
	}
	for _, d := range c.targetDocs {
		if d.out.Target == nil {
			continue
		}
		seen := map[*UnassignedRange]bool{}
		for to := d.out.Target; to.Number != "" && !users[to.Number]; {
			r := c.snap.UnassignedByNumber(to.Number)
			if r == nil || seen[r] {
				break
			}
			if r.To.Announcement != nil {
				c.errorf(d.target, "the number %s is unassigned, and has the announcement %q: a call hears one only", to.Number, r.To.Announcement.Name).fixf("Send it to a number outside of the ranges")
				break
			}
			seen[r] = true
			to = &r.To
		}
	}
}

// tone makes a tone by its name.
func (c *compiler) tone(name *node, country string) *sound.Clip {
	tone := ""
	c.oneOf(name, &tone, sound.ToneNames()...)
	return c.sharedTone(tone, country)
}

// country is whose tones are meant; n is nil where nothing is said of it.
func (c *compiler) country(n *node) string {
	of := sound.DefaultCountry
	if n != nil {
		c.oneOf(n, &of, sound.Countries()...)
	}
	return of
}

// soundFile reads a WAV file.
func (c *compiler) soundFile(path *node, name string) *sound.Clip {
	if c.files == nil {
		return sound.NewClip(name, make([]int16, sound.Narrow/50))
	}
	b, err := c.files(path.text)
	if err != nil {
		c.errorf(path, "%s cannot be read: %v", path.label(), err).fixf("Name a WAV file that the server can read")
		return nil
	}
	c.sum.Write(b)
	clip, err := sound.ReadWAV(name, b)
	if f := (*sound.FileError)(nil); errors.As(err, &f) {
		c.errorf(path, "%s cannot be played: %s", path.text, f.Why).fixf("%s", strings.TrimSuffix(f.Fix, "."))
	}
	return clip
}
