package sip

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// DeltaSeconds reads the delta-seconds at the front of a value; a comment and parameters may follow (RFC 3261 §20.33, §25.1). 0 when there are
// none; what 32 bits do not hold is as much as they do.
func DeltaSeconds(v string) time.Duration {
	v = strings.TrimLeft(v, " \t")
	if v == "" {
		return 0
	}
	if i := strings.IndexAny(v, " \t;("); i >= 0 {
		v = v[:i]
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return time.Duration(n) * time.Second
}
