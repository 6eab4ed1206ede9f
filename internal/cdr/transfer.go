package cdr

import "time"

// Transfer is one change of a party that was asked for in the call. How is "refer" (the other side was sent REFER), "invite" (we
// called), "replaces" (an INVITE with Replaces came) or "join" (two calls became one).
type Transfer struct {
	At     time.Time     `json:"at"`
	By     string        `json:"by"` // whose place changed hands, or was to: "caller" or "callee"
	To     string        `json:"to"` // the URI that was referred to, or who came in by INVITE with Replaces
	How    string        `json:"how"`
	Took   time.Duration `json:"took,omitempty"`
	Status int           `json:"status,omitempty"` // result, as told to whoever asked; 0: none yet
	Reason string        `json:"reason,omitempty"` // diag id when it failed
}

// Party is who had a place in the end, "caller" or "callee": the trunk and the address of the peer; "" where there was nobody.
func (r *Record) Party(side string) (trunk, remote string) {
	for i := range r.Media {
		if m := &r.Media[i]; m.From == side && m.Trunk != "" {
			return m.Trunk, m.Remote
		}
	}
	switch {
	case side == "caller":
		return r.In.Trunk, r.In.Remote
	case r.Out != nil:
		return r.Out.Trunk, r.Out.Remote
	}
	return "", ""
}

const fTransferBy, fTransferTo, fTransferHow = 1, 2, 3 // and what is of attempts too

func (w *binaryWriter) transfer(t *Transfer) {
	w.begin(fTransfer)
	w.word(fTransferBy, t.By)
	w.text(fTransferTo, t.To)
	w.text(fTransferHow, t.How)
	w.tried(t.At, t.Took, t.Status, t.Reason)
	w.end()
}

func (d *decoder) transfer(f field) {
	if len(d.r.Transfers) == maxList {
		d.fail()
		return
	}
	var t Transfer
	d.group(f, func(f field) {
		switch f.no {
		case fTransferBy:
			t.By = d.text(f)
		case fTransferTo:
			t.To = d.text(f)
		case fTransferHow:
			t.How = d.text(f)
		default:
			d.tried(f, &t.At, &t.Took, &t.Status, &t.Reason)
		}
	})
	d.r.Transfers = append(d.r.Transfers, t)
}
