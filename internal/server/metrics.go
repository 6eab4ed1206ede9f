package server

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/health"
	"github.com/directsip/directsip/internal/topology"
)

// metrics are the server's own registry: what is counted per call, and what is read when somebody asks.
type metrics struct {
	s        *Server
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	attempts *prometheus.CounterVec
	setup    prometheus.Histogram
	talk     prometheus.Histogram
}

func newMetrics(s *Server) *metrics {
	m := &metrics{s: s, registry: prometheus.NewRegistry()}
	m.calls = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_calls_total",
		Help: "Ended calls by incoming trunk and reason (see docs/diagnostics.md)."}, []string{"trunk", "reason"})
	m.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_attempts_total",
		Help: "Attempts by outgoing trunk and class of their result."}, []string{"trunk", "class"})
	m.setup = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "directsip_call_setup_seconds",
		Help: "From the caller's INVITE to the first 18x or answer.", Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20}})
	m.talk = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "directsip_call_talk_seconds",
		Help: "From the answer to the end of answered calls.", Buckets: []float64{1, 5, 15, 30, 60, 180, 600, 1800, 3600, 7200}})
	m.registry.MustRegister(m.calls, m.attempts, m.setup, m.talk, gauges{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ended counts one call.
func (m *metrics) ended(r *cdr.Record) {
	m.calls.WithLabelValues(r.In.Trunk, r.Reason).Inc()
	for i := range r.Attempts {
		m.attempts.WithLabelValues(r.Attempts[i].Trunk, r.Attempts[i].Class).Inc()
	}
	if !r.Ringing.IsZero() {
		m.setup.Observe(r.Ringing.Sub(r.Start).Seconds())
	}
	if !r.Answered.IsZero() {
		m.talk.Observe(r.End.Sub(r.Answered).Seconds())
	}
}

// gauges reads what exists elsewhere.
type gauges struct{ s *Server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("directsip_"+name, help, labels, nil)
}

var (
	descLive      = desc("calls", "Running calls.")
	descDraining  = desc("draining", "1 while new calls are refused.")
	descTrunk     = desc("trunk_state", "Health of a trunk: 0 down, 1 half open, 2 degraded, 3 up.", "trunk")
	descTrunkCall = desc("trunk_calls", "Running calls of a trunk.", "trunk")
	descSIP       = desc("sip_events_total", "Messages by what became of them.", "event")
	descMessages  = desc("sip_messages_total", "Messages by listener and direction.", "transport", "address", "direction")
	descDrops     = desc("sip_dropped_total", "Messages and connections refused by listener and reason.", "transport", "address", "reason")
	descRecords   = desc("records_total", "Call records by what became of them.", "event")
	descMedia     = desc("media", "Media relay.", "what")
)

// Describe is prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLive, descDraining, descTrunk, descTrunkCall, descSIP, descMessages, descDrops, descRecords, descMedia} {
		ch <- d
	}
}

// Collect is prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.s
	if !s.ready.Load() {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descLive, float64(s.engine.Live()))
	draining := 0.0
	if s.engine.Draining() {
		draining = 1
	}
	gauge(descDraining, draining)
	for _, t := range s.engine.Trunks() {
		gauge(descTrunk, float64(health.Down-t.Health.State), t.Trunk.Name)
		gauge(descTrunkCall, float64(t.Calls), t.Trunk.Name)
	}
	c := s.engine.Counters()
	for _, e := range []struct {
		name string
		n    uint64
	}{{"call", c.Calls}, {"stray", c.Stray}, {"unknown-source", c.Unknown}, {"refused", c.Refused}, {"options", c.Options},
		{"malformed", c.Malformed}, {"overload", c.Shed}, {"fault", c.Panics}} {
		count(descSIP, e.n, e.name)
	}
	g.transport(count)
	st := s.store.Stats()
	count(descRecords, st.Put, "put")
	count(descRecords, st.Acknowledged, "acknowledged")
	count(descRecords, st.Inserted, "inserted")
	count(descRecords, st.Dropped, "dropped")
	t := s.relay.Totals()
	gauge(descMedia, float64(t.Sessions), "sessions")
	gauge(descMedia, float64(t.Streams), "streams")
	gauge(descMedia, float64(t.Sockets), "sockets")
}

func (g gauges) transport(count func(*prometheus.Desc, uint64, ...string)) {
	for _, l := range g.s.transport.Stats().Listeners {
		tr, addr := l.Transport.String(), l.Addr.String()
		count(descMessages, l.In.Messages, tr, addr, "in")
		count(descMessages, l.Out.Messages, tr, addr, "out")
		for _, d := range []struct {
			name string
			n    uint64
		}{{"unknown-source", l.Drops.UnknownSource}, {"rate", l.Drops.Rate}, {"oversize", l.Drops.Oversize}, {"malformed", l.Drops.Malformed},
			{"slow", l.Drops.Slow}, {"queue-full", l.Drops.QueueFull}, {"send-error", l.Drops.SendError}, {"kernel", l.Drops.Kernel},
			{"handshake", l.HandshakeFailed}, {"connection-limit", l.Refused}} {
			count(descDrops, d.n, tr, addr, d.name)
		}
	}
}

// servePublic opens /metrics and /healthz where the document says so.
func (s *Server) servePublic(me *topology.Server) error {
	if me.Metrics == "" {
		return nil
	}
	l, err := net.Listen("tcp", me.Metrics)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", s.healthz)
	s.public = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	go s.public.Serve(l)
	return nil
}

// healthz says 200 while new calls are taken, 503 while draining: what a load balancer wants to know.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() || s.engine.Draining() {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte("draining\n"))
		return
	}
	w.Write([]byte("ok calls=" + strconv.Itoa(s.engine.Live()) + "\n"))
}
