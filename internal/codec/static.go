package codec

// Static is what a payload type stands for that needs no a=rtpmap.
type Static struct {
	Name     string
	Clock    uint32 // Hz
	Channels int
}

// statics are those of RFC 3551 §6. Type 2 is reserved there; in the field it is G.726 at 32 kbit/s. G.722 has 16 kHz, and the clock of 8000 Hz by a historical
// error (§4.5.2).
var statics = [35]Static{
	0: {"PCMU", 8000, 1}, 2: {"G726-32", 8000, 1}, 3: {"GSM", 8000, 1}, 4: {"G723", 8000, 1}, 5: {"DVI4", 8000, 1}, 6: {"DVI4", 16000, 1}, 7: {"LPC", 8000, 1},
	8: {"PCMA", 8000, 1}, 9: {"G722", 8000, 1}, 10: {"L16", 44100, 2}, 11: {"L16", 44100, 1}, 12: {"QCELP", 8000, 1}, 13: {"CN", 8000, 1}, 14: {"MPA", 90000, 1},
	15: {"G728", 8000, 1}, 16: {"DVI4", 11025, 1}, 17: {"DVI4", 22050, 1}, 18: {"G729", 8000, 1},
	25: {"CelB", 90000, 1}, 26: {"JPEG", 90000, 1}, 28: {"nv", 90000, 1}, 31: {"H261", 90000, 1}, 32: {"MPV", 90000, 1}, 33: {"MP2T", 90000, 1}, 34: {"H263", 90000, 1},
}

// StaticType is what a payload type stands for; false: it needs an a=rtpmap.
func StaticType(payloadType uint8) (s Static, ok bool) {
	if int(payloadType) < len(statics) {
		s = statics[payloadType]
	}
	return s, s.Clock != 0
}
