package transport

import "github.com/directsip/directsip/internal/sip"

// sendByAnother queues what was to go by a connection that is gone on another one from the same address: behind a NAT a peer is reached by no other way than the connections that it
// opens, and it may have opened a new one since (RFC 5626 §3.2). False: there is none, or it was tried.
func (t *Transport) sendByAnother(m *Send) bool {
	if m.Hop.Flow == 0 || m.another {
		return false
	}
	c := t.conns.another(&m.Hop)
	if c == nil {
		return false
	}
	by := *m
	by.Hop.Flow, by.another = c.flow, true
	return c.enqueue(&by)
}

// another is the accepted connection from the address of a hop by which something has come last; nil: there is none.
func (ct *connTable) another(hop *sip.Hop) (last *conn) {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	for _, c := range ct.byFlow {
		if !c.accepted || c.key.transport != hop.Transport || c.key.local != hop.Local || c.remote.Addr() != hop.Remote.Addr() || !c.isOpen() {
			continue
		}
		if (hop.Name == "" || c.peer.is(hop.Name)) && (last == nil || c.heard.Load() > last.heard.Load()) {
			last = c
		}
	}
	return last
}
