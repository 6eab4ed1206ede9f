package b2bua

import (
	"net/netip"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

// familiar is what a shard has met lately and meets again with nearly every message: what an Allow says, and how an address is written. It is the same whichever call it comes in.
type familiar struct {
	allows [4]struct {
		text string
		said methods
	}
	places [8]struct {
		at   netip.AddrPort
		text string
	}
	allow, place uint8 // whose turn it is to be forgotten
}

// maxFamiliar bounds the texts of Allow that are kept.
const maxFamiliar = 256

// allowed is what one Allow header says.
func (e *Env) allowed(text string) methods {
	f := &e.familiar
	for i := range f.allows {
		if a := &f.allows[i]; a.said != 0 && a.text == text {
			return a.said
		}
	}
	said := allowKnown
	m := sip.Message{Headers: []sip.Header{{ID: sip.IDAllow, Value: text}}}
	for method := range m.Values(sip.IDAllow) {
		switch method {
		case "UPDATE":
			said |= allowUpdate
		case "REFER":
			said |= allowRefer
		case "INFO":
			said |= allowInfo
		}
	}
	if len(text) <= maxFamiliar {
		a := &f.allows[int(f.allow)%len(f.allows)]
		a.text, a.said = strings.Clone(text), said
		f.allow++
	}
	return said
}

// written is an address as records have it.
func (e *Env) written(at netip.AddrPort) string {
	f := &e.familiar
	for i := range f.places {
		if p := &f.places[i]; p.at == at && p.text != "" {
			return p.text
		}
	}
	p := &f.places[int(f.place)%len(f.places)]
	p.at, p.text = at, at.String()
	f.place++
	return p.text
}
