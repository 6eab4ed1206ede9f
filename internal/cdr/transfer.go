package cdr

import "time"

// Transfer is one change of a party that was asked for in the call.
type Transfer struct {
	At     time.Time     `json:"at"`
	By     string        `json:"by"`  // whose place changed hands, or was to: "caller" or "callee"
	To     string        `json:"to"`  // the URI that was referred to, or who came in by INVITE with Replaces
	How    string        `json:"how"` // "refer": the other side was sent REFER; "invite": we called; "replaces": an INVITE with Replaces came; "join": two calls became one
	Took   time.Duration `json:"took,omitempty"`
	Status int           `json:"status,omitempty"` // result, as told to whoever asked; 0: none yet
	Reason string        `json:"reason,omitempty"` // diag id when it failed
}

const fTransferBy, fTransferTo, fTransferHow, fTransferAt, fTransferTook, fTransferStatus, fTransferReason = 1, 2, 3, 4, 5, 6, 7

func (w *binaryWriter) transfer(t *Transfer) {
	w.begin(fTransfer)
	w.word(fTransferBy, t.By)
	w.text(fTransferTo, t.To)
	w.text(fTransferHow, t.How)
	w.time(fTransferAt, t.At)
	w.int(fTransferTook, t.Took.Microseconds())
	w.int(fTransferStatus, int64(t.Status))
	w.word(fTransferReason, t.Reason)
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
		case fTransferAt:
			t.At = d.time(f)
		case fTransferTook:
			t.Took = d.duration(f)
		case fTransferStatus:
			t.Status = int(d.int(f))
		case fTransferReason:
			t.Reason = d.text(f)
		default:
			d.skip(f)
		}
	})
	d.r.Transfers = append(d.r.Transfers, t)
}
