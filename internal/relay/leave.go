package relay

import "github.com/directsip/directsip/internal/media"

// A peer whose call is joined with another may go on with the keys that it has, as browsers do: they know no names of associations (RFC 8842), and make others only where they hear of another
// certificate. So its keys leave one session for the other, with the counters of all that they have protected: no key stream is used twice (RFC 3711 §9.1).

// left are keys that have left another session.
type left struct {
	of     *media.Shaken
	isRTCP bool
	crypt  *crypt
}

// leave takes what a session wants of others out of them. Neither is locked.
func (r *Relay) leave(want *media.Session) (list []left) {
	for i := range want.Streams {
		for k := range want.Streams[i].Side {
			d := want.Streams[i].Side[k].DTLS
			if d == nil || d.Before == nil || d.Before.Session == want.ID {
				continue
			}
			if ses := r.find(d.Before.Session); ses != nil {
				list = ses.leave(list, d.Before)
			}
		}
	}
	return list
}

func (s *session) leave(list []left, of *media.Shaken) []left {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.Stream >= len(s.streams) || int(of.Side) > 1 {
		return list
	}
	sd := &s.streams[of.Stream].side[of.Side]
	for _, p := range [...]*port{&sd.rtp, &sd.rtcp} {
		a := p.dtls
		if a == nil || a.want.Association != of.Association || a.crypt.recv == nil {
			continue
		}
		s.recall() // with what the kernel has protected
		list = append(list, left{of, p.isRTCP, a.crypt})
		a.crypt = &crypt{keys: &media.Crypt{}}
	}
	return list
}

// goOn gives the ports of a side the keys that are theirs, until a handshake has made others. The session is locked.
func (sd *side) goOn(list []left) {
	for i := range list {
		for _, p := range [...]*port{&sd.rtp, &sd.rtcp} {
			if a := p.dtls; a != nil && a.want.Before == list[i].of && a.crypt.recv == nil && p.isRTCP == list[i].isRTCP {
				a.crypt = list[i].crypt
			}
		}
	}
}
