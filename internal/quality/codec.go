package quality

import "strings"

// Codec is what the E-model must know of a codec.
type Codec struct {
	name  string
	ie    float64 // equipment impairment, of the wideband scale for wide ones
	bpl   float64 // robustness against losses
	delay float64 // algorithmic, ms
	wide  bool
}

// Name is that of the codec's media type.
func (c *Codec) Name() string { return c.name }

// codecs have Ie and Bpl of ITU-T G.113 appendix I, with concealment of losses, as telephones and gateways have it. For G.722 it is appendix IV, and the robustness is
// taken from G.711. G.113 has no value for Opus: it is taken for no worse than G.722 and for as robust as G.729, which is the cautious end of what is published.
var codecs = [...]Codec{
	{name: "PCMU", bpl: 25.1}, {name: "PCMA", bpl: 25.1},
	{name: "G729", ie: 11, bpl: 19, delay: 15},
	{name: "G723", ie: 15, bpl: 16.1, delay: 37.5},
	{name: "GSM-EFR", ie: 5, bpl: 10, delay: 20},
	{name: "G722", ie: 13, bpl: 25.1, delay: 1.5, wide: true},
	{name: "opus", ie: 13, bpl: 19, delay: 6.5, wide: true},
}

// CodecNamed finds a codec by its name in SDP; nil: the model knows nothing of it.
func CodecNamed(name string) *Codec {
	for i := range codecs {
		if strings.EqualFold(codecs[i].name, name) {
			return &codecs[i]
		}
	}
	return nil
}
