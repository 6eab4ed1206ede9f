package bench

import (
	"fmt"
	"os"
)

// transcoding compares relays whose ends have no codec in common. Few calls fill a core here, and rtpengine's core first, so there are as many as it
// carries at some two thirds of it; directsip carries more of those that it codes for half its core, too.
func (b *Bench) transcoding() (*Table, error) {
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var relays []relaying
	for _, pair := range []struct {
		formats     [2]format
		calls, more int
	}{{[2]format{pcmu, pcma}, 200, 500}, {[2]format{pcma, g722}, 120, 300}, {[2]format{pcma, opus}, 25, 150}} {
		name := pair.formats[0].name + "-" + pair.formats[1].name
		var k parties
		for i, f := range pair.formats {
			if k[i].format, err = f.speak(dir); err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
		}
		peer := "rtpengine, " + name
		relays = append(relays, b.own("directsip, "+name, peer, pair.calls, "", k), b.rtpengine(peer, pair.calls, k),
			b.own("directsip, "+name+", more calls", peer, pair.more, "", k))
		if k[1].format.narrow != nil {
			k[1].format.narrow = nil
			relays = append(relays, b.own("directsip, "+name+", more calls, whole band", peer, pair.more, "", k))
		}
	}
	return b.compare("transcoding", "speech coded anew", relays,
		"Both code as they do unless they are told otherwise: Opus toward the callee is mono of the telephone's band from directsip, and stereo from rtpengine.",
		"Whose Opus is converted is asked by directsip for the telephone's band alone (RFC 7587 maxplaybackrate), and by rtpengine for nothing. The ends do as they "+
			"are asked, but those of the row with the whole band: to decode that takes three times as long.",
		"What is coded anew does not tell when it left. Where a relay holds packets for longer than 20 ms, one of a stream may be taken for the next at an end of "+
			"the window: that is why a loss can be a little less than 0.")
}
