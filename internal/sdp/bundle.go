package sdp

import (
	"slices"
	"strings"
)

// Bundled tells whether two m-lines are in one group whose media goes over one transport (a=group:BUNDLE, RFC 8843); of one and the same, whether it is in any.
func (s *Session) Bundled(a, b int) bool {
	one, other := s.Mid(a), s.Mid(b)
	if one == "" || other == "" {
		return false
	}
	for name, value := range s.Attributes(-1) {
		if name != "group" {
			continue
		}
		names := strings.Fields(value)
		if len(names) > 0 && strings.EqualFold(names[0], "BUNDLE") && slices.Contains(names, one) && slices.Contains(names, other) {
			return true
		}
	}
	return false
}

// OnlyBundled tells whether an m-line has no transport of its own: it is in a group with another one, whose candidates and credentials of ICE are also its. So a browser
// offers what it adds to a group that stands, and all but the first where its policy is max-bundle (RFC 8829 §4.1.1); a port of 0 and a=bundle-only it should say, and does not.
func (s *Session) OnlyBundled(media int) bool {
	for i := range media {
		if s.Media[i].Rejected() || !s.Bundled(i, media) {
			continue
		}
		of, ok := s.ICE(i)
		own, ok2 := s.ICE(media)
		if !ok || !ok2 || of.Ufrag != own.Ufrag || of.Pwd != own.Pwd {
			continue
		}
		those, these := s.candidates(i), s.candidates(media)
		if len(those) > 0 && (len(these) == 0 || slices.Equal(those, these)) {
			return true
		}
	}
	return false
}

// candidates are the values of a=candidate lines as they are.
func (s *Session) candidates(media int) (list []string) {
	for name, value := range s.Attributes(media) {
		if name == "candidate" {
			list = append(list, value)
		}
	}
	return list
}
