package topology

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

const consumerForm = "Write it like https://quality.example.com/records"

// qualityConsumer reads where quality records are posted to (OPS-17).
func (c *compiler) qualityConsumer(n *node, d *serverDoc) {
	s, ok := c.text(n)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil && strings.Contains(s, "@") || err == nil && u.User != nil:
		p := c.errorf(n, "qualityConsumer has a user or password in it, which would be read by who may read the document")
		p.Value = "" // which would be shown
		p.fixf("Take it out, and name a file with a token as qualityConsumerTokenFile")
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || !isURLHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port()) || u.Fragment != "":
		c.errorf(n, "qualityConsumer is %q, not the URL of an HTTP server", s).fixf(consumerForm)
	default:
		d.out.QualityConsumer = s
		if a, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && (err != nil || !a.IsLoopback()) {
			c.warnf(n, "quality records, which say who called whom, and the token are sent to %s in the clear", u.Host).fixf(consumerForm)
		}
	}
}

func isURLHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || isHost(s)
}

// checkConsumer: a token is for somebody.
func (c *compiler) checkConsumer(d *serverDoc) {
	if d.token != nil && d.out.QualityConsumer == "" {
		c.errorf(d.token, "there is a token and no qualityConsumer to show it to").fixf("Give the server a qualityConsumer, or remove the token")
	}
}

// ConsumerToken is the token that the file of qualityConsumerTokenFile has.
func ConsumerToken(text []byte) (string, error) {
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("it has no token of one line without blanks")
	}
	return token, nil
}
