package b2bua

import (
	"slices"
	"strings"
)

// kind is the media type of an m-line (RFC 8866 §5.14), one of kinds.
type kind uint8

const kindAudio, kindOther kind = 1, 7

var kinds = [...]string{"", "audio", "video", "image", "text", "application", "message", "other"}

// and is what an m-line is that was k and is said to be of a type now: one that was audio once, as where T.38 comes in its place, is judged by that.
func (k kind) and(name string) kind {
	if k == kindAudio {
		return k
	}
	if n := slices.IndexFunc(kinds[1:], func(s string) bool { return strings.EqualFold(s, name) }); n >= 0 {
		return kind(1 + n)
	}
	return kindOther
}

// name is what records say of it: nothing of audio, which nearly all are.
func (k kind) name() string {
	if k == kindAudio {
		return ""
	}
	return kinds[k]
}
