package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
)

// writeQuality has a line for each leg and direction of each stream, and a sentence for what is heard of each side.
func writeQuality(w io.Writer, r *cdr.Record, now time.Time) {
	rated := false
	t := columns(w)
	for i := range r.Media {
		q := r.Media[i].Quality
		if q == nil {
			continue
		}
		if !rated {
			fmt.Fprintf(w, "\nquality\n")
			rated = true
		}
		m, other := &r.Media[i], "callee"
		if m.From == other {
			other = "caller"
		}
		name := cmp.Or(q.Codec, m.Kind, "unknown codec")
		if q.Arrived.Wideband {
			name += " (wideband)"
		}
		unrated := "MOS unknown"
		if !m.Telling() {
			unrated = "too short for a MOS"
		}
		fmt.Fprintf(t, "  stream %d\tfrom %s\t%s\t%s\n", m.Stream, m.From, name, figures(&q.Arrived, q.RoundTrip, unrated)+levels(q))
		if q.Reported != nil {
			by := "by its RTCP"
			if q.Reported.Wideband {
				by += " (wideband)"
			}
			fmt.Fprintf(t, "  stream %d\tto %s\t%s\t%s\n", m.Stream, other, by, figures(q.Reported, 0, unrated))
		}
	}
	t.Flush()
	for i, a := range r.Judge(now) {
		if i == 0 {
			fmt.Fprintf(w, "\naudio\n")
		}
		fmt.Fprintf(w, "  %s\n", a.Text)
	}
}

// score is that of the worst of a call.
func score(s *store.Summary) string {
	text := dash("")
	if s.MOS > 0 {
		text = fmt.Sprintf("%.1f", s.MOS.Float())
		if s.Wideband {
			text += " wide"
		}
	}
	if s.Poor {
		text += " poor"
	}
	for _, a := range s.Audio {
		text += " " + a
	}
	return text
}

// figures are those of one place, in one line, with what is said where there is no MOS.
func figures(h *cdr.Heard, roundTrip time.Duration, unrated string) string {
	s := unrated
	if h.MOS > 0 {
		s = fmt.Sprintf("MOS %.2f, R %.0f", h.MOS.Float(), h.R.Float())
	}
	s += fmt.Sprintf(", lost %s %%, late %s %%, jitter %s", h.Loss, h.Late, h.Jitter.Round(100*time.Microsecond))
	switch {
	case h.Unmeasured:
		s += ", bursts not measured"
	case h.BurstPackets > 0:
		s += fmt.Sprintf(", bursts of %s packets with %s %% lost, gaps with %s %%", h.BurstPackets, h.BurstLoss, h.GapLoss)
	}
	if roundTrip > 0 {
		s += ", round trip " + roundTrip.Round(100*time.Microsecond).String()
	}
	if h.Poor != "" {
		s += ", poor: " + h.Poor
	}
	return s
}

func levels(q *cdr.Quality) string {
	s := ""
	if q.Signal != 0 {
		s += fmt.Sprintf(", speech %.0f dBov", q.Signal.Float())
	}
	if q.Noise != 0 {
		s += fmt.Sprintf(", pauses %.0f dBov", q.Noise.Float())
	}
	return s
}
