package siptest

import (
	"fmt"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Step is one thing that an agent does with an incoming call.
type Step struct {
	name string
	do   func(*Call) bool // false: the script is over
}

// String is the step's name.
func (s Step) String() string { return s.name }

func (s Step) run(c *Call) bool { return s.do(c) }

// locked makes a step of what needs the agent's lock.
func locked(name string, do func(c *Call) bool) Step {
	return Step{name, func(c *Call) bool {
		c.a.mu.Lock()
		defer c.a.mu.Unlock()
		return !c.a.closed && do(c)
	}}
}

// pause waits as long as the call lives.
func pause(c *Call, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.life.Done():
		return false
	}
}

// then joins steps.
func then(name string, steps ...Step) Step {
	return Step{name, func(c *Call) bool {
		for _, s := range steps {
			if !s.run(c) {
				return false
			}
		}
		return true
	}}
}

// Custom is a step of your own. It runs in the call's goroutine and should return when the call ends; false
// ends the script.
func Custom(do func(*Call) bool) Step { return Step{"custom", do} }

// Wait does nothing for a while.
func Wait(d time.Duration) Step {
	return Step{"wait " + d.String(), func(c *Call) bool { return pause(c, d) }}
}

// Until waits for an event, such as Acked.
func Until(k Kind) Step {
	return Step{"until " + k.String(), func(c *Call) bool { return c.Wait(c.a.ctx, k) == nil }}
}

// Trying100 sends 100.
func Trying100() Step { return Provisional(100) }

// Provisional sends a provisional response without SDP; headers are whole lines.
func Provisional(status int, headers ...string) Step {
	return locked(fmt.Sprint(status), func(c *Call) bool { return c.respondInvite(status, c.localTag, false, headers, nil) })
}

// Ring sends 180 and waits.
func Ring(d time.Duration) Step { return then("ring", Provisional(180), Wait(d)) }

// RingForever sends 180 and leaves the call ringing.
func RingForever() Step {
	return then("ring for ever", Provisional(180), Step{"stop", func(*Call) bool { return false }})
}

// EarlyMediaFor sends 183 with SDP, sends audio and waits.
func EarlyMediaFor(d time.Duration) Step {
	return then("early media", locked("183", func(c *Call) bool { return c.respondInvite(183, c.localTag, true, nil, nil) }), Wait(d))
}

// Fork sends a provisional response with a To tag of its own, as one of several callees behind a proxy.
func Fork(status int, tag string) Step {
	return locked("fork "+tag, func(c *Call) bool {
		c.own(tag)
		return c.respondInvite(status, tag, false, nil, nil)
	})
}

// AnswerAs makes the fork with this tag the one that answers; OK must follow.
func AnswerAs(tag string) Step {
	return locked("answer as "+tag, func(c *Call) bool {
		c.localTag = tag
		c.own(tag)
		return true
	})
}

// Reliable sends a provisional response with 100rel (RFC 3262), with SDP if asked, and waits for its PRACK.
func Reliable(status int, sdp bool) Step {
	send := locked("reliable", func(c *Call) bool {
		c.reliable++
		c.pracked = false
		return c.respondInvite(status, c.localTag, sdp, []string{"Require: 100rel", fmt.Sprintf("RSeq: %d", c.reliable)}, nil)
	})
	return then(fmt.Sprintf("reliable %d", status), send, Step{"until PRACK", func(c *Call) bool {
		for n := 1; ; n++ {
			if _, err := c.WaitN(c.a.ctx, Request, n); err != nil {
				return false
			}
			c.a.mu.Lock()
			ok := c.pracked
			c.a.mu.Unlock()
			if ok {
				return true
			}
		}
	}})
}

// OK sends 200 with SDP: an answer, or an offer when the INVITE had none. It is repeated until the ACK.
// Headers are whole lines.
func OK(headers ...string) Step {
	return locked("200", func(c *Call) bool { return c.respondInvite(200, c.localTag, true, headers, nil) })
}

// OKEdited is OK with a change of yours: a wrong CSeq, no Contact, other SDP.
func OKEdited(edit func(*sip.Message)) Step {
	return locked("200 edited", func(c *Call) bool { return c.respondInvite(200, c.localTag, true, nil, edit) })
}

// OKWrongCSeq sends a 200 that fits no request (its CSeq is one too high), and after d the right one.
func OKWrongCSeq(d time.Duration) Step {
	wrong := locked("200 with a wrong CSeq", func(c *Call) bool {
		m := c.in.response(200, nil)
		n, method, _ := m.CSeq()
		m.Set(sip.IDCSeq, cseq(n+1, method))
		m.Add(sip.IDContact, c.contact())
		c.a.record(c, true, c.in.from, m, false)
		to := c.in.from
		to.addr = c.in.req.ResponseAddr(to.addr)
		c.a.send(to, m.Append(nil))
		return true
	})
	return then("wrong CSeq", wrong, Wait(d), OK())
}

// OKTwice answers as two callees behind a forking proxy: two 200 with different To tags.
func OKTwice() Step {
	return locked("200 twice", func(c *Call) bool {
		other := token()
		c.own(other)
		return c.respondInvite(200, c.localTag, true, nil, nil) && c.respondInvite(200, other, true, nil, nil)
	})
}

// OKAfterCancel rings until a CANCEL comes, answers that, and then answers the call all the same.
func OKAfterCancel() Step {
	late := locked("late", func(c *Call) bool { c.lateOK = true; return true })
	return then("200 after CANCEL", late, Provisional(180), Until(Cancelled), OK())
}

// Reject ends the call with a status of 300 and more; headers are whole lines.
func Reject(status int, headers ...string) Step {
	return locked(fmt.Sprint(status), func(c *Call) bool { return c.refuse(status, headers) })
}

// Redirect sends 302 with a Contact for each URI.
func Redirect(uris ...string) Step {
	var lines []string
	for _, u := range uris {
		lines = append(lines, "Contact: <"+u+">")
	}
	return Reject(302, lines...)
}

// Silent says nothing at all, not even to retransmissions.
func Silent() Step { return Step{"silent", func(*Call) bool { return false }} }

// Vanish plays dead from now on: nothing of this call is answered, no audio is sent.
func Vanish() Step {
	return locked("vanish", func(c *Call) bool {
		c.vanished = true
		if c.media != nil {
			c.media.mute()
		}
		return false
	})
}

// Bye hangs up.
func Bye() Step { return Step{"BYE", func(c *Call) bool { c.Hangup(); return true }} }

// HangupAfter waits for the ACK, then d, and hangs up.
func HangupAfter(d time.Duration) Step { return then("hang up", Until(Acked), Wait(d), Bye()) }

// VanishNow is Vanish from outside of a script.
func (c *Call) VanishNow() { Vanish().run(c) }
