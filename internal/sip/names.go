package sip

// String is the long name of the header as RFC 3261 and its extensions write it; "" for IDOther.
func (id ID) String() string {
	if int(id) < len(names) {
		return names[id]
	}
	return ""
}

var names = [...]string{
	IDVia:                "Via",
	IDFrom:               "From",
	IDTo:                 "To",
	IDCallID:             "Call-ID",
	IDCSeq:               "CSeq",
	IDMaxForwards:        "Max-Forwards",
	IDContact:            "Contact",
	IDRoute:              "Route",
	IDRecordRoute:        "Record-Route",
	IDContentType:        "Content-Type",
	IDContentLength:      "Content-Length",
	IDContentEncoding:    "Content-Encoding",
	IDContentDisposition: "Content-Disposition",
	IDRequire:            "Require",
	IDProxyRequire:       "Proxy-Require",
	IDSupported:          "Supported",
	IDUnsupported:        "Unsupported",
	IDAllow:              "Allow",
	IDAllowEvents:        "Allow-Events",
	IDAccept:             "Accept",
	IDExpires:            "Expires",
	IDMinExpires:         "Min-Expires",
	IDRSeq:               "RSeq",
	IDRAck:               "RAck",
	IDSessionExpires:     "Session-Expires",
	IDMinSE:              "Min-SE",
	IDReason:             "Reason",
	IDRetryAfter:         "Retry-After",
	IDWarning:            "Warning",
	IDServer:             "Server",
	IDUserAgent:          "User-Agent",
	IDDate:               "Date",
	IDTimestamp:          "Timestamp",
	IDAuthorization:      "Authorization",
	IDProxyAuthorization: "Proxy-Authorization",
	IDWWWAuthenticate:    "WWW-Authenticate",
	IDProxyAuthenticate:  "Proxy-Authenticate",
	IDReferTo:            "Refer-To",
	IDReferredBy:         "Referred-By",
	IDReplaces:           "Replaces",
	IDEvent:              "Event",
	IDSubscriptionState:  "Subscription-State",
	IDPAssertedIdentity:  "P-Asserted-Identity",
	IDPPreferredIdentity: "P-Preferred-Identity",
	IDRemotePartyID:      "Remote-Party-ID",
	IDPrivacy:            "Privacy",
	IDDiversion:          "Diversion",
	IDHistoryInfo:        "History-Info",
	IDSubject:            "Subject",
	IDPriority:           "Priority",
	IDGeolocation:        "Geolocation",
	IDPath:               "Path",
	IDSessionID:          "Session-ID",
}

// lookup finds the ID of a header name in any case, long or compact. It branches on length and one
// letter, so that one comparison decides for each name.
func lookup(name string) ID {
	if len(name) == 1 {
		return compact(name[0] | 0x20)
	}
	id := candidate(name)
	if id != IDOther && equalFold(name, names[id]) {
		return id
	}
	return IDOther
}

// compact is the table of RFC 3261 §7.3.3 and of the extensions.
func compact(c byte) ID {
	switch c {
	case 'b':
		return IDReferredBy
	case 'c':
		return IDContentType
	case 'e':
		return IDContentEncoding
	case 'f':
		return IDFrom
	case 'i':
		return IDCallID
	case 'k':
		return IDSupported
	case 'l':
		return IDContentLength
	case 'm':
		return IDContact
	case 'o':
		return IDEvent
	case 'r':
		return IDReferTo
	case 's':
		return IDSubject
	case 't':
		return IDTo
	case 'u':
		return IDAllowEvents
	case 'v':
		return IDVia
	case 'x':
		return IDSessionExpires
	}
	return IDOther
}

// candidate is the only known header that a name of this length and these letters can be.
func candidate(name string) ID {
	switch n := len(name); {
	case n <= 6:
		return candidate6(name)
	case n <= 8:
		return candidate8(name)
	case n <= 12:
		return candidate12(name)
	}
	return candidateLong(name)
}

func candidate6(name string) ID {
	switch len(name) {
	case 2:
		return IDTo
	case 3:
		return IDVia
	case 4:
		switch name[0] | 0x20 {
		case 'c':
			return IDCSeq
		case 'd':
			return IDDate
		case 'f':
			return IDFrom
		case 'p':
			return IDPath
		case 'r':
			switch name[1] | 0x20 {
			case 'a':
				return IDRAck
			case 's':
				return IDRSeq
			}
		}
	case 5:
		switch name[0] | 0x20 {
		case 'a':
			return IDAllow
		case 'e':
			return IDEvent
		case 'r':
			return IDRoute
		}
	case 6:
		switch name[0] | 0x20 {
		case 'a':
			return IDAccept
		case 'm':
			return IDMinSE
		case 'r':
			return IDReason
		case 's':
			return IDServer
		}
	}
	return IDOther
}

func candidate8(name string) ID {
	switch len(name) {
	case 7:
		switch name[2] | 0x20 {
		case 'b':
			return IDSubject
		case 'i':
			return IDPrivacy
		case 'l':
			return IDCallID
		case 'n':
			return IDContact
		case 'p':
			return IDExpires
		case 'q':
			return IDRequire
		case 'r':
			return IDWarning
		}
	case 8:
		switch name[2] | 0x20 {
		case 'f':
			return IDReferTo
		case 'i':
			return IDPriority
		case 'p':
			return IDReplaces
		}
	}
	return IDOther
}

func candidate12(name string) ID {
	switch len(name) {
	case 9:
		switch name[0] | 0x20 {
		case 'd':
			return IDDiversion
		case 's':
			return IDSupported
		case 't':
			return IDTimestamp
		}
	case 10:
		switch name[0] | 0x20 {
		case 's':
			return IDSessionID
		case 'u':
			return IDUserAgent
		}
	case 11:
		switch name[2] | 0x20 {
		case 'f':
			return IDReferredBy
		case 'n':
			return IDMinExpires
		case 'o':
			return IDGeolocation
		case 's':
			return IDUnsupported
		case 't':
			return IDRetryAfter
		}
	case 12:
		switch name[0] | 0x20 {
		case 'a':
			return IDAllowEvents
		case 'c':
			return IDContentType
		case 'h':
			return IDHistoryInfo
		case 'm':
			return IDMaxForwards
		case 'r':
			return IDRecordRoute
		}
	}
	return IDOther
}

func candidateLong(name string) ID {
	switch len(name) {
	case 13:
		switch name[0] | 0x20 {
		case 'a':
			return IDAuthorization
		case 'p':
			return IDProxyRequire
		}
	case 14:
		return IDContentLength
	case 15:
		switch name[0] | 0x20 {
		case 'r':
			return IDRemotePartyID
		case 's':
			return IDSessionExpires
		}
	case 16:
		switch name[0] | 0x20 {
		case 'c':
			return IDContentEncoding
		case 'w':
			return IDWWWAuthenticate
		}
	case 18:
		switch name[0] | 0x20 {
		case 'p':
			return IDProxyAuthenticate
		case 's':
			return IDSubscriptionState
		}
	case 19:
		switch name[1] | 0x20 {
		case '-':
			return IDPAssertedIdentity
		case 'o':
			return IDContentDisposition
		case 'r':
			return IDProxyAuthorization
		}
	case 20:
		return IDPPreferredIdentity
	}
	return IDOther
}
