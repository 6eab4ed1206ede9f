package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/cdr"
)

// Filter selects calls; a zero field selects all.
type Filter struct {
	Since, Until time.Time // start in [Since, Until)
	// Number is the end of a called or calling number as received, normalized or sent: "+14255550100",
	// "4255550100" and "0100" find the same call. A star at its end ("+1425*") asks for the beginning of the
	// normalized number instead, which reads every call of the period.
	Number string
	Trunk  string // that the call came by or that was tried for it; names that differ only in case are the same
	Reason string // diag id
	// Failed: not answered and not given up by the caller (487), or ended by directsip, on account of a silent party too.
	Failed bool
	Poor   bool   // a direction of its audio was beyond the bounds of its trunk (cdr.Record.Poor)
	Audio  bool   // a side of it was not heard, or badly (cdr.Record.Audio)
	Limit  int    // default 100, at most 10 000
	Before string // record id: continue behind this call (the last one of the previous page)
}

// Most is how many calls a list may have at most.
func (f *Filter) Most() int {
	if f.Limit <= 0 {
		return defaultLimit
	}
	return min(f.Limit, maxLimit)
}

// Summary is one line of a call list.
type Summary struct {
	ID        string    `json:"id"`
	Server    string    `json:"server,omitempty"`
	Start     time.Time `json:"start"`
	Answered  time.Time `json:"answered,omitzero"`
	End       time.Time `json:"end"`
	Called    string    `json:"called"`  // normalized, or as received
	Calling   string    `json:"calling"` // normalized, or as received
	User      string    `json:"user,omitempty"`
	TrunkIn   string    `json:"trunkIn,omitempty"`
	TrunkOut  string    `json:"trunkOut,omitempty"`
	Tried     []string  `json:"tried,omitempty"`    // trunks besides these two that were tried, each once
	FailedOn  []string  `json:"failedOn,omitempty"` // trunks with an attempt that failed, each once: also where the next one was answered
	CallIDIn  string    `json:"callIDIn"`
	CallIDOut string    `json:"callIDOut,omitempty"`
	Reason    string    `json:"reason"`
	Status    int       `json:"status,omitempty"`
	Cause     int       `json:"cause,omitempty"`
	EndedBy   string    `json:"endedBy"`
	Emergency bool      `json:"emergency,omitempty"`
	Attempts  int       `json:"attempts,omitempty"`
	// MOS is that of the worst of the call, Wideband that it is of that scale, and Poor whether its audio was beyond the bounds of a trunk.
	MOS      cdr.Hundredth `json:"mos,omitempty"`
	Wideband bool          `json:"wideband,omitempty"`
	Poor     bool          `json:"poor,omitempty"`
	// Audio are the sides that were not heard, or badly, with the cause: "callee: nothing".
	Audio []string `json:"audio,omitempty"`
}

// tried are the trunks that a call was tried on besides the one that it came by and the last one, each once.
func tried(r *cdr.Record) (list []string) {
	for i := range r.Attempts {
		name := r.Attempts[i].Trunk
		if name != "" && name != r.In.Trunk && (r.Out == nil || name != r.Out.Trunk) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// failedOn are the trunks on which a call was tried in vain, each once. An attempt that was ended because the caller left, or somebody else had answered, says nothing.
func failedOn(r *cdr.Record) (list []string) {
	for i := range r.Attempts {
		switch a := &r.Attempts[i]; a.Class {
		case "", "answered", "joined", "cancelled":
		default:
			if a.Trunk != "" && !slices.Contains(list, a.Trunk) {
				list = append(list, a.Trunk)
			}
		}
	}
	return list
}

// Matches tells whether the call of a record, which may be running, is one that the filter selects by its time, its number and its trunk.
func (f *Filter) Matches(r *cdr.Record) bool {
	if !f.Since.IsZero() && r.Start.Before(f.Since) || !f.Until.IsZero() && !r.Start.Before(f.Until) {
		return false
	}
	if !f.hasTrunk(r) {
		return false
	}
	if head := f.head(); head != nil {
		return begins([]byte(indexed(r.Called)), head) || begins([]byte(indexed(r.Calling)), head)
	}
	return f.Number == "" || hasNumber(r, f.Number)
}

// head is the beginning of the numbers that the filter asks for; nil: it asks for none.
func (f *Filter) head() []byte {
	head, ok := strings.CutSuffix(f.Number, "*")
	if !ok {
		return nil
	}
	return []byte(head[:min(len(head), maxIndexed)])
}

func (f *Filter) hasTrunk(r *cdr.Record) bool {
	is := func(name string) bool { return strings.EqualFold(name, f.Trunk) }
	return f.Trunk == "" || is(r.In.Trunk) || r.Out != nil && is(r.Out.Trunk) || slices.ContainsFunc(tried(r), is)
}

// Failed tells whether Filter.Failed selects the call.
func (s *Summary) Failed() bool {
	return hasFailed(!s.Answered.IsZero(), s.Status, s.EndedBy, s.Reason)
}

// AmbiguousError lists the calls that a prefix could mean.
type AmbiguousError struct {
	Prefix     string
	Candidates []string // record ids, newest first, at most 10
	More       bool
}

func (e *AmbiguousError) Error() string {
	more := ""
	if e.More {
		more = ", …"
	}
	return fmt.Sprintf("%q could be any of %s%s", e.Prefix, strings.Join(e.Candidates, ", "), more)
}
