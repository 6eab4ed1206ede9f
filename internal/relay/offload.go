package relay

import "cmp"

// userSpace is why packets of the stream must be seen in user space; "": nothing keeps it from the kernel. It is pure:
// what the stream is decides, not what this host can do. Whoever adds a step to worker.pass that packets must not miss adds its
// line here. The session is locked.
func (st *stream) userSpace() string {
	switch p := st.session.player; {
	case st.opaque:
		return "not RTP"
	case st.anew():
		return "conversion"
	case p != nil && p.on && p.play.Stream == st.index:
		return "something is played"
	}
	return cmp.Or(st.byRule(), st.side[0].rtp.guard().inKernel(), st.side[1].rtp.guard().inKernel())
}
