package server

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/health"
)

// metrics are the server's own registry: what is counted per call, and what is read when somebody asks.
type metrics struct {
	s        *Server
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	attempts *prometheus.CounterVec
	setup    prometheus.Histogram
	talk     prometheus.Histogram
	quality  *qualityMetrics
	bypassed prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	m := &metrics{s: s, registry: prometheus.NewRegistry(), quality: newQualityMetrics()}
	m.registry.MustRegister(m.quality.collectors()...)
	m.calls = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_calls_total",
		Help: "Ended calls by incoming trunk and reason (see docs/diagnostics.md)."}, []string{"trunk", "reason"})
	m.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "directsip_attempts_total",
		Help: "Attempts by outgoing trunk and class of their result."}, []string{"trunk", "class"})
	m.setup = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "directsip_call_setup_seconds",
		Help: "From the caller's INVITE to the first 18x or answer.", Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20}})
	m.talk = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "directsip_call_talk_seconds",
		Help: "From the answer to the end of answered calls.", Buckets: []float64{1, 5, 15, 30, 60, 180, 600, 1800, 3600, 7200}})
	m.bypassed = prometheus.NewCounter(prometheus.CounterOpts{Name: "directsip_calls_bypassed_total",
		Help: "Ended calls whose media went between the peers."})
	m.registry.MustRegister(m.calls, m.attempts, m.setup, m.talk, m.bypassed, gauges{s},
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(inUse)), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// inUse adds what the heap held at its last collection, without the garbage, which may be much more (cli: gcMost).
var inUse = collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/gc/heap/live:bytes$`)}

// ended counts one call.
func (m *metrics) ended(r *cdr.Record) {
	m.calls.WithLabelValues(r.In.Trunk, r.Reason).Inc()
	for i := range r.Attempts {
		m.attempts.WithLabelValues(r.Attempts[i].Trunk, r.Attempts[i].Class).Inc()
	}
	if r.Bypassed {
		m.bypassed.Inc()
	}
	if !r.Ringing.IsZero() {
		m.setup.Observe(max(0, r.Ringing.Sub(r.Start).Seconds()))
	}
	if !r.Answered.IsZero() {
		m.talk.Observe(max(0, r.End.Sub(r.Answered).Seconds()))
	}
	m.quality.ended(r, m.s.log)
	m.s.targets.note(r)
	m.s.targets.try(r, time.Now())
}

// gauges reads what exists elsewhere.
type gauges struct{ s *Server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("directsip_"+name, help, labels, nil)
}

var (
	descLive       = desc("calls", "Running calls.")
	descDraining   = desc("draining", "1 while new calls are refused.")
	descTrunk      = desc("trunk_state", "Health of a trunk: 0 down, 1 half open, 2 degraded, 3 up.", "trunk")
	descTrunkCall  = desc("trunk_calls", "Running calls of a trunk.", "trunk")
	descRegistered = desc("trunk_registered", "1 while this server is registered on the trunk with its provider, else 0.", "trunk")
	descTrunkMax   = desc("trunk_calls_limit", "Calls that a trunk may have at once (maxCalls).", "trunk")
	descCert       = desc("certificate_expiry_timestamp_seconds", "When our certificate for TLS expires.", "server")
	descSIP        = desc("sip_events_total", "Messages by what became of them.", "event")
	descMessages   = desc("sip_messages_total", "Messages by listener and direction.", "transport", "address", "direction")
	descDrops      = desc("sip_dropped_total", "Messages and connections refused by listener and reason.", "transport", "address", "reason")
	descRecords    = desc("records_total", "Call records by what became of them.", "event")
	descMedia      = desc("media", "What the media relay has open.", "what")
	descPackets    = desc("media_packets_total", "Packets of the media relay by what became of them.", "event")
	descDead       = desc("media_silences_total", "Sides of a call that fell silent for mediaTimeout.")
	descUnshaken   = desc("media_handshakes_failed_total", "Handshakes of DTLS-SRTP that failed.")
	descPorts      = desc("media_ports_free", "Pairs of media ports that are not in use.")
	descQueue      = desc("shard_queue", "Messages and events that wait for a shard.", "shard")
	descLag        = desc("shard_lag_seconds", "How long the last message had waited for its shard.", "shard")
	descConns      = desc("sip_connections", "Open TCP and TLS connections by who opened them.", "opened")
	descLost       = desc("sip_lost_failures_total", "Failures to send that signalling was not told of.")
	descWaiting    = desc("records_waiting", "Call records that are not yet written to disk.")
	descQuality    = desc("quality_records_total", "Quality records by what became of them at the consumer.", "event")
	descOldest     = desc("quality_records_lag_seconds", "How long the oldest quality record waits that the consumer does not take.")
	descLinkUsed   = desc("link_kbps", "What the calls of this server need on a link of the network.", "link", "kind")
	descLinkShare  = desc("link_kbps_limit", "The share of this server of a link.", "link", "kind")
	descLinkNo     = desc("link_refused_total", "Calls and changes of calls that a link had no room for.", "link", "kind")
	descTracked    = desc("host_tracked", "Connections that the host keeps track of for its packet filter.")
	descTrackedMax = desc("host_tracked_limit", "Connections that the host can keep track of.")
	descInfo       = desc("info", "1; what runs here.", "version", "server", "pool", "document")
)

// Describe is prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLive, descDraining, descTrunk, descTrunkCall, descRegistered, descTrunkMax, descCert, descSIP,
		descMessages, descDrops, descRecords, descMedia, descPackets, descDead, descUnshaken, descPorts, descQueue, descLag, descConns, descLost, descWaiting, descQuality, descOldest, descLinkUsed, descLinkShare, descLinkNo, descTracked, descTrackedMax, descInfo} {
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
		if !t.Trunk.Disabled {
			gauge(descTrunk, float64(health.Down-t.Health.State), t.Trunk.Name)
		}
		gauge(descTrunkCall, float64(t.Calls), t.Trunk.Name)
		if r := t.Registration; r != nil {
			up := 0.0
			if r.Up() {
				up = 1
			}
			gauge(descRegistered, up, t.Trunk.Name)
		}
		if n := t.Trunk.Settings.MaxCalls; n > 0 {
			gauge(descTrunkMax, float64(n), t.Trunk.Name)
		}
	}
	gauge(descPorts, float64(s.engine.FreePorts()))
	n, most := tracked(host)
	gauge(descTracked, n)
	gauge(descTrackedMax, most)
	for i, l := range s.engine.Loads() {
		shard := strconv.Itoa(i)
		gauge(descQueue, float64(l.Queue), shard)
		gauge(descLag, l.Lag.Seconds(), shard)
	}
	for _, u := range s.engine.Links() {
		gauge(descLinkUsed, float64(u.Used), u.Link.Name, u.Kind.String())
		count(descLinkNo, u.Refused, u.Link.Name, u.Kind.String())
		if n := limit(u.Share); n != nil {
			gauge(descLinkShare, float64(*n), u.Link.Name, u.Kind.String())
		}
	}
	me := s.current.Load()
	gauge(descInfo, 1, Version, me.Name, me.Pool.Name, s.engine.Snapshot().Version)
	c := s.engine.Counters()
	events(count, descSIP, []event{{"call", c.Calls}, {"stray", c.Stray}, {"unknown-source", c.Unknown}, {"refused", c.Refused}, {"options", c.Options},
		{"authenticated", c.Authenticated}, {"challenged", c.Challenged}, {"wrong-password", c.WrongPassword}, {"password-guessed", c.Locked},
		{"malformed", c.Malformed}, {"overload", c.Shed}, {"overload-dropped", c.Dropped}, {"fault", c.Panics}})
	g.transport(count, gauge)
	st := s.store.Stats()
	events(count, descRecords, []event{{"put", st.Put}, {"acknowledged", st.Acknowledged}, {"written", st.Written}, {"dropped", st.Dropped},
		{"slimmed", st.Slimmed}, {"write-error", st.WriteErrors}, {"index-error", st.IndexErrors}})
	gauge(descWaiting, float64(st.Put-min(st.Put, st.Acknowledged)))
	if n := &s.consumed; s.current.Load().QualityConsumer != "" {
		events(count, descQuality, []event{{"posted", n.posted.Load()}, {"failed", n.failed.Load()}, {"dropped", n.dropped.Load()}})
		gauge(descOldest, n.lag(time.Now()).Seconds())
	}
	t := s.relay.Totals()
	gauge(descMedia, float64(t.Sessions), "sessions")
	gauge(descMedia, float64(t.Streams), "streams")
	gauge(descMedia, float64(t.Sockets+t.Connected), "sockets")
	events(count, descPackets, []event{{"rtp", t.Packets}, {"rtcp", t.RTCP}, {"gated", t.Gated}, {"dropped", t.Dropped}, {"unauthentic", t.Unauthentic}, {"send-error", t.SendErrors}, {"played", t.Played},
		{"report", t.Reports}, {"lost", t.Lost}, {"check", t.Checks}, {"late", t.Late}, {"overflow", t.Overflown}})
	count(descDead, t.Dead)
	gauge(descMedia, float64(t.InKernel), "in-kernel")
	gauge(descMedia, float64(t.Handshakes), "handshakes")
	count(descUnshaken, t.Unshaken)
}

// event is one counter of a family.
type event struct {
	name string
	n    uint64
}

func events(count func(*prometheus.Desc, uint64, ...string), d *prometheus.Desc, list []event) {
	for _, e := range list {
		count(d, e.n, e.name)
	}
}

func (g gauges) transport(count func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, float64, ...string)) {
	all := g.s.transport.Stats()
	for _, l := range all.Listeners {
		tr, addr := l.Transport.String(), l.Addr.String()
		count(descMessages, l.In.Messages, tr, addr, "in")
		count(descMessages, l.Out.Messages, tr, addr, "out")
		for _, e := range []event{{"unknown-source", l.Drops.UnknownSource}, {"rate", l.Drops.Rate}, {"oversize", l.Drops.Oversize},
			{"malformed", l.Drops.Malformed}, {"slow", l.Drops.Slow}, {"queue-full", l.Drops.QueueFull}, {"send-error", l.Drops.SendError}, {"unreachable", l.Drops.Unreachable},
			{"kernel", l.Drops.Kernel}, {"handshake", l.HandshakeFailed}, {"connection-limit", l.Refused}, {"dial", l.DialFailed}} {
			count(descDrops, e.n, tr, addr, e.name)
		}
	}
	if ends := g.s.certificateEnds(); !ends.IsZero() {
		gauge(descCert, float64(ends.Unix()), g.s.current.Load().Name)
	}
	gauge(descConns, float64(all.Accepted), "peer")
	gauge(descConns, float64(all.Dialled), "us")
	count(descLost, all.LostFailures)
}

// healthz says 200 while new calls are taken, 503 while draining: what a load balancer wants to know.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	state := "ok"
	if !s.ready.Load() || s.engine.Draining() {
		state = "draining"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	text := state + " calls=" + strconv.Itoa(s.engine.Live())
	if _, refusal := s.store.Waiting(); refusal != nil { // it serves calls all the same
		text += ", the disk refuses call records"
	}
	w.Write([]byte(text + "\n"))
}
