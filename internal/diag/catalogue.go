package diag

// Ends of answered and of abandoned calls. None of them is a fault.
var (
	NormalClearing = &Reason{ID: "normal-clearing", Cause: 16, Phrase: "Normal call clearing",
		Text: "One of the parties hung up.",
		Fix:  "Nothing. The call record says who hung up."}
	CallerCancelled = &Reason{ID: "caller-cancelled", Status: 487, Phrase: "Request Terminated", Cause: 16,
		Text: "The caller gave up before the call was answered.",
		Fix:  "Nothing, unless callers give up because set-up takes long: compare the time of the first 18x of each attempt."}
	Transferred = &Reason{ID: "transferred", Cause: 16, Phrase: "Normal call clearing",
		Text: "The call ended here because it was transferred or replaced by another call.",
		Fix:  "Nothing. Look for the call that took its place."}
)

// Verdicts of the called party or of its network about the number. They end the call: no other trunk is tried.
var (
	Busy = &Reason{ID: "busy", Status: 486, Phrase: "Busy Here", Cause: 17,
		Text: "The called party is busy.",
		Fix:  "Nothing. If the peer sends 486 although its lines are full, it should add Q.850 cause 34, or a response rule of the trunk should turn 486 into 503."}
	Declined = &Reason{ID: "declined", Status: 603, Phrase: "Decline", Cause: 21,
		Text: "The called party, or its network on its behalf, rejected the call.",
		Fix:  "Nothing. If the carrier rejects the caller's number, look at the calling-number rules of the trunk."}
	NoAnswer = &Reason{ID: "no-answer", Status: 480, Phrase: "Temporarily Unavailable", Cause: 19,
		Text: "The called party was alerted and did not answer in time.",
		Fix:  "Nothing. The time is noAnswerTimeout of the trunk."}
	NoUserResponse = &Reason{ID: "no-user-response", Status: 480, Phrase: "Temporarily Unavailable", Cause: 18,
		Text: "The called party's equipment did not respond.",
		Fix:  "Nothing, unless it happens to every number behind one peer: then the peer has lost its telephones."}
	CallerRefused = &Reason{ID: "caller-refused", Status: 433, Phrase: "Anonymity Disallowed", Cause: 21,
		Text: "The called party does not take calls from this caller identity.",
		Fix:  "Look whether the route suppresses the caller's number."}
	NotFound = &Reason{ID: "not-found", Status: 404, Phrase: "Not Found", Cause: 1,
		Text: "Nobody has the called number.",
		Fix:  "Check the number in the decision of the call record: a wrong normalization or translation rule makes a wrong number of a right one."}
	NumberChanged = &Reason{ID: "number-changed", Status: 410, Phrase: "Gone", Cause: 22,
		Text: "The called number is no longer in use.",
		Fix:  "Nothing. The new number may be in the peer's response."}
	NumberInvalid = &Reason{ID: "number-invalid", Status: 484, Phrase: "Address Incomplete", Cause: 28,
		Text: "The called number is incomplete or malformed.",
		Fix:  "Compare the number sent with the one received; a translation rule may have cut too much, or the peer sends digits one by one (overlap)."}
)

// Refusals by routing.
var (
	NotNormalized = &Reason{ID: "not-normalized", Status: 404, Phrase: "Not Found", Cause: 28,
		Text: "The called number is not E.164 and no rule of the dial plan matches it.",
		Fix:  "Add a normalization rule to the dial plan of the trunk or user, or let the peer send +E.164."}
	NoRoute = &Reason{ID: "no-route", Status: 404, Phrase: "Not Found", Cause: 3,
		Text: "The caller's usages have no route whose pattern matches the number.",
		Fix:  "Run `directsip route` with the same caller and number: it lists every route and why it does not match."}
	NoUsage = &Reason{ID: "no-usage", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "The number is not that of a user, and the caller may use no PSTN usage.",
		Fix:  "Give the user a voice policy with usages, or the incoming trunk usages (inter-trunk routing)."}
	UnassignedNumber = &Reason{ID: "unassigned-number", Status: 404, Phrase: "Not Found", Cause: 1,
		Text: "The number is ours and belongs to nobody; the document says to refuse it.",
		Fix:  "Nothing. The range is named in the decision; status and cause are its code and cause."}
	InboundRefused = &Reason{ID: "inbound-refused", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "An inbound rule of the document refuses the call.",
		Fix:  "Nothing, or change the rule that the decision names; status and cause are its code and cause."}
	ForwardingInternal = &Reason{ID: "forwarding-internal", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "The user who forwards the call may forward only to other users.",
		Fix:  "Nothing, or change callForwardingSimulRingUsageType of the user's voice policy."}
	TollBypass = &Reason{ID: "toll-bypass", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "Location-based routing: the call would join a trunk that is kept for one site to a party that is not there.",
		Fix:  "Nothing if that is the law of the place. Else compare the sites in the decision: of the trunk, and of the user or PBX."}
	NoTrunk = &Reason{ID: "no-trunk", Status: 503, Phrase: "Service Unavailable", Cause: 38,
		Text: "Routes match, but none of their trunks can be used from this pool for this call.",
		Fix:  "Give the route a trunk of this pool, and look at the reasons in the decision: other pool, out of service (enabled), gateway not routable, or the trunk that the call came from."}
	UserUnreachable = &Reason{ID: "user-unreachable", Status: 480, Phrase: "Temporarily Unavailable", Cause: 20,
		Text: "The number belongs to a user, but no trunk of this pool leads to the user's UC platform.",
		Fix:  "Give the UC gateway of the user a trunk to this pool."}
	AllTrunksDown = &Reason{ID: "all-trunks-down", Status: 503, Phrase: "Service Unavailable", Cause: 38,
		Text: "Every trunk that the routes name is down, and the attempts failed.",
		Fix:  "`directsip trunks` shows since when and why; restore a peer or add a route over another one."}
	AllTrunksFailed = &Reason{ID: "all-trunks-failed", Status: 503, Phrase: "Service Unavailable", Cause: 34,
		Text: "Every target was tried and none took the call.",
		Fix:  "The attempts in the call record say what each peer answered."}
)

// Reasons why one attempt failed and the next target is tried. When there is no next one they end the call.
var (
	PeerFault = &Reason{ID: "peer-fault", Status: 502, Phrase: "Bad Gateway", Cause: 41,
		Text: "The peer answered with an error of its own.",
		Fix:  "See the peer's status and cause in the attempt; its own log has the reason."}
	PeerCongestion = &Reason{ID: "peer-congestion", Status: 503, Phrase: "Service Unavailable", Cause: 34,
		Text: "The peer has no free channel or is overloaded.",
		Fix:  "Add channels or trunks, or limit the trunk to what the peer can carry (maxCalls, maxCPS)."}
	Incompatible = &Reason{ID: "incompatible", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The peer cannot take the call in the form that was offered.",
		Fix:  "The attempt says what was offered: compare its codecs and transport profile (RTP or SRTP) with what the peer supports. The Warning header of its response, which stands there too, often says which."}
	Redirected = &Reason{ID: "redirected", Status: 480, Phrase: "Temporarily Unavailable", Cause: 23,
		Text: "The peer redirected the call (3xx), and its trunk does not follow, or routing does not allow where that leads.",
		Fix:  "Set redirect of the trunk to follow, and see that the caller may call the new number, or let the peer forward the call itself."}
	NoResponse = &Reason{ID: "no-response", Status: 504, Phrase: "Server Time-out", Cause: 102,
		Text: "The peer did not answer the INVITE at all.",
		Fix:  "Check the peer, the way to it (firewall, NAT) and its address; the time is noResponseTimeout of the trunk."}
	NoProgress = &Reason{ID: "no-progress", Status: 504, Phrase: "Server Time-out", Cause: 102,
		Text: "The peer took the call but signalled no progress (18x) in time.",
		Fix:  "For slow destinations raise noProgressTimeout of the trunk or set it to 0."}
	TransportFailed = &Reason{ID: "transport-failed", Status: 503, Phrase: "Service Unavailable", Cause: 38,
		Text: "The connection to the peer could not be opened, or broke.",
		Fix:  "The attempt has the error of the operating system or of the TLS handshake; `directsip doctor` tries the trunk and explains it."}
	DNSFailed = &Reason{ID: "dns-failed", Status: 503, Phrase: "Service Unavailable", Cause: 38,
		Text: "The name of the gateway does not resolve to an address.",
		Fix:  "Check the gateway's host in the document and its SRV, A and AAAA records from this server."}
	CredentialsMissing = &Reason{ID: "credentials-missing", Status: 502, Phrase: "Bad Gateway", Cause: 41,
		Text: "The peer asked for a user name and password, and the trunk has none for it.",
		Fix:  "Give the trunk credentials, or correct their realm: the WWW-Authenticate or Proxy-Authenticate header of the peer names the one that it wants."}
	CredentialsRefused = &Reason{ID: "credentials-refused", Status: 502, Phrase: "Bad Gateway", Cause: 41,
		Text: "The peer did not take the user name and password of the trunk, or asked for a form of authentication that is not supported.",
		Fix:  "Compare user and password of the trunk's credentials with what the provider gave you; the detail of the attempt says what the peer answered."}
	PeerVanished = &Reason{ID: "peer-vanished", Cause: 41, Phrase: "Temporary failure",
		Text: "A peer no longer answers in the call or says that it does not know it.",
		Fix:  "Look whether the peer restarted at that time, and whether in-dialog requests reach its Contact address."}
	AnswerLost = &Reason{ID: "answer-lost", Status: 480, Phrase: "Temporarily Unavailable", Cause: 16,
		Text: "The called party hung up, and the answer that it must have given before has not arrived.",
		Fix:  "Look for packets of the peer that are lost: its 200 to the INVITE, which is larger than its BYE, or our ACK. Over TCP neither is."}
)

// Limits and protection.
var (
	PasswordMissing = &Reason{ID: "password-missing", Status: 401, Phrase: "Unauthorized", Cause: 21,
		Text: "The trunk demands a user name and password of its peer (authenticate), and the INVITE has none, or not the right one.",
		Fix:  "Nothing when the peer calls again with them at once. Else give it the name and password of authenticate, and an algorithm that it knows: many know only MD5."}
	PasswordGuessed = &Reason{ID: "password-guessed", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "10 wrong passwords came from the address within a minute, so its calls are refused until the minute is over.",
		Fix:  "Compare user and password of the peer with authenticate of the trunk. If the peer has the right ones, somebody else calls from its address."}
	UnknownSource = &Reason{ID: "unknown-source", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "The request comes from an address or certificate that is no gateway of the document.",
		Fix:  "If it is a peer, add its address to the gateway's addresses or its certificate name to names; else it is a stranger and the refusal is right."}
	RateLimited = &Reason{ID: "rate-limited", Status: 503, Phrase: "Service Unavailable", Cause: 42,
		Text: "More new calls per second than the trunk or server allows (maxCPS).",
		Fix:  "If the load is wanted, raise maxCPS. A caller that came too fast itself is asked to wait a second (Retry-After)."}
	ServerLimit = &Reason{ID: "server-limit", Status: 503, Phrase: "Service Unavailable", Cause: 42,
		Text: "The server has as many calls as it may (maxCalls of the server).",
		Fix:  "Add a server to the pool or raise maxCalls."}
	PoolLimit = &Reason{ID: "pool-limit", Status: 503, Phrase: "Service Unavailable", Cause: 42,
		Text: "The server has its share of the calls that the pool may have (maxCalls of the pool).",
		Fix:  "Raise maxCalls of the pool. If one server has many more calls than the others, let the peers spread them."}
	UserLimit = &Reason{ID: "user-limit", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "The user makes as many calls as it may (maxCalls or maxCPS of the user or its voice policy).",
		Fix:  "Look at the user's calls: if they are wanted raise the limit, else somebody may be using its telephone."}
	TrunkLimit = &Reason{ID: "trunk-limit", Status: 503, Phrase: "Service Unavailable", Cause: 34,
		Text: "The trunk has as many calls as it may (maxCalls of the trunk).",
		Fix:  "Add a trunk to the route, or raise maxCalls if the peer has the channels."}
	LinkFull = &Reason{ID: "link-full", Status: 503, Phrase: "Service Unavailable", Cause: 34,
		Text: "A link of the network carries as much as its bandwidth policy lets it (call admission control).",
		Fix:  "`directsip network` shows what the links carry. Raise audio.total of the profile if the link has room, or add a trunk that goes another way to the route."}
	SessionTooWide = &Reason{ID: "session-too-wide", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "None of the offered codecs is as narrow as the bandwidth policy of a link asks of one call (call admission control).",
		Fix:  "Let the caller offer a narrower codec, G.729 for example, or raise audio.perSession of the profile."}
	Overload = &Reason{ID: "overload", Status: 503, Phrase: "Service Unavailable", Cause: 42,
		Text: "The server has more work than it can do in time and sheds new calls.",
		Fix:  "Look at the load metrics, and at `directsip health`: the calls that are shed are in no record. Add a server, or limit maxCPS."}
	Draining = &Reason{ID: "draining", Status: 503, Phrase: "Service Unavailable", Cause: 41,
		Text: "The server is being taken out of service and takes no new calls.",
		Fix:  "Nothing: the peer should use another member of the pool."}
	TrunkDisabled = &Reason{ID: "trunk-disabled", Status: 503, Phrase: "Service Unavailable", Cause: 41,
		Text: "The trunk is out of service (enabled: false) and takes no new calls.",
		Fix:  "Nothing if that is wanted: the peer should go another way. Else remove enabled: false from the trunk or its carrier trunk."}
	TrunkPaused = &Reason{ID: "trunk-paused", Status: 503, Phrase: "Service Unavailable", Cause: 42,
		Text: "The peer has refused a call with 503 and Retry-After and gets none until that time is over.",
		Fix:  "Nothing when it is rare: the next trunk takes the call. Else ask the peer what it lacks; its answer is in the attempt before."}
)

// Media.
var (
	MediaPorts = &Reason{ID: "media-ports", Status: 503, Phrase: "Service Unavailable", Cause: 47,
		Text: "No media port is free.",
		Fix:  "Widen mediaPorts of the server, or limit maxCalls to what the range carries (two ports a leg)."}
	MediaOpenFailed = &Reason{ID: "media-open-failed", Status: 503, Phrase: "Service Unavailable", Cause: 47,
		Text: "The media ports could not be opened.",
		Fix:  "The call record has the error of the operating system; check the server's media addresses and that nothing else uses the port range."}
	MediaDead = &Reason{ID: "media-dead", Cause: 41, Phrase: "Temporary failure",
		Text: "Neither RTP nor RTCP came from one side for the time of mediaTimeout, so the call was ended.",
		Fix:  "The record says which side. If it sends no RTCP on hold, set rtcpCallsOnHold (or rtcpActiveCalls) of its trunk to false and use session timers."}
	NotAcceptable = &Reason{ID: "not-acceptable", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The offered media cannot be served: no audio stream, codec or profile in common.",
		Fix:  "The detail says what the caller offers: compare it with codecs of both trunks."}
	MediaFamily = &Reason{ID: "media-family", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "All that is offered wants its media in IPv6, or all in IPv4, and this server has no media address of that family: an answer would be a call without a word.",
		Fix:  "Give the server an address of that family (media, or addresses), or let the peer offer the other one as well. A NAT64 on the way translates no descriptions."}
	HeldOffer = &Reason{ID: "held-offer", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The first offer of the call is on hold, which heldOffer of the trunk does not allow.",
		Fix:  "Let the peer send an active offer first and hold the call afterwards, or set heldOffer to accept."}
	BadSDP = &Reason{ID: "bad-sdp", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The session description cannot be read.",
		Fix:  "The detail of the record names the line; it is a fault of the sender."}
	MediaLineMissing = &Reason{ID: "media-line-missing", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "An offer within the call has fewer m-lines than the description before it (RFC 3264 section 8), and it is not plain which streams are left.",
		Fix:  "It is a fault of the sender: a stream that is over keeps its m-line, with port 0."}
	BadAnswer = &Reason{ID: "bad-answer", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The answer to an offer is missing, or does not fit the offer.",
		Fix:  "The detail of the record says what does not fit; it is a fault of the side that answered."}
	SRTPRequired = &Reason{ID: "srtp-required", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The peer offers RTP, and srtpMode of its trunk is required.",
		Fix:  "Let the peer offer RTP/SAVP with a=crypto or a=fingerprint, or set srtpMode to optional or accept."}
	SRTPNotSupported = &Reason{ID: "srtp-not-supported", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The peer offers SRTP, and srtpMode of its trunk is notSupported.",
		Fix:  "Set srtpMode to accept, or let the peer offer RTP."}
	SRTPNoKeys = &Reason{ID: "srtp-no-keys", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "The peer offers SRTP, and no a=crypto line of its offer can be used: there is none, or none with a suite of srtpSuites, and no a=fingerprint of DTLS either.",
		Fix:  "Compare the suites with srtpSuites of the trunk."}
	KeyUnheard = &Reason{ID: "key-unheard", Status: 488, Phrase: "Not Acceptable Here", Cause: 65,
		Text: "A key of DTMF came by INFO while the call is on hold, so that nobody can hear it; pressed later it would be heard by who does not expect it.",
		Fix:  "Press keys when the call is taken back."}
	UnsupportedMedia = &Reason{ID: "unsupported-media", Status: 415, Phrase: "Unsupported Media Type", Cause: 79,
		Text: "The body is of a type or encoding that is not understood.",
		Fix:  "The peer should send application/sdp without content encoding."}
)

// Faults of requests.
var (
	BadRequest = &Reason{ID: "bad-request", Status: 400, Phrase: "Bad Request", Cause: 96,
		Text: "The request breaks the syntax or the rules of SIP.",
		Fix:  "The detail names the header; it is a fault of the sender."}
	UnsupportedExtension = &Reason{ID: "unsupported-extension", Status: 420, Phrase: "Bad Extension", Cause: 79,
		Text: "The request requires a SIP extension that is not supported (Unsupported names it).",
		Fix:  "Switch the extension off in the peer, or from required to supported."}
	ExtensionRequired = &Reason{ID: "extension-required", Status: 421, Phrase: "Extension Required", Cause: 79,
		Text: "The trunk demands a SIP extension that the request does not offer.",
		Fix:  "Relax the setting of the trunk or switch the extension on in the peer."}
	SessionIntervalTooSmall = &Reason{ID: "session-interval-too-small", Status: 422, Phrase: "Session Interval Too Small", Cause: 79,
		Text: "The session timer that the request asks for is shorter than allowed (RFC 4028).",
		Fix:  "Nothing: the peer repeats with the interval of Min-SE. If it does not, raise its session timer."}
	UnsupportedScheme = &Reason{ID: "unsupported-scheme", Status: 416, Phrase: "Unsupported URI Scheme", Cause: 28,
		Text: "The Request-URI is neither sip, sips nor tel.",
		Fix:  "The peer should send a sip URI. urn:service:sos is served where the document has emergency numbers."}
	MethodNotAllowed = &Reason{ID: "method-not-allowed", Status: 405, Phrase: "Method Not Allowed", Cause: 79,
		Text: "The method is not served here (Allow lists what is).",
		Fix:  "Switch the feature off in the peer: directsip is no registrar and no presence server."}
	TooManyHops = &Reason{ID: "too-many-hops", Status: 483, Phrase: "Too Many Hops", Cause: 25,
		Text: "Max-Forwards reached zero: the call runs in a circle, or the chain of servers is very long.",
		Fix:  "Look for two systems that route the number to each other."}
	LoopDetected = &Reason{ID: "loop-detected", Status: 482, Phrase: "Loop Detected", Cause: 25,
		Text: "The call came back to the server that had sent it out.",
		Fix:  "Look for the peer that returns the number: usually a range that it routes by default to us, and we to it. If it is a proxy that forwards the call to another number by way of us, it must stay on the way (Record-Route)."}
	TooManyRedirections = &Reason{ID: "too-many-redirections", Status: 483, Phrase: "Too Many Hops", Cause: 25,
		Text: "The call was passed on more than 10 times before it came here, by what its Diversion or History-Info says.",
		Fix:  "Look for telephones that are forwarded to each other; the header names them, the latest first in Diversion and last in History-Info."}
	PrivacyImpossible = &Reason{ID: "privacy-impossible", Status: 500, Phrase: "Server Internal Error", Cause: 29,
		Text: "The caller insists (critical, RFC 3323) on a kind of privacy that this server does not have for the call.",
		Fix:  "With enableBypass there is no privacy of the media (session); else the Privacy header has a value that nobody knows."}
	MergedRequest = &Reason{ID: "merged-request", Status: 482, Phrase: "Loop Detected", Cause: 25,
		Text: "The same request arrived by two ways (RFC 3261 section 8.2.2.2).",
		Fix:  "A proxy in front forks the call to several addresses of this server: give it one. Or to several numbers by way of it, which is the same to RFC 3261: a PBX that rings several numbers should make a call of its own to each. Behind a restart of the peer, it gives its calls Call-IDs and tags of such that have not ended here yet: their session timers and mediaTimeout say for how long."}
	CallGone = &Reason{ID: "call-gone", Status: 481, Phrase: "Call/Transaction Does Not Exist", Cause: 81,
		Text: "The request belongs to a call that this server does not know, or no longer.",
		Fix:  "Usually a crossing of two requests at the end of a call. If it is frequent, the peer sends in-dialog requests to the wrong member of the pool. As the result of a transfer: the other call of who transfers is at another server of the pool, or over; calls of two servers cannot be joined, so let equipment that transfers by REFER with Replaces prefer one server and use the others when that one is away (priorities of its SRV records, not weights)."}
	OutOfOrder = &Reason{ID: "out-of-order", Status: 500, Phrase: "Server Internal Error", Cause: 98,
		Text: "A request within the call came out of order, or before the one before it was settled.",
		Fix:  "Nothing when it is rare: the peer tries again after Retry-After. Else compare the CSeq numbers in a capture."}
	RequestPending = &Reason{ID: "request-pending", Status: 491, Phrase: "Request Pending", Cause: 41,
		Text: "Both sides changed the session at the same moment; one has to try again (RFC 3261 section 14).",
		Fix:  "Nothing: the peers repeat on their own."}
	PrackMissing = &Reason{ID: "prack-missing", Status: 504, Phrase: "Server Time-out", Cause: 102,
		Text: "The caller demands reliable provisional responses and never acknowledged one (no PRACK), so its call was refused.",
		Fix:  "The caller cannot resolve or reach our Contact, which the detail has, or its PRACK is malformed or lost: check DNS at the caller, NAT and firewall, or set reliableProvisional of its trunk to off."}
	AckMissing = &Reason{ID: "ack-missing", Cause: 102, Phrase: "Recovery on timer expiry",
		Text: "The caller never acknowledged the answer (no ACK for the 200), so the call was ended.",
		Fix:  "The caller cannot resolve or reach our Contact, which the detail has (a name over TLS, or contactHost of the trunk), or its ACK is lost on the way: check DNS at the caller, NAT and firewall, a proxy in between that does not stay on the way (Record-Route), and the log for a TLS connection of the caller that was refused."}
	SessionExpired = &Reason{ID: "session-expired", Cause: 102, Phrase: "Recovery on timer expiry",
		Text: "The session timer (RFC 4028) ran out without a refresh.",
		Fix:  "The side that should refresh has lost the call or its refresh does not reach us; the ladder shows the last one."}
	ReplacesRefused = &Reason{ID: "replaces-refused", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "The peer may not take over the call that its INVITE with Replaces names.",
		Fix:  "acceptReplaces of the peer's trunk says whose calls it may take over: none, those of its own gateway, or any."}
	TransferLimit = &Reason{ID: "transfer-limit", Status: 403, Phrase: "Forbidden", Cause: 21,
		Text: "The call was transferred as often as one call may be.",
		Fix:  "Look at the transfers in the record: two pieces of equipment that refer a call to each other never end it."}
	TransferFailed = &Reason{ID: "transfer-failed", Status: 503, Phrase: "Service Unavailable", Cause: 41,
		Text: "The transfer could not be carried out.",
		Fix:  "The record of the second call says why its target did not take it."}
)

// Faults of this server.
var (
	ServerError = &Reason{ID: "server-error", Status: 500, Phrase: "Server Internal Error", Cause: 41,
		Text: "A fault inside directsip ended this call; other calls are not affected.",
		Fix:  "Report it with the recording that the log names."}
	ServerShutdown = &Reason{ID: "server-shutdown", Status: 503, Phrase: "Service Unavailable", Cause: 41,
		Text: "The server was stopped, and the call was still there when the time for draining was over.",
		Fix:  "Allow more time for draining, or stop when fewer calls are up."}
	ServerLost = &Reason{ID: "server-lost", Phrase: "Temporary failure", Cause: 41,
		Text: "The server ended without warning while the call was up; the record was completed at the next start.",
		Fix:  "Look into the system log for the reason: memory, power, kill."}
)

// All is the catalogue in the order of the documentation. It must not be changed.
var All = []*Reason{
	NormalClearing, CallerCancelled, Transferred,
	Busy, Declined, NoAnswer, NoUserResponse, CallerRefused, NotFound, NumberChanged, NumberInvalid,
	NotNormalized, NoRoute, NoUsage, UnassignedNumber, InboundRefused, ForwardingInternal, TollBypass, NoTrunk, UserUnreachable, AllTrunksDown,
	AllTrunksFailed,
	PeerFault, PeerCongestion, Incompatible, Redirected, NoResponse, NoProgress, TransportFailed, DNSFailed,
	CredentialsMissing, CredentialsRefused, PeerVanished, AnswerLost,
	PasswordMissing, PasswordGuessed,
	UnknownSource, RateLimited, ServerLimit, PoolLimit, UserLimit, TrunkLimit, LinkFull, SessionTooWide, Overload, Draining, TrunkDisabled, TrunkPaused,
	MediaPorts, MediaOpenFailed, MediaDead, NotAcceptable, MediaFamily, HeldOffer, BadSDP, MediaLineMissing, BadAnswer, SRTPRequired, SRTPNotSupported, SRTPNoKeys, KeyUnheard, UnsupportedMedia,
	BadRequest, UnsupportedExtension, ExtensionRequired, SessionIntervalTooSmall, UnsupportedScheme, MethodNotAllowed,
	TooManyHops, LoopDetected, TooManyRedirections, PrivacyImpossible, MergedRequest, CallGone, OutOfOrder, RequestPending, AckMissing,
	PrackMissing, SessionExpired, ReplacesRefused, TransferLimit, TransferFailed,
	ServerError, ServerShutdown, ServerLost,
}

// ByID finds a reason, nil when there is none.
func ByID(id string) *Reason {
	for _, r := range All {
		if r.ID == id {
			return r
		}
	}
	return nil
}
