package ua_test

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/media"
	"github.com/directsip/directsip/internal/sdp"
)

// mayRefuse tells whether somebody has asked for what a telephone is asked: what only tells it what is so it takes.
func (w *walk) mayRefuse(p *phone, begins bool) bool {
	for _, o := range w.phones {
		if !o.withdrew.IsZero() && w.now.Sub(o.withdrew) < 40*time.Second {
			return false
		}
	}
	if begins || p.refusable {
		p.refusable, p.crossed = false, !begins
		return true
	}
	o := w.opposite(p)
	return o != nil && (o.invite != nil || o.updates)
}

// opposite is who a telephone talks to.
func (w *walk) opposite(p *phone) *phone {
	if p.told == nil {
		return nil
	}
	if w.past {
		for _, o := range w.phones {
			if o != p && o.d != nil && o.said != nil && slices.ContainsFunc(p.told.Media, func(m sdp.Media) bool {
				return slices.ContainsFunc(o.said.Media, func(n sdp.Media) bool { return m.Port == n.Port && m.Conn == n.Conn })
			}) {
				return o
			}
		}
	}
	for _, s := range w.sessions {
		for i := range s.Streams {
			for k := range 2 {
				if !slices.ContainsFunc(p.told.Media, func(m sdp.Media) bool { return m.Port == s.Streams[i].Side[k].Local.Port() }) {
					continue
				}
				for _, o := range w.phones {
					if o != p && o.d != nil && o.told != nil && slices.ContainsFunc(o.told.Media, func(m sdp.Media) bool { return m.Port == s.Streams[i].Side[1-k].Local.Port() }) {
						return o
					}
				}
			}
		}
	}
	return nil
}

// busy tells whether somebody is asked something at the moment.
func (w *walk) busy() bool {
	return slices.ContainsFunc(w.phones[:], func(p *phone) bool {
		return p.invite != nil || p.serves != nil || p.updates || p.proposes != nil || p.unacked || p.d != nil && w.now.Sub(p.last) < time.Second
	})
}

// rested checks the call when nobody does anything any more.
func (w *walk) rested() bool {
	if w.ended != "" {
		w.t.Errorf("a call has ended: %s", w.ended)
		return false
	}
	n := 0
	for _, p := range w.phones {
		if p.invite != nil || p.serves != nil || p.updates || p.proposes != nil || p.unacked {
			w.t.Errorf("%d still waits: invite %v serves %v updates %v proposes %v unacked %v", p.host, p.invite != nil, p.serves != nil, p.updates, p.proposes != nil, p.unacked)
			return false
		}
		if p.d != nil {
			n++
		}
	}
	if !w.past && n != 2*len(w.sessions) {
		w.t.Errorf("%d talk in %d calls", n, len(w.sessions))
		return false
	}
	ok := true
	fail := func(format string, args ...any) { w.t.Errorf(format, args...); ok = false }
	for _, p := range w.phones {
		if p.d == nil {
			continue
		}
		for i := range p.said.Media {
			m, told := &p.said.Media[i], &p.told.Media[i]
			if m.Rejected() || told.Rejected() {
				if p.sendsOn(i) || p.hearsOn(i) {
					fail("line %d: %d sends without media", i, p.host)
				}
				continue
			}
			if w.past && told.Conn.String() != "192.0.2.10" {
				j := -1
				var o *phone
				for _, q := range w.phones {
					if q.d == nil {
						continue
					}
					if at := slices.IndexFunc(q.said.Media, func(m sdp.Media) bool { return m.Port == told.Port && m.Conn == told.Conn }); at >= 0 {
						o, j = q, at
					}
				}
				switch {
				case o == nil:
					fail("line %d: %d is told of %v:%d, where nobody is", i, p.host, told.Conn, told.Port)
				case p.sendsOn(i) != o.hearsOn(j) || p.hearsOn(i) != o.sendsOn(j):
					fail("line %d: %d sends %v and hears %v, and line %d of %d: %v/%v and %v/%v", i, p.host, p.sendsOn(i), p.hearsOn(i), j, o.host, dirs(p.said, i), dirs(p.told, i), dirs(o.said, j), dirs(o.told, j))
				case m.Kind != "image" && !slices.Equal(keysAt(p.told, i), keysAt(o.said, j)):
					fail("line %d: %d is told of other keys than %d has", i, p.host, o.host)
				case o.told.Media[j].Port != m.Port:
					fail("line %d: %d is at %d, and %d is told of %d", i, p.host, m.Port, o.host, o.told.Media[j].Port)
				}
				continue
			}
			n, k := -1, 0
			var session *media.Session
			for _, s := range w.sessions {
				for at := range s.Streams {
					for side := range 2 {
						if s.Streams[at].Side[side].Local.Port() == told.Port {
							n, k, session = at, side, s
						}
					}
				}
			}
			if n < 0 {
				fail("line %d of %d is not relayed", i, p.host)
				continue
			}
			j := -1
			var o *phone
			for _, q := range w.phones {
				if q.d == nil {
					continue
				}
				if at := slices.IndexFunc(q.told.Media, func(m sdp.Media) bool { return m.Port == session.Streams[n].Side[1-k].Local.Port() }); at >= 0 {
					o, j = q, at
				}
			}
			if o == nil && (p.sendsOn(i) || p.hearsOn(i)) {
				fail("line %d: %d sends %v and hears %v, and nobody else does: %v/%v", i, p.host, p.sendsOn(i), p.hearsOn(i), dirs(p.said, i), dirs(p.told, i))
				continue
			}
			if o != nil && (p.sendsOn(i) != o.hearsOn(j) && !p.plays(i, o, j) || p.hearsOn(i) != o.sendsOn(j) && !o.plays(j, p, i)) {
				fail("line %d: %d sends %v and hears %v, and line %d of %d: %v/%v and %v/%v", i, p.host, p.sendsOn(i), p.hearsOn(i), j, o.host, dirs(p.said, i), dirs(p.told, i), dirs(o.said, j), dirs(o.told, j))
				continue
			}
			if i == 0 && o != nil && m.Kind == "audio" {
				if want := p.wantsMusic(i, o, j); want != (session.Play != nil && session.Play.To == media.SideIndex(1-k) && session.Play.Stream == n) && !o.wantsMusic(j, p, i) {
					fail("line %d: %d is to have %d hear music: %v, and the relay plays %+v", i, p.host, o.host, want, session.Play)
				}
			}
			st := &session.Streams[n]
			s := &st.Side[k]
			if want := netip.AddrPortFrom(m.Conn, m.Port); s.Remote != want {
				fail("line %d: %d is at %v, not %v", i, p.host, s.Remote, want)
			}
			if s.Local.Port() != told.Port {
				fail("line %d: %d is relayed at %v and told %d", i, p.host, s.Local, told.Port)
			}
			if st.Opaque != (m.Kind == "image") {
				fail("line %d: opaque %v, and it is %s", i, st.Opaque, m.Kind)
			}
			if p.sendsOn(i) && (!s.Recv || !st.Side[1-k].Send) {
				fail("line %d: %d sends, and the relay takes %v and sends %v", i, p.host, s.Recv, st.Side[1-k].Send)
			}
			if m.Kind == "image" {
				if s.Crypt != nil || s.DTLS != nil || s.ICE != nil {
					fail("line %d: keys of T.38", i)
				}
				continue
			}
			keys := strings.Join(keysAt(p.told, i), " ")
			switch c := s.Crypt; {
			case p.kind != "sdes" && c != nil && s.DTLS == nil:
				fail("line %d: %d has keys: %+v", i, p.host, c)
			case p.kind == "sdes" && (c == nil || len(c.Recv) != 1 || c.Recv[0].Key != p.material(p.is.fresh, i)):
				fail("line %d: %d has other keys than it has said: %+v, not %q", i, p.host, c, p.material(p.is.fresh, i))
			case p.kind == "sdes" && !strings.Contains(keys, base64.StdEncoding.EncodeToString([]byte(c.Send))):
				fail("line %d: %d is sent a key that it was not told", i, p.host)
			}
			if secure := p.kind == "dtls" || p.kind == "full"; secure != (s.DTLS != nil) || secure != (s.ICE != nil) {
				fail("line %d: %d has %+v and %+v", i, p.host, s.DTLS, s.ICE)
			} else if secure {
				if s.DTLS.Peer[0].Value != p.print(p.is.fresh) {
					fail("line %d: %d has another fingerprint", i, p.host)
				}
				ice, _ := p.told.ICE(i)
				if ice.Ufrag != s.ICE.Ufrag || s.ICE.PeerUfrag != p.ufrag(p.is.fresh, i) {
					fail("line %d: %d is %q and knows us as %q, the relay has %q and %q", i, p.host, p.ufrag(p.is.fresh, i), ice.Ufrag, s.ICE.PeerUfrag, s.ICE.Ufrag)
				}
				saidSetup, toldSetup := p.said.Setup(i), p.told.Setup(i)
				active := toldSetup == "active" || saidSetup == "passive"
				if saidSetup != toldSetup && s.DTLS.Active != active {
					fail("line %d: %d says %s and is told %s, and we begin: %v", i, p.host, saidSetup, toldSetup, s.DTLS.Active)
				}
			}
		}
	}
	return ok
}

// plays tells whether another telephone is told to listen to music of ours where p, which holds it, sends nothing.
func (p *phone) plays(i int, o *phone, j int) bool {
	return p.music && !p.w.past && p.said.Media[i].Direction == sdp.Inactive && !p.sendsOn(i) && o.hearsOn(j)
}

// wantsMusic tells whether it is to be heard.
func (p *phone) wantsMusic(i int, o *phone, j int) bool {
	return p.music && !p.w.past && !p.said.Media[i].Direction.Recv() && o.said.Media[j].Direction.Recv()
}

// dirs is what a failure prints of an m-line.
func dirs(s *sdp.Session, i int) string {
	if i < 0 || i >= len(s.Media) {
		return "none"
	}
	if s.Media[i].Rejected() {
		return "-" + s.Media[i].Kind
	}
	return s.Media[i].Kind + " " + s.Media[i].Direction.String()
}

// keysAt are the keys of an m-line.
func keysAt(s *sdp.Session, i int) (list []string) {
	for k := range s.Cryptos(i) {
		list = append(list, k.Value)
	}
	return list
}
