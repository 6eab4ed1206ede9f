package topology

import (
	"slices"
	"strings"

	"github.com/directsip/directsip/internal/sip"
)

var headerFields = []field[settingsDoc]{
	{"headerRules", func(c *compiler, n *node, d *settingsDoc) { decode(c, n, headerListFields, &d.out.HeaderRules) }},
}

var headerListFields = []field[HeaderRules]{
	{"in", func(c *compiler, n *node, to *HeaderRules) { to.In = c.headerRules(n, false) }},
	{"out", func(c *compiler, n *node, to *HeaderRules) { to.Out = c.headerRules(n, true) }},
}

// headerRuleDoc is one header rule as written.
type headerRuleDoc struct {
	ops              []*node // the keys add, remove, replace, copy that are there
	to, value, match *node
	methods, codes   *node
}

var headerRuleFields = []field[headerRuleDoc]{
	{"add", headerOp}, {"remove", headerOp}, {"replace", headerOp}, {"copy", headerOp},
	{"to", setRef(func(d *headerRuleDoc) **node { return &d.to })},
	{"value", setNode(func(d *headerRuleDoc) **node { return &d.value })},
	{"match", setRef(func(d *headerRuleDoc) **node { return &d.match })},
	{"methods", setNode(func(d *headerRuleDoc) **node { return &d.methods })},
	{"codes", setNode(func(d *headerRuleDoc) **node { return &d.codes })},
}

func headerOp(c *compiler, n *node, d *headerRuleDoc) {
	if _, ok := c.text(n); ok {
		d.ops = append(d.ops, n)
	}
}

func (c *compiler) headerRules(n *node, out bool) (rules []HeaderRule) {
	items := c.list(n)
	if len(items) > maxHeaderRules {
		c.errorf(n, "%s has %d rules, more than %d", n.label(), len(items), maxHeaderRules).fixf("Leave some out")
		return nil
	}
	for _, item := range items {
		var d headerRuleDoc
		decode(c, item, headerRuleFields, &d)
		if item.kind != mapping {
			continue
		}
		if len(d.ops) != 1 {
			c.errorf(item, "the header rule has %d of the keys add, remove, replace and copy", len(d.ops)).fixf("Give it one of them with the name of the header")
			continue
		}
		if r, ok := c.headerRule(&d, out); ok {
			rules = append(rules, r)
		}
	}
	return rules
}

// headerRule reads what goes with the operation.
func (c *compiler) headerRule(d *headerRuleDoc, out bool) (r HeaderRule, ok bool) {
	at := d.ops[0]
	r = HeaderRule{Op: HeaderOp(at.name), Name: at.text, To: at.text}
	if r.id, ok = c.headerName(at, r.Op != HeaderCopy); !ok {
		return r, false
	}
	if d.to != nil {
		if r.Op != HeaderCopy {
			c.errorf(d.to, "to is the name of a copy").fixf("Remove it, or write copy instead of %s", r.Op)
			return r, false
		}
		r.To = d.to.text
	}
	if r.Op == HeaderCopy {
		if ok = c.headerCopy(d, &r, out); !ok {
			return r, false
		}
	}
	if d.match != nil {
		if r.Op == HeaderAdd {
			c.errorf(d.match, "match looks at a value, and add has none yet").fixf("Remove it, or write replace or copy instead of add")
			return r, false
		}
		if r.Match = c.pattern(d.match); r.Match == nil {
			return r, false
		}
	}
	return r, c.headerValue(d, &r) && c.headerMessages(d, &r, out)
}

// headerCopy: a copy has a name of its own where it is made of the same message, and who calls does not cross by it.
func (c *compiler) headerCopy(d *headerRuleDoc, r *HeaderRule, out bool) bool {
	at := d.ops[0]
	if !out && d.to == nil {
		c.errorf(at, "a copy of %s in the same message needs a name of its own", r.Name).speaksOf(at.parent).fixf("Add to: and another name")
		return false
	}
	if out && whoCalls(r.id) {
		c.errorf(at, "%s says who calls, which crosses from one leg to the other by trust only", r.Name).
			fixf("Set forwardPAI or forwardCallHistory of both trunks")
		return false
	}
	to := at
	if d.to != nil {
		to = d.to
	}
	_, ok := c.headerName(to, true)
	return ok
}

// headerValue reads the value that add and replace write.
func (c *compiler) headerValue(d *headerRuleDoc, r *HeaderRule) bool {
	needs := r.Op == HeaderAdd || r.Op == HeaderReplace
	switch {
	case !needs && d.value != nil:
		c.errorf(d.value, "%s writes no value of its own", r.Op).fixf("Remove value, or write replace instead of %s", r.Op)
		return false
	case !needs:
		return true
	case d.value == nil:
		c.errorf(d.ops[0], "the header rule does not say which value %s writes", r.Op).fixf("Add value")
		return false
	case r.Op == HeaderReplace && r.Match != nil && (d.value.kind == null || d.value.kind == scalar && d.value.text == ""):
		return true // what matches is left out
	}
	s, ok := c.text(d.value)
	if !ok {
		return false
	}
	if len(s) > maxHeaderValue {
		c.errorf(d.value, "the value has %d bytes, more than %d", len(s), maxHeaderValue).fixf("Shorten it")
		return false
	}
	r.Value = s
	if r.Match == nil {
		return true
	}
	expand, why, fix := expansion(s, r.Match)
	if why != "" {
		c.errorf(d.value, "the value %q %s", s, why).fixf("%s", fix)
		return false
	}
	r.Expand = expand
	return true
}

// headerMessages reads which messages are meant.
func (c *compiler) headerMessages(d *headerRuleDoc, r *HeaderRule, out bool) bool {
	if d.methods != nil {
		list, at := c.texts(d.methods)
		for i, m := range list {
			if m != "INVITE" && !(out && m == "OPTIONS") {
				c.errorf(at[i], "header rules are for the first messages of a call, not for %s", m).fixf("Write INVITE, or in out OPTIONS for our probes")
				return false
			}
		}
		r.Methods = list
	}
	if d.codes != nil {
		codes, ok := c.codes(d.codes, 100, 699)
		if !ok {
			return false
		}
		r.Codes = codes
	}
	return true
}

// headerName checks a header's name, and that the core leaves the header to rules when they change it.
func (c *compiler) headerName(n *node, changed bool) (sip.ID, bool) {
	var m sip.Message
	m.AddName(n.text, "")
	if len(m.Headers) == 0 || len(n.text) > 64 {
		c.errorf(n, "%q cannot be the name of a header", n.text).fixf("Write it like X-Customer")
		return 0, false
	}
	id := m.Headers[0].ID
	if !changed {
		return id, true
	}
	for _, o := range owned {
		if slices.Contains(o.ids, id) || slices.ContainsFunc(o.names, func(name string) bool { return strings.EqualFold(name, n.text) }) {
			c.errorf(n, "%s %s", n.text, o.why).fixf("%s", o.fix)
			return 0, false
		}
	}
	return id, true
}

// owned are the headers that the core keeps for itself.
var owned = []struct {
	ids      []sip.ID
	names    []string
	why, fix string
}{
	{[]sip.ID{sip.IDFrom}, nil, "tells the dialog by its tag and the caller by its URI", "Use callerForm, fromDomain, displayName and callingRules"},
	{[]sip.ID{sip.IDTo}, nil, "tells the dialog by its tag and the called party by its URI", "Use calledRules"},
	{[]sip.ID{sip.IDVia, sip.IDCSeq, sip.IDCallID, sip.IDMaxForwards, sip.IDContact, sip.IDRoute, sip.IDRecordRoute, sip.IDPath, sip.IDTimestamp, sip.IDReplaces}, nil,
		"keeps transaction and dialog together", "Choose another header"},
	{[]sip.ID{sip.IDContentLength, sip.IDContentType, sip.IDContentEncoding, sip.IDContentDisposition}, []string{"MIME-Version", "Content-Language"},
		"describes the body", "Choose another header"},
	{[]sip.ID{sip.IDRequire, sip.IDProxyRequire, sip.IDSupported, sip.IDUnsupported, sip.IDAllow, sip.IDAllowEvents, sip.IDAccept, sip.IDRSeq, sip.IDRAck,
		sip.IDSessionExpires, sip.IDMinSE, sip.IDExpires, sip.IDMinExpires, sip.IDEvent, sip.IDSubscriptionState, sip.IDReferTo}, []string{"Recv-Info", "Join"},
		"is an agreement with the peer that this server has to keep", "Choose another header"},
	{[]sip.ID{sip.IDAuthorization, sip.IDProxyAuthorization, sip.IDWWWAuthenticate, sip.IDProxyAuthenticate}, []string{"Authentication-Info"},
		"is part of a login", "Choose another header"},
}

// whoCalls tells the headers that may name the caller or who passed the call on.
func whoCalls(id sip.ID) bool {
	switch id {
	case sip.IDFrom, sip.IDContact, sip.IDPAssertedIdentity, sip.IDPPreferredIdentity, sip.IDRemotePartyID, sip.IDPrivacy, sip.IDDiversion, sip.IDHistoryInfo, sip.IDReferredBy,
		sip.IDVia, sip.IDCallID, sip.IDRoute, sip.IDRecordRoute:
		return true
	}
	return false
}
