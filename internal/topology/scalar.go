package topology

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// text reads a scalar that may not be empty.
func (c *compiler) text(n *node) (string, bool) {
	switch {
	case n.kind > scalar && n.name == "" && n.parent != nil:
		c.errorf(n, "each item of %s is a single value, not %s", n.label(), kindName(n)).fixf("Write it without braces, brackets and colons, or in quotes if it is text")
	case n.kind == null:
		c.errorf(n, "%s has no value", n.label()).fixf("Give it one or remove the key")
	case n.kind != scalar:
		c.errorf(n, "%s needs a single value, not %s", n.label(), kindName(n)).fixf("Write %s: value", n.label())
	case n.text == "":
		c.errorf(n, "%s is empty", n.label()).fixf("Give it a value or remove the key")
	case strings.IndexFunc(n.text, isControl) >= 0:
		c.errorf(n, "%s has line breaks or control characters", n.label()).fixf("Write it on one line")
	default:
		return n.text, true
	}
	return "", false
}

// label is what a message calls a value: its key, or the list that it is in.
func (n *node) label() string {
	for n.name == "" && n.parent != nil {
		n = n.parent
	}
	if n.name == "" {
		return "the document"
	}
	return n.name
}

func (c *compiler) boolean(n *node) (value, ok bool) {
	s, ok := c.text(n)
	switch {
	case !ok:
		return false, false
	case s == "true":
		return true, true
	case s == "false":
		return false, true
	}
	c.errorf(n, "%s is %q, neither true nor false", n.label(), s).fixf("Write true or false")
	return false, false
}

func (c *compiler) count(n *node, least, most int) (int, bool) {
	s, ok := c.text(n)
	if !ok {
		return 0, false
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		c.errorf(n, "%s is %q, not a whole number", n.label(), s).fixf("Write a number from %d to %d", least, most)
		return 0, false
	}
	if v < least || v > most {
		c.errorf(n, "%s is %d, outside %d to %d", n.label(), v, least, most).fixf("Write a number from %d to %d", least, most)
		return 0, false
	}
	return v, true
}

// duration reads 500ms, 10s, 3m; zero is allowed where it means off.
func (c *compiler) duration(n *node, least, most time.Duration, off bool) (time.Duration, bool) {
	s, ok := c.text(n)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		c.errorf(n, "%s is %q, not a duration with its unit", n.label(), s).fixf("Write it like 500ms, 10s or 3m")
		return 0, false
	}
	if d == 0 && off {
		return 0, true
	}
	if d < least || d > most {
		c.errorf(n, "%s is %s, outside %s to %s", n.label(), d, least, most).fixf("Write a duration from %s to %s", least, most)
		return 0, false
	}
	return d, true
}

// list reads a sequence.
func (c *compiler) list(n *node) []*node {
	switch n.kind {
	case sequence:
		return n.items
	case null:
		c.errorf(n, "%s has no value", n.label()).fixf("Write [] for an empty list or remove the key")
	case scalar:
		c.errorf(n, "%s needs a list, not a single value", n.label()).fixf("Write [%s]", strings.TrimSpace(n.text))
	default:
		c.errorf(n, "%s needs a list, not %s", n.label(), kindName(n)).fixf("Begin every item with a dash")
	}
	return nil
}

// texts reads a list of scalars without repetition; it returns the nodes beside the texts.
func (c *compiler) texts(n *node) (list []string, at []*node) {
	seen := map[string]bool{}
	for _, item := range c.list(n) {
		s, ok := c.text(item)
		if !ok {
			continue
		}
		if seen[strings.ToLower(s)] {
			c.errorf(item, "%s has %q twice", n.label(), s).fixf("Remove one of them")
			continue
		}
		seen[strings.ToLower(s)] = true
		list, at = append(list, s), append(at, item)
	}
	return list, at
}

// codes reads a set of SIP response codes: [503, 500-599, 4xx].
func (c *compiler) codes(n *node, least, most int) (Codes, bool) {
	set := Codes{}
	for _, item := range c.list(n) {
		s, ok := c.text(item)
		if !ok {
			continue
		}
		first, last, isRange := strings.Cut(s, "-")
		if !isRange {
			last = first
			if len(s) == 3 && strings.EqualFold(s[1:], "xx") {
				first, last = s[:1]+"00", s[:1]+"99"
			}
		}
		lo, err1 := strconv.Atoi(strings.TrimSpace(first))
		hi, err2 := strconv.Atoi(strings.TrimSpace(last))
		if err1 != nil || err2 != nil || lo > hi || lo < least || hi > most {
			c.errorf(item, "%q is no response code or range of codes from %d to %d", s, least, most).
				fixf("Write codes like 503, 500-599 or 5xx")
			continue
		}
		for code := lo; code <= hi; code++ {
			set[code] = true
		}
	}
	return set, n.kind == sequence
}

func (c *compiler) port(n *node) (uint16, bool) {
	v, ok := c.count(n, 1, 65535)
	return uint16(v), ok
}

// portRange reads a range of ports; like is one that may stand there.
func (c *compiler) portRange(n *node, like string) (PortRange, bool) {
	s, ok := c.text(n)
	if !ok {
		return PortRange{}, false
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	lo, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	hi, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if err1 != nil || err2 != nil || lo == 0 || lo > hi {
		c.errorf(n, "%s is %q, not a range of ports", n.label(), s).fixf("Write it like %s", like)
		return PortRange{}, false
	}
	return PortRange{uint16(lo), uint16(hi)}, true
}

// address reads an IP address that a host can have: no unspecified, no multicast one, none of IPv6 that is of one link (RFC 4291 §2.5.6).
func (c *compiler) address(n *node) (netip.Addr, bool) {
	s, ok := c.text(n)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		c.errorf(n, "%q is not an IP address", s).fixf("Write it like 192.0.2.10 or 2001:db8::10")
		return netip.Addr{}, false
	}
	if a = a.Unmap(); a.IsUnspecified() || a.IsMulticast() || a.Is6() && a.IsLinkLocalUnicast() || a.Zone() != "" {
		c.errorf(n, "%s cannot stand for one host that others reach", s).fixf("Write the address of one interface")
		return netip.Addr{}, false
	}
	return a, true
}

func (c *compiler) transport(n *node) (sip.Transport, bool) {
	s, ok := c.text(n)
	if !ok {
		return 0, false
	}
	for _, t := range [...]sip.Transport{sip.UDP, sip.TCP, sip.TLS} {
		if strings.EqualFold(s, t.String()) {
			return t, true
		}
	}
	c.errorf(n, "%q is not a transport", s).fixf("Write TLS, TCP or UDP")
	return 0, false
}

var hostLabels = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

// isHost tells whether s can be a host name (RFC 1123 §2.1); a name of digits and dots only would be a broken address.
func isHost(s string) bool {
	return len(s) <= 253 && hostLabels.MatchString(s) && strings.Trim(s, "0123456789.") != ""
}

func (c *compiler) host(n *node) (string, bool) {
	s, ok := c.text(n)
	if ok && !isHost(s) {
		c.errorf(n, "%q is not a host name", s).fixf("Write it like gw1.example.com")
		return "", false
	}
	return s, ok
}

// domain reads the host part of a URI: a name or an address.
func (c *compiler) domain(n *node) (string, bool) {
	s, ok := c.text(n)
	if _, err := netip.ParseAddr(s); ok && err != nil && !isHost(s) {
		c.errorf(n, "%q is neither a host name nor an address", s).fixf("Write it like gw1.example.com or 192.0.2.1")
		return "", false
	}
	return s, ok
}

// The helpers below make the setter of a field from the place that it fills.

func setText[T any](at func(*T) *string) func(*compiler, *node, *T) {
	return func(c *compiler, n *node, to *T) {
		if v, ok := c.text(n); ok {
			*at(to) = v
		}
	}
}

func setBool[T any](at func(*T) *bool) func(*compiler, *node, *T) {
	return func(c *compiler, n *node, to *T) {
		if v, ok := c.boolean(n); ok {
			*at(to) = v
		}
	}
}

func setCount[T any](least, most int, at func(*T) *int) func(*compiler, *node, *T) {
	return func(c *compiler, n *node, to *T) {
		if v, ok := c.count(n, least, most); ok {
			*at(to) = v
		}
	}
}

// setRef keeps the node of a name that is resolved when everything is read.
func setRef[T any](at func(*T) **node) func(*compiler, *node, *T) {
	return func(c *compiler, n *node, to *T) {
		if _, ok := c.text(n); ok {
			*at(to) = n
		}
	}
}

// setNode keeps the node as it is.
func setNode[T any](at func(*T) **node) func(*compiler, *node, *T) {
	return func(_ *compiler, n *node, to *T) { *at(to) = n }
}
