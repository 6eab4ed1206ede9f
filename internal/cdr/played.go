package cdr

import "time"

// Played is something that the server itself let a party hear: an announcement, a tone, music.
type Played struct {
	At    time.Time     `json:"at"`
	To    string        `json:"to"`              // "caller" or "callee"
	What  string        `json:"what"`            // "announcement closed", "ringback de"
	Codec string        `json:"codec,omitempty"` // "" when it was not heard
	Took  time.Duration `json:"took,omitempty"`
	Why   string        `json:"why,omitempty"` // it was not heard
}

const fPlayedTo, fPlayedWhat, fPlayedCodec, fPlayedWhy = 1, 2, 3, 4 // and what is of attempts too

func (w *binaryWriter) played(p *Played) {
	w.begin(fPlayed)
	w.word(fPlayedTo, p.To)
	w.text(fPlayedWhat, p.What)
	w.word(fPlayedCodec, p.Codec)
	w.text(fPlayedWhy, p.Why)
	w.tried(p.At, p.Took, 0, "")
	w.end()
}

func (d *decoder) played(f field) {
	if len(d.r.Played) == maxList {
		d.fail()
		return
	}
	var p Played
	var status int
	var reason string
	d.group(f, func(f field) {
		switch f.no {
		case fPlayedTo:
			p.To = d.text(f)
		case fPlayedWhat:
			p.What = d.text(f)
		case fPlayedCodec:
			p.Codec = d.text(f)
		case fPlayedWhy:
			p.Why = d.text(f)
		default:
			d.tried(f, &p.At, &p.Took, &status, &reason)
		}
	})
	d.r.Played = append(d.r.Played, p)
}
