package relay

// demultiplex takes what is neither RTP nor RTCP by its first octet (RFC 7983 §7), where the port has to do with it. False: it is for those who
// come after.
func (w *worker) demultiplex(p *port, b []byte, now int64) bool {
	if p.dtls != nil && isDTLS(b) {
		w.relay.record(p, b, &w.from, now, &w.batch)
		return true
	}
	if p.ice != nil && isSTUN(b) {
		w.check(p, b, now)
		return true
	}
	return false
}

// isDTLS tells a record of DTLS by its content type.
func isDTLS(b []byte) bool { return b[0] > 19 && b[0] < 64 }
