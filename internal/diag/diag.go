// Package diag is the catalogue of every reason to refuse, move on or end a call: stable id, SIP status,
// Q.850 cause, a sentence for a person. Reasons go to the wire (Reason and Warning headers), to the call record, and to a
// metric label.
package diag

// Reason is one entry of the catalogue. Compare by pointer.
type Reason struct {
	ID     string // stable, kebab-case: metric label and document anchor
	Status int    // SIP status that a refusal of this kind carries on the wire; 0 when it never is one
	Phrase string // reason phrase on the wire
	Cause  int    // Q.850 cause; 0 none
	Text   string // one sentence for a person
	Fix    string // what the voice engineer should look at
}

// String is the id.
func (r *Reason) String() string {
	if r == nil {
		return ""
	}
	return r.ID
}
