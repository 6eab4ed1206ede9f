package sip

// views are values that Validate has read, so that nobody reads them again. Each stands beside the text that it was read from: a header may be given
// another value, and then it is that one that counts. Nothing is written here after Validate and FixTopVia, so that a message can be read from anywhere.
type views struct {
	version  string // of a start line that is not of SIP/2.0, for the 505 of Validate
	via      Via
	branch   string
	viaText  string // of the first Via header, which may have more values
	seq      uint32
	method   string // of CSeq
	cseqText string
	from     view
	to       view
	contact  view
}

// view is an address and its text.
type view struct {
	Address
	text string
	tag  string // of From and To
}

// view is the place for the address of a header, nil where none is kept.
func (m *Message) view(id ID) *view {
	if m.views == nil {
		return nil
	}
	switch id {
	case IDFrom:
		return &m.views.from
	case IDTo:
		return &m.views.to
	case IDContact:
		return &m.views.contact
	}
	return nil
}

// address reads the address in text, a value of that header.
func (m *Message) address(id ID, text string) (Address, error) {
	if v := m.view(id); v != nil && v.text == text && text != "" {
		return v.Address, nil
	}
	if a, _, ok := plainAddress(text); ok {
		return a, nil
	}
	return ParseAddress(text)
}
