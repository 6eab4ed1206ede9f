package digest

import (
	"net/netip"
	"time"
)

// Guesses counts the wrong passwords of each source, so that nobody tries many (RFC 3261 §26.1, RFC 7616 §5.5). The zero value is ready.
type Guesses struct {
	by map[source]guess
}

// source is an address from which we are called at one of ours: another of ours may be in another network, which has the same addresses for others.
type source struct{ at, from netip.Addr }

// guess is what one source has tried.
type guess struct {
	n     int
	since time.Time // of the first
}

// A source may be wrong maxGuesses times in guessTime; then it is not heard until that is over. maxGuessers bounds the sources.
const (
	maxGuesses  = 10
	guessTime   = time.Minute
	maxGuessers = 4096
)

// Locked tells whether a source has, at one of our addresses, been wrong too often.
func (g *Guesses) Locked(now time.Time, at, from netip.Addr) bool {
	t := g.by[source{at, from}]
	return t.n >= maxGuesses && now.Sub(t.since) < guessTime
}

// Guessed counts a wrong password. True: it is the one too many.
func (g *Guesses) Guessed(now time.Time, at, from netip.Addr) bool {
	who := source{at, from}
	t, known := g.by[who]
	if now.Sub(t.since) >= guessTime {
		t = guess{since: now}
	}
	if !known && len(g.by) >= maxGuessers {
		g.clean(now)
	}
	if g.by == nil {
		g.by = make(map[source]guess)
	}
	t.n++
	g.by[who] = t
	return t.n == maxGuesses
}

// clean forgets those whose time is over, and when there are none, whoever comes first.
func (g *Guesses) clean(now time.Time) {
	for who, t := range g.by {
		if now.Sub(t.since) >= guessTime {
			delete(g.by, who)
		}
	}
	for who := range g.by {
		if len(g.by) < maxGuessers {
			return
		}
		delete(g.by, who)
	}
}
