package b2bua

import (
	"time"

	"github.com/directsip/directsip/internal/diag"
)

// Who is in a call whose media passes here cannot be joined in one whose media goes past us, which has no ports. The other way round it can: that call is asked to send who stays there to
// the call of the REFER.

// Fetches tells whether a passage brings no leg, but asks for one.
func (p *Passage) Fetches() bool { return p.fetch.CallID != "" }

// fetch asks the call of the dialog that the REFER names for who stays there. False: that would be no better.
func (c *Call) fetch(x *transfer, out *Out) bool {
	if c.plan.bypass {
		return false
	}
	x.stage = transferFetching
	out.Passages = append(out.Passages, &Passage{From: c.id, Dialog: x.dialog, Key: x.dialog.CallID, by: x.by.trunk, to: x.referral.uri,
		fetch: Replaces{CallID: x.by.callID, Local: x.by.tag, Remote: x.by.dlg.RemoteTag}})
	return true
}

// Fetch takes the question for the one at the other end of a dialog: it is sent on its way like one that a REFER of this call sends.
func (c *Call) Fetch(now time.Time, p *Passage, out *Out) {
	c.now = now
	by, why := c.mayReplace(&p.Dialog, p.by)
	if why == nil && by.trunk.Gateway != p.by.Gateway {
		why = diag.ReplacesRefused
	}
	if why != nil {
		p.SendBack(why.Status, why, out)
		return
	}
	x := c.beginTransfer(now, by, c.other(by), &referral{uri: p.to}, "join")
	x.dialog, x.fetched, x.stage = p.fetch, p, transferLending
	c.lend(now, x, out)
	c.settle(now, out)
}

// notFetched tells the call that has asked for who stays that it does not come.
func (x *transfer) notFetched(status int, why *diag.Reason, out *Out) {
	if p := x.fetched; p != nil {
		x.fetched = nil
		p.SendBack(status, why, out)
	}
}

// fetching is the transfer for which a leg comes that was asked for; nil: it comes for another reason.
func (c *Call) fetching(p *Passage) *transfer {
	if x := c.xfer; x != nil && x.stage == transferFetching && x.by.callID == p.Dialog.CallID && x.by.tag == p.Dialog.Local {
		return x
	}
	return nil
}
