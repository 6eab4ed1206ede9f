package topology

import (
	"errors"
	"strings"

	"github.com/directsip/directsip/internal/sound"
)

// Announcement is what a caller hears before the call is refused (RTE-29).
type Announcement struct {
	Name  string
	Clip  *sound.Clip
	Times int // how often it is heard; default 1
	// Answer: the call is answered first, and ended afterwards, which costs the caller the call; default false, it is heard before the answer.
	Answer bool
}

// mostTimes bounds how often an announcement is heard.
const mostTimes = 100

type announcementDoc struct {
	file, tone, country *node
	out                 *Announcement
}

var announcementFields = []field[announcementDoc]{
	{"file", setRef(func(d *announcementDoc) **node { return &d.file })},
	{"tone", setRef(func(d *announcementDoc) **node { return &d.tone })},
	{"country", setRef(func(d *announcementDoc) **node { return &d.country })},
	{"repeat", setCount(1, mostTimes, func(d *announcementDoc) *int { return &d.out.Times })},
	{"answer", setBool(func(d *announcementDoc) *bool { return &d.out.Answer })},
}

func (c *compiler) announcements(n *node) {
	c.each(n, "announcement", func(key, value *node) {
		d := &announcementDoc{out: &Announcement{Name: key.text, Times: 1}}
		decode(c, value, announcementFields, d)
		switch {
		case d.file == nil && d.tone == nil, d.file != nil && d.tone != nil:
			c.errorf(key, "an announcement is one of file and tone").fixf("Write {file: closed.wav} or {tone: %s}", strings.Join(sound.ToneNames(), "|"))
		case d.file != nil && d.country != nil:
			c.errorf(d.country, "country has no meaning without tone").fixf("Remove it")
		case d.file != nil:
			d.out.Clip = c.soundFile(d.file, "announcement "+key.text)
		default:
			d.out.Clip = c.tone(d.tone, d.country)
		}
		c.announcementNames.add(c, key, d.out)
	})
}

// tone makes a tone by its name and perhaps a country.
func (c *compiler) tone(name, country *node) *sound.Clip {
	tone, of := "", sound.DefaultCountry
	c.oneOf(name, &tone, sound.ToneNames()...)
	if country != nil {
		c.oneOf(country, &of, sound.Countries()...)
	}
	return c.sharedTone(tone, of)
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
