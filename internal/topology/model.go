// Package topology holds the document: sites, pools, servers, gateways, trunks, settings and routing, compiled
// as a whole into an immutable Snapshot in which scopes are already resolved.
//
// A Snapshot is never changed after Compile; any number of goroutines may read it. Running calls keep the Snapshot they
// began with. The package is pure: it reads no file, Compile is given the document and who reads those that it names.
package topology

import (
	"net/netip"
	"regexp"
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// Snapshot is one compiled version of the document.
type Snapshot struct {
	Version   string // first 12 hex digits of the SHA-256 of the document, and of the files that it has sound from
	Source    []byte // the document
	Defaults  *TrunkSettings
	Sites     []*Site
	Pools     []*Pool
	Servers   []*Server
	Gateways  []*Gateway
	Trunks    []*Trunk // Trunk.Index is the place in this list
	DialPlan  []*DialPlan
	Policies  []*VoicePolicy
	Usages    []string
	Routes    []*Route // in the order of priority; Route.Index is the place in this list
	Users     []*User
	Emergency []EmergencyNumber
	Tests     []TestCase

	GlobalPlan   *DialPlan    // of the global scope; nil: none
	GlobalPolicy *VoicePolicy // of the global scope; nil: none

	LocationPolicies []*LocationPolicy
	Network          *Network // nil: the document says nothing of it

	WithoutOpus Problems // warnings that hold where libopus0 is not installed; who can see that tells them

	InboundRules []InboundRule     // in the order in which they are tried
	Unassigned   []UnassignedRange // in the order in which they are searched

	userByNumber map[string]*User  // line URI number (and number;ext=) and extra numbers
	userByURI    map[string]*User  // lower-case address-of-record without scheme
	trunkByName  map[string]*Trunk // lower case
	serverByName map[string]*Server
	inbound      inbound
	userByAlias  map[string]*User    // lower-case name, unique extension
	routesOf     map[string][]*Route // by usage, in the order of priority
	restricted   bool                // a trunk is Restricted
	elins        map[string]bool     // numbers that stand for locations; nil: none
}

// Site is a place: trunks, pools and subnets belong to one.
type Site struct {
	Name     string
	Parent   *Site // of a branch site
	DialPlan *DialPlan
	Policy   *VoicePolicy
	Settings *TrunkSettings
	// LocationRouting: location-based routing holds here (RTE-26). RoutingPolicy then has the usages of those who are here, instead
	// of their own; nil: their own.
	LocationRouting bool
	RoutingPolicy   *VoicePolicy
	Location        *Location       // where emergency services are sent to; nil: of the parent
	LocationPolicy  *LocationPolicy // nil: of the parent
}

// Pool is a mediation pool: any member serves any trunk of the pool (TOP-05, TOP-06).
type Pool struct {
	Name     string // FQDN
	Site     *Site
	Servers  []*Server
	DialPlan *DialPlan
	Limit    Limit // of all servers together; see Share
	// Port ranges that trunks take their listening ports from (TOP-13).
	TLSPorts, TCPPorts, UDPPorts PortRange
}

// PortRange is inclusive; zero means none.
type PortRange struct{ First, Last uint16 }

// Server is one running directsip.
type Server struct {
	Name          string // FQDN
	Pool          *Pool
	Interface                           // where gateways are that name none
	Interfaces    map[string]*Interface // further ones, by name
	MediaPorts    PortRange             // MED-09; default 49152-57500
	MediaTier     string                // the best that media may travel in: "sockets", "steered" or "kernel" (default)
	Cert, Key, CA string                // PEM files of the TLS listeners; CA verifies peers
	MaxCalls      int                   // 0: no limit
	MaxCPS        int                   // new calls per second; 0: no limit
	// MaxMessagesPerSource is SIP messages per second of one address; 0: no limit; default 20000.
	MaxMessagesPerSource int
	Metrics              string // host:port of /metrics and /healthz; "" none
	// QualityConsumer is the URL that quality records are posted to (OPS-17), QualityConsumerTokenFile a file with the token that is shown there; "" none.
	QualityConsumer, QualityConsumerTokenFile string
	ControlSocket                             string // path; "" default of the data directory
	ViewSocket                                string // path of the socket that takes no commands; "" none
	ViewGroup                                 string // that may open it; "" whose group the server has

	places map[string][2]int // line and column of its keys; "": of its name
}

// GatewayKind is what stands on the other side.
type GatewayKind string

// The kinds.
const (
	KindGateway GatewayKind = "gateway" // PSTN gateway
	KindPBX     GatewayKind = "pbx"
	KindSBC     GatewayKind = "sbc" // of a provider
	KindUC      GatewayKind = "uc"  // UC platform: users are behind it
)

// GatewayKinds are the words for them.
func GatewayKinds() []string {
	return []string{string(KindGateway), string(KindPBX), string(KindSBC), string(KindUC)}
}

// Gateway is the equipment on the other side (TOP-01..TOP-04).
type Gateway struct {
	Name      string
	Kind      GatewayKind
	Host      string       // FQDN or IP literal (TOP-10)
	Addr      netip.Addr   // valid when Host is an IP literal
	Addresses []netip.Addr // further source addresses that this peer may call from
	Names     []string     // certificate names that this peer may present; default Host
	Site      *Site
	Interface string // by which interface of our servers it is reached; "": that of the server itself (TOP-12)
	Routable  bool   // TOP-21
	// MediaIP stands for where its media is, when that is not where its signalling comes from (TOP-15). AlternateBypassID: gateways that
	// have the same one are at one place for bypass (BYP-05); "": the gateway with itself.
	MediaIP           netip.Addr
	AlternateBypassID string
	Trunks            []*Trunk
}

// Trunk is the tuple {pool, our port and transport : gateway, its port} (TOP-07).
type Trunk struct {
	Index       int
	Name        string
	Root        bool // TOP-08
	Pool        *Pool
	Gateway     *Gateway
	Transport   sip.Transport
	Port        uint16 // our listening port
	GatewayPort uint16 // 0: by DNS (RFC 3263); else the peer's listening port
	Site        *Site
	Settings    *TrunkSettings // resolved: trunk, else site, else global (TRK-01: whole object, no merge)
	DialPlan    *DialPlan      // of calls that arrive on it: trunk, gateway's site … resolved
	// Who we are to the peer (NEW-02); nil when it does not ask.
	Credentials  *Credentials
	Registration *Registration
	Authenticate *Authenticate // what its peer must prove when it calls; nil: nothing
	ContactHost  string        // DR-02: our name in Contact, Via and From toward the peer; "": the server's over TLS, else the address
	Disabled     bool          // DR-11: no new calls, no OPTIONS; running calls go on
	Carrier      *Trunk        // DR-28: the trunk that this one is derived from and has everything of but its names; nil: of none
	Derived      []*Trunk      // those derived from it, in the order of the document
}

// Codes is a set of SIP response codes.
type Codes map[int]bool

// TrunkSettings is the behaviour of trunks at scope global, site or trunk.
type TrunkSettings struct {
	Scope   string // "global", "site:NAME", "trunk:NAME"
	Profile string // NEW-11: of the object or else of the gateway; "" none

	// Hunting and timers.
	NoResponseTimeout time.Duration // nothing at all from the peer → next target; default 4s
	NoProgressTimeout time.Duration // no 18x (TRK-17, 10 s in Lync) → next target; default 10s; 0 off
	NoAnswerTimeout   time.Duration // ringing, not answered; default 3m (RFC 3261 Timer C > 3 min): 180s
	FailoverCodes     Codes         // forced: these fail over whatever the class says (NEW-08)
	FinalCodes        Codes         // forced: these end the call
	MaxAttempts       int           // targets tried per call when this is the inbound trunk; default 6

	// Health (NEW-06).
	Options             bool          // send OPTIONS; default true
	OptionsInterval     time.Duration // default 30s
	OptionsIntervalDown time.Duration // default 5s
	OptionsTimeout      time.Duration // one probe; default 4s
	OptionsMisses       int           // consecutive misses until down; default 3
	OptionsUpCodes      Codes         // nil: any response below 500 and 5xx other than 503 counts as alive… see docs
	FailuresDown        int           // consecutive live call failures (peer fault) until down; default 5
	HalfOpenCalls       int           // trial calls let through at once while coming back; default 2

	// Limits (NEW-09, NEW-15).
	MaxCalls int // concurrent calls on the trunk; 0 none
	MaxCPS   int // new calls per second; 0 none

	// Signalling.
	MaxEarlyDialogs     int      // TRK-02; default 20
	RemovePlus          bool     // TRK-14
	ForwardPAI          bool     // TRK-16
	FromDomain          string   // NEW-16: host part of From toward the peer; default our server or pool name
	UserPhone           bool     // SIG-03 user=phone; default true
	PhoneContext        string   // SIG-04, RTE-06: phone-context of numbers without +; default "", none
	NumberParameters    []string // RFC 4694, RFC 3966 isub: that pass with a called number; default isub
	UDPMaxRequest       int      // bytes above which a UDP request goes by TCP (RFC 3261 §18.1.1); default 1300; 0 never
	RefuseUnknownSource string   // "drop" or "403"; only global scope
	OptionsUserAgent    bool

	// In the call.
	AcceptRefer        bool     // NEW-03, SIG-11: the peer may transfer its calls by REFER; default false
	AcceptReplaces     string   // DR-17: whose calls the peer may take over by INVITE with Replaces: "off", "own" (default) or "any"
	EnableReferSupport bool     // TRK-06: the peer is sent REFER when its Allow has it; default true
	Enable3pccRefer    bool     // TRK-07: it is not, and transfers are made by third-party call control; default false
	HeldOffer          string   // SIG-19: a first offer that is on hold: "accept" (default) or "refuse" with 488
	RelayMethods       []string // methods that pass when both trunks of the call have them; default INFO

	Identity
	Setup
	Sound
	HeaderRules HeaderRules // what is changed at the edge; default none

	// Media.
	EnableBypass    bool          // TRK-05: both trunks of a call have it, and Network allows it → SDP is passed through
	Concentrated    bool          // TRK-04: the peer's media is where it is known to be before it answers; default true
	SRTPMode        string        // TRK-03: "pass", "accept" (default), "optional", "required" or "notSupported"
	SRTPSuites      []string      // the suites that are offered and taken, in order; default all
	SRTPKeying      string        // how keys are offered, and preferred where a peer offers both: "sdes" (default), "dtls" or "both"
	ICE             string        // "off" (default), "lite": checks of the peer are answered, or "full": checks are sent, too
	RTCPMux         string        // RTCP on the RTP port (RFC 5761): "accept" (default), "offer" or "off"
	RTPLatching     string        // whose RTP is latched to: "off", "peer" (default; hosts of its SDP and signalling) or "any"
	SSRCPolicy      string        // "any" (default) or "fixed": a new SSRC needs a new SDP
	RTCPActiveCalls bool          // TRK-09: media dead for MediaTimeout ends the call; default true
	RTCPCallsOnHold bool          // TRK-10; default true
	MediaTimeout    time.Duration // default 30s
	Codecs          []string      // empty: whatever the offer has
	SignalBoost     int           // TRK-11: dB by which G.711 from this peer is made louder; default 0
	DTMF            string        // how the peer has keys: "auto" (default), "rfc4733", "inband" or "info"
	Transcoding     string        // "auto" (default): what the other side does not offer of Codecs is converted; "off"

	// OPS-09: a call is poor beyond these.
	RTCPXR        bool          // RTCP of ours has VoIP metrics (RFC 3611); default false
	PoorMOS       int           // in hundredths, below it; default 350
	PoorLoss      int           // percent lost or late; default 5
	PoorJitter    time.Duration // default 30ms
	PoorRoundTrip time.Duration // from here to the peer and back; default 500ms

	// Numbers.
	CalledRules         []*TranslationRule // TRK-20
	CallingRules        []*TranslationRule // TRK-21
	InboundCalledRules  []*TranslationRule // before the dial plan, on calls that arrive
	InboundCallingRules []*TranslationRule
	ResponseRules       []ResponseRule // TRK-22

	// Routing.
	Usages              []string // TRK-23 inter-trunk: of calls that arrive here
	PIDFLO              bool     // TRK-13: emergency calls carry the caller's location in a body; default false
	LocationRestriction bool     // TRK-24: only for parties at the trunk's site; default false. See Trunk.Restricted
}

// ResponseRule maps a received response to another code (TRK-22).
type ResponseRule struct {
	Name  string
	Code  int // 400..699; 0: any
	Cause int // Q.850; -1: any
	To    int // 400..699
}

// Rule is one ordered regular expression with its replacement.
type Rule struct {
	Name        string
	Pattern     string
	Translation string // as written ($1)
	Re          *regexp.Regexp
	Expand      string // Translation in Go's form (${1})
}

// NormalizationRule turns what was dialled into E.164 (RTE-03).
type NormalizationRule struct {
	Rule
	Internal bool // RTE-04; counts with OptimizeDeviceDialing of the plan
}

// TranslationRule rewrites a called or calling number at the edge (TRK-20, TRK-21).
type TranslationRule struct{ Rule }

// DialPlan is an ordered list of normalization rules (RTE-01, RTE-02).
type DialPlan struct {
	Name       string
	SimpleName string // phone-context (RTE-06)
	// OptimizeDeviceDialing: a number that begins with ExternalAccessPrefix is one outside, so internal rules do not apply to it; to
	// others they apply first (RTE-04, RTE-05).
	OptimizeDeviceDialing bool
	ExternalAccessPrefix  string // default 9
	Rules                 []*NormalizationRule
}

// VoicePolicy is an ordered list of PSTN usages (RTE-09), and what else its users may.
type VoicePolicy struct {
	Name   string
	Usages []string
	// Forwarding says which usages a call has that a user forwards, or that rings simultaneously elsewhere (RTE-23).
	Forwarding       Forwarding
	ForwardingUsages []string // of CustomUsage
	// Limit is that of the calls that each user makes; a user's own comes first.
	Limit Limit
	// PreventTollBypass: location-based routing holds for the users (RTE-26).
	PreventTollBypass bool
	// BandwidthOverride: calls to the users go through whatever links carry already; they are counted (CAC-07).
	BandwidthOverride bool
}

// Forwarding is CallForwardingSimulRingUsageType of Lync.
type Forwarding string

// The forms of forwarding.
const (
	VoicePolicyUsage Forwarding = "VoicePolicyUsage" // the usages of the policy
	InternalOnly     Forwarding = "InternalOnly"     // to users only
	CustomUsage      Forwarding = "CustomUsage"      // usages of its own
)

// Selection is how a route orders its trunks (RTE-15, NEW-07).
type Selection string

// The selections.
const (
	RoundRobin Selection = "round-robin" // as Lync
	Ordered    Selection = "ordered"
	Weighted   Selection = "weighted"
)

// Route joins usages and a number pattern to trunks (RTE-12).
type Route struct {
	Index             int
	Name              string
	Pattern           string
	Re                *regexp.Regexp
	Except            []string // numbers that begin like one of these do not match (RTE-14)
	Priority          int
	Usages            []string
	Selection         Selection
	Trunks            []RouteTrunk
	SuppressCallerID  bool // RTE-13
	AlternateCallerID string
}

// RouteTrunk is a trunk of a route.
type RouteTrunk struct {
	Trunk  *Trunk
	Weight int // 1 unless Weighted
}

// User is a UC user, reached through a gateway of kind uc (RTE-08).
type User struct {
	Name     string // of the document
	URI      string // sip:alice@example.com
	LineURI  string // tel:+14255550100;ext=100
	Number   string // +14255550100
	Ext      string
	Private  string       // number of the private line, E.164; "" none (RTE-32). Only for calls to the user
	DialPlan *DialPlan    // resolved
	Policy   *VoicePolicy // resolved
	Site     *Site

	Limit          Limit           // resolved; of the calls that the user makes
	Location       *Location       // resolved; nil: unknown
	LocationPolicy *LocationPolicy // resolved; nil: the emergency numbers of the document
	Trunks         []*Trunk        // toward the UC gateway that serves the user, in order
}

// EmergencyNumber replaces policy by usage (EMG-01, EMG-02).
type EmergencyNumber struct {
	Number string   // as dialled, 112
	Masks  []string // others that mean the same
	// Services are those of RFC 5031 that it is called for, such as "sos.police", in lower case.
	Services []string
	Usage    string
}

// TestCase is a stored expectation (OPS-01).
type TestCase struct {
	Name                                                                           string
	Dialed                                                                         string
	From                                                                           string // user name or number; "" none
	Trunk                                                                          string // inbound trunk, for calls from a peer
	ForwardedBy                                                                    string // URI of the user who forwards the call
	DialPlan, VoicePolicy                                                          string // instead of those of the caller; "" those
	ExpectNumber, ExpectUsage, ExpectRoute, ExpectTrunk, ExpectUser, ExpectRefusal string
	ExpectCalled, ExpectCalling                                                    string // after translation, on the first trunk
	Line                                                                           int
	Headers                                                                        []string        // further lines of the INVITE that arrives, "Privacy: id"
	ExpectHeaders                                                                  []HeaderPattern // of the INVITE to the first target
}

// UserByNumber finds the owner of a normalized number ("+1425…", or "+1425…;ext=100"), reverse number lookup (RTE-08).
func (s *Snapshot) UserByNumber(number string) *User { return s.userByNumber[number] }
