package topology

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/directsip/directsip/internal/sound"
)

// compiler holds one run of Compile: the document as written, the names in it and what is wrong with it.
type compiler struct {
	file     string
	root     *node
	problems []*Problem
	errors   int // also those that are not listed
	warnings int
	alike    alike
	wanted   map[wanting]*wanted // names that nothing has
	blank    *node               // a character that looks like a blank and is none, where one belongs

	withoutOpus []*Problem // for the snapshot's

	snap *Snapshot

	siteDocs      []*siteDoc
	poolDocs      []*poolDoc
	gatewayDocs   []*gatewayDoc
	trunkDocs     []*trunkDoc
	settingsDocs  []*settingsDoc
	planDocs      []*planDoc
	policyDocs    []*policyDoc
	routeDocs     []*routeDoc
	userDocs      []*userDoc
	emergencyDocs []*emergencyDoc
	testDocs      []*testDoc

	unassignedDocs     []*unassignedDoc
	inboundDocs        []*inboundDoc
	locationPolicyDocs []*locationPolicyDoc

	locationNames       names[*locationDoc]
	locationPolicyNames names[*locationPolicyDoc]
	elinNames           map[string]string // location of each ELIN

	announcementNames names[*Announcement]
	targetDocs        []*announcementDoc     // announcements after which a call goes on
	tones             map[string]*sound.Clip // by name and country
	files             Files
	sum               hash.Hash // of the document and the files

	siteNames     names[*siteDoc]
	poolNames     names[*poolDoc]
	serverNames   names[*serverDoc]
	gatewayNames  names[*gatewayDoc]
	trunkNames    names[*trunkDoc]
	settingsNames names[*settingsDoc]
	planNames     names[*planDoc]
	policyNames   names[*policyDoc]
	usageNames    names[string]
	routeNames    names[*routeDoc]
	ruleNames     names[[]compiled]
	shadowed      map[string][]shadow // by the patterns of a list
	userNames     names[*userDoc]

	dialPlan, policy *node // of the global scope
	network          *networkDoc
}

// sections are the top-level keys. They are read in this order, whatever their order in the document, so that a
// rule list is known when settings name it; names are resolved when all of them are read.
var sections = []field[compiler]{
	{"sites", func(c *compiler, n *node, _ *compiler) { c.sites(n) }},
	{"pools", func(c *compiler, n *node, _ *compiler) { c.pools(n) }},
	{"gateways", func(c *compiler, n *node, _ *compiler) { c.gateways(n) }},
	{"trunks", func(c *compiler, n *node, _ *compiler) { c.trunks(n) }},
	{"translationRules", func(c *compiler, n *node, _ *compiler) { c.translationLists(n) }},
	{"trunkSettings", func(c *compiler, n *node, _ *compiler) { c.settings(n) }},
	{"dialPlans", func(c *compiler, n *node, _ *compiler) { c.dialPlans(n) }},
	{"dialPlan", setRef(func(c *compiler) **node { return &c.dialPlan })},
	{"usages", func(c *compiler, n *node, _ *compiler) { c.usages(n) }},
	{"voicePolicies", func(c *compiler, n *node, _ *compiler) { c.policies(n) }},
	{"voicePolicy", setRef(func(c *compiler) **node { return &c.policy })},
	{"routes", func(c *compiler, n *node, _ *compiler) { c.routes(n) }},
	{"users", func(c *compiler, n *node, _ *compiler) { c.users(n) }},
	{"announcements", func(c *compiler, n *node, _ *compiler) { c.announcements(n) }},
	{"inboundRules", func(c *compiler, n *node, _ *compiler) { c.inboundRules(n) }},
	{"unassignedNumbers", func(c *compiler, n *node, _ *compiler) { c.unassigned(n) }},
	{"emergency", func(c *compiler, n *node, _ *compiler) { c.emergencyDocs = c.emergencyList(n) }},
	{"locationPolicies", func(c *compiler, n *node, _ *compiler) { c.locationPolicies(n) }},
	{"locations", func(c *compiler, n *node, _ *compiler) { c.locations(n) }},
	{"network", func(c *compiler, n *node, _ *compiler) { c.networkSection(n) }},
	{"tests", func(c *compiler, n *node, _ *compiler) { c.tests(n) }},
}

// Compile checks a document as a whole and resolves it. name is for messages only.
//
// The snapshot is nil when a problem is an error; warnings come with a snapshot. Every problem that can be seen without
// repairing another one first is in the list, by position, but for those that may only follow from another one. Compile reads no file but src and never panics; where the document names
// files with sound there is silence.
func Compile(name string, src []byte) (*Snapshot, Problems) { return CompileWith(name, src, nil) }

// Files reads a file that the document names. What is longer than sound.LongestFile may be cut off behind that. The errors are those of package os.
type Files func(path string) ([]byte, error)

// CompileWith is Compile of a document and the files that it has sound from; files may be nil.
func CompileWith(name string, src []byte, files Files) (*Snapshot, Problems) {
	c := newCompiler(name, files)
	c.sum.Write(src)
	if root := c.read(src); root != nil {
		c.document(root)
	}
	c.tellBlank()
	if c.failed() {
		return nil, c.result()
	}
	c.snap.Source = src
	c.snap.Version = hex.EncodeToString(c.sum.Sum(nil)[:6])
	c.snap.Index()
	return c.snap, c.result()
}

func newCompiler(name string, files Files) *compiler {
	return &compiler{
		file:          name,
		files:         files,
		sum:           sha256.New(),
		snap:          &Snapshot{},
		siteNames:     newNames[*siteDoc]("site"),
		poolNames:     newNames[*poolDoc]("pool"),
		serverNames:   newNames[*serverDoc]("server"),
		gatewayNames:  newNames[*gatewayDoc]("gateway"),
		trunkNames:    newNames[*trunkDoc]("trunk"),
		settingsNames: newNames[*settingsDoc]("scope"),
		planNames:     newNames[*planDoc]("dial plan"),
		policyNames:   newNames[*policyDoc]("voice policy"),
		usageNames:    newNames[string]("usage"),
		routeNames:    newNames[*routeDoc]("route"),
		ruleNames:     newNames[[]compiled]("list of translation rules"),
		userNames:     newNames[*userDoc]("user"),

		locationNames:       newNames[*locationDoc]("location"),
		locationPolicyNames: newNames[*locationPolicyDoc]("location policy"),
		elinNames:           map[string]string{},
		announcementNames:   newNames[*Announcement]("announcement"),
	}
}

// document reads the sections and resolves what they name. Checks of the whole run only when every part is sound:
// otherwise one mistake would be reported in ten ways.
func (c *compiler) document(root *node) {
	c.root = root
	switch root.kind {
	case mapping:
	case null:
		c.errorf(nil, "the document is empty").fixf("directsip init writes one to begin with")
		return
	default:
		c.errorf(root, "a document of keys like pools and gateways is expected, not %s", kindName(root)).
			fixf("directsip init writes one to begin with")
		return
	}
	for _, e := range root.entries {
		if lookup(sections, e.key.text) == nil {
			c.unknownKey(e.key, keys(sections))
		}
	}
	for _, s := range sections {
		if n := root.get(s.key); n != nil {
			s.set(c, n, c)
		}
	}
	if n := root.get("pools"); n == nil || len(c.poolDocs) == 0 && !c.failed() {
		c.errorf(cmp.Or(n, root), "the document has no pools: nothing would listen").fixf("Add pools with one server")
	}
	c.resolve()
	if !c.failed() {
		c.check()
	}
}
