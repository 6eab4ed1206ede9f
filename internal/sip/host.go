package sip

import (
	"net/netip"
	"strings"
)

// parseHostPort reads "host", "host:port", "[v6]" or "[v6]:port" with blanks round the colon, as Via may
// have them (RFC 3261 §25.1 sent-by, COLON). The host comes without brackets.
func parseHostPort(s string) (host string, port uint16, err error) {
	var rest string
	if s != "" && s[0] == '[' {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", 0, errHost
		}
		if host, err = parseIPv6(s[1:i]); err != nil {
			return "", 0, err
		}
		rest = s[i+1:]
	} else {
		i := 0
		for i < len(s) && isHost(s[i]) {
			i++
		}
		if i == 0 {
			return "", 0, errHost
		}
		host, rest = s[:i], s[i:]
	}
	if rest = trim(rest); rest == "" {
		return host, 0, nil
	}
	if rest[0] != ':' {
		return "", 0, errHost
	}
	n, ok := decimal(trim(rest[1:]), 65535)
	if !ok || n == 0 {
		return "", 0, errPort
	}
	return host, uint16(n), nil
}

// parseIPv6 checks an IPv6 address; ":::" before an IPv4 part, which the grammar of RFC 3261 let
// through, is read as "::" (RFC 5118 §4.10).
func parseIPv6(s string) (string, error) {
	if i := strings.Index(s, ":::"); i >= 0 {
		s = s[:i] + s[i+1:]
	}
	if strings.IndexByte(s, '%') >= 0 { // a zone means nothing to the peer
		return "", errHost
	}
	if a, err := netip.ParseAddr(s); err != nil || !a.Is6() {
		return "", errHost
	}
	return s, nil
}

// appendHost writes host, in brackets when it is an IPv6 address, and port unless 0.
func appendHost(dst []byte, host string, port uint16) []byte {
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
		dst = append(dst, '[')
		dst = append(dst, host...)
		dst = append(dst, ']')
	} else {
		dst = append(dst, host...)
	}
	if port != 0 {
		dst = append(dst, ':')
		dst = appendUint(dst, uint64(port))
	}
	return dst
}
