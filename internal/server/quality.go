package server

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/directsip/directsip/internal/cdr"
)

// qualityMetrics are what ended calls say of the audio of trunks. A direction is "from" the peer of the trunk, as it came here, or "to" it, as its RTCP reports it.
type qualityMetrics struct {
	mos, loss, jitter, trip *prometheus.HistogramVec
	poor, faults, bare      *prometheus.CounterVec
	listened, unheard       *prometheus.CounterVec
}

func newQualityMetrics() *qualityMetrics {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "directsip_audio_" + name, Help: help, Buckets: buckets}, labels)
	}
	return &qualityMetrics{
		mos: histogram("mos", "Mean opinion score of a direction of a call on a trunk, by the E-model; of wideband codecs it is of another scale.", []float64{2, 2.6, 3.1, 3.6, 4, 4.3}, "trunk", "direction", "scale"),
		loss: histogram("loss_ratio", "Share of the RTP packets of a direction that were lost or late.",
			[]float64{.001, .003, .01, .02, .05, .1, .2}, "trunk", "direction"),
		jitter: histogram("jitter_seconds", "Interarrival jitter of a direction at the end of a call (RFC 3550).", []float64{.001, .003, .01, .02, .03, .05, .1}, "trunk", "direction"),
		trip:   histogram("round_trip_seconds", "Mean round trip of a call to the peer of a trunk, by RTCP.", []float64{.003, .01, .03, .1, .2, .3, .5, 1}, "trunk"),
		poor: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_audio_poor_total",
			Help: "Calls whose audio was beyond poorMOS, poorLoss, poorJitter or poorRoundTrip of a trunk."}, []string{"trunk"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_audio_faults_total",
			Help: "Ended calls of which a side was not heard, or badly, by cause (see docs/quality.md) and the trunk that it lies with."}, []string{"trunk", "cause"}),
		listened: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_audio_listened_total",
			Help: "Ended calls in which the peer of a trunk was to be heard for long enough to say whether it was."}, []string{"trunk"}),
		unheard: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_audio_unheard_total",
			Help: "Those of them in which nothing of it was heard, or nothing by it of what had come here for it."}, []string{"trunk"}),
		bare: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_audio_no_comfort_noise_total",
			Help: "Ended calls in which the peer of a trunk sent nothing in pauses, and no comfort noise (RFC 3389)."}, []string{"trunk"}),
	}
}

func (q *qualityMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{q.mos, q.loss, q.jitter, q.trip, q.poor, q.faults, q.bare, q.listened, q.unheard}
}

// ended takes one call.
func (q *qualityMetrics) ended(r *cdr.Record, log *slog.Logger) {
	if r.Out == nil {
		return
	}
	poor := map[string]bool{}
	caller, _ := r.Party("caller")
	callee, _ := r.Party("callee")
	for i := range r.Media {
		m := &r.Media[i]
		if m.Kind != "" {
			continue
		}
		near, far := caller, callee
		if m.From != "caller" {
			near, far = far, near
		}
		if m.Evidence.Bare() {
			q.bare.WithLabelValues(near).Inc()
			log.Warn("a peer sends nothing in pauses, and no comfort noise", "trunk", near, "id", r.ID, "pauses", m.Evidence.Pauses)
		}
		if !m.Telling() {
			continue
		}
		q.heard(&m.Quality.Arrived, near, "from", poor)
		if m.Quality.Reported != nil {
			q.heard(m.Quality.Reported, far, "to", poor)
		}
		if t := m.Quality.RoundTrip; t > 0 {
			q.trip.WithLabelValues(near).Observe(t.Seconds())
		}
	}
	for trunk := range poor {
		q.poor.WithLabelValues(trunk).Inc()
	}
	for _, side := range [...]string{"caller", "callee"} {
		if asked, not := r.Unheard(side); asked {
			trunk, _ := r.Party(side)
			q.listened.WithLabelValues(trunk).Inc()
			unheard := q.unheard.WithLabelValues(trunk) // it is there before it grows
			if not {
				unheard.Inc()
			}
		}
	}
	for i := range r.Audio {
		for side, cause := range r.Audio[i].Faults() {
			trunk, _ := r.Party(side)
			q.faults.WithLabelValues(trunk, cause).Inc()
		}
	}
}

func (q *qualityMetrics) heard(h *cdr.Heard, trunk, direction string, poor map[string]bool) {
	if h.MOS > 0 {
		scale := "narrow"
		if h.Wideband {
			scale = "wide"
		}
		q.mos.WithLabelValues(trunk, direction, scale).Observe(h.MOS.Float())
	}
	q.loss.WithLabelValues(trunk, direction).Observe((h.Loss + h.Late).Float() / 100)
	q.jitter.WithLabelValues(trunk, direction).Observe(h.Jitter.Seconds())
	if h.Poor != "" {
		poor[trunk] = true
	}
}
