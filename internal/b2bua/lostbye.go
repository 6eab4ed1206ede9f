package b2bua

import (
	"slices"
	"time"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/txn"
)

// A BYE that finds no connection is tried again, for about as long as it would be repeated over UDP, in which a proxy or its host is started anew: without it the
// peer would hold the call, and the line, until it notices.
const (
	byeTries = 8
	byePause = 4 * time.Second
)

// lostByes are those of one Call-ID, which may be of several dialogs: each branch of a fork that answers late has its own.
type lostByes struct {
	wait  []lostBye
	tries uint8 // BYEs that were lost so far
}

type lostBye struct {
	req *sip.Message
	hop sip.Hop
	at  time.Time // when it is tried again
}

// add takes a BYE that could not be sent.
func (l *lostByes) add(now time.Time, req *sip.Message, hop sip.Hop) {
	if l.tries < byeTries-1 {
		l.tries++
		l.wait = append(l.wait, lostBye{req, hop, now.Add(byePause)})
	}
}

// send has start send those that are due, with a branch of their own.
func (l *lostByes) send(now time.Time, env *Env, start func(b *lostBye)) {
	if len(l.wait) == 0 {
		return
	}
	due := func(b lostBye) bool { return !now.Before(b.at) }
	for i := range l.wait {
		if b := &l.wait[i]; due(*b) {
			b.req.Set(sip.IDVia, env.via(b.hop))
			start(b)
		}
	}
	l.wait = slices.DeleteFunc(l.wait, due)
}

func (l *lostByes) deadline(d *earliest) {
	for i := range l.wait {
		d.add(l.wait[i].at, "BYE once more")
	}
}

// SendFailed is Call.SendFailed: of what an ended call sends only BYEs count. Over UDP they are repeated.
func (r *Rest) SendFailed(now time.Time, branch string, out *Out) {
	for i := range r.legs {
		w := r.legs[i].machines
		if w == nil {
			continue
		}
		for _, t := range w.clients {
			if req, hop := t.Request(), t.Hop(); t.Branch() == branch && hop.Transport != sip.UDP && t.Fail(now, &out.Out) == txn.Failed {
				w.byes.add(now, req, hop)
			}
		}
	}
}
