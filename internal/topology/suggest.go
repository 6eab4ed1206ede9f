package topology

import (
	"regexp"
	"strings"
)

// planned holds the keys of trunk settings, voice policies, gateways and users that Lync has or that the plan has and this
// version has not. They are refused by name, never ignored: a setting that does nothing is worse than none.
var planned = map[string][]string{
	"trunkSettings": {
		"enableSignalBoost",
		"enableMobileTrunkSupport", "enableOnlineVoice",
		"t38", "comfortNoise",
	},
	"gateways": {"default"},
	"voicePolicies": {
		"allowCallForwarding", "allowSimulRing", "allowPSTNReRouting", "enableDelegation", "enableTeamCall",
		"enableCallTransfer", "enableCallPark", "enableMaliciousCallTracing",
		"enableVoicemailEscapeTimer", "pstnVoicemailEscapeTimer", "voiceDeploymentMode", "enableBusyOptions",
	},
	"dialPlans":         {"dialinConferencingRegion", "city", "state", "countryCode"},
	"users":             {"register", "credentials"},
	"unassignedNumbers": {"announcementService", "autoAttendantUri"},
	"announcements":     {"textToSpeechPrompt", "language"},
	"locationPolicies":  {"notificationUri", "conferenceUri", "conferenceMode", "locationRequired", "locationRefreshInterval"},
	"emergency":         {"notificationUri", "conferenceUri", "conferenceMode", "locationRequired", "locationRefreshInterval"},
	"":                  {"callParkOrbits", "mediaConfiguration"},
}

// lync holds what an administrator of Lync would write, and the key here.
var lync = map[string]map[string]string{
	"trunkSettings": {
		"enableRTPLatching": "rtpLatching", "enableFastFailoverTimer": "noProgressTimeout (0s is off)",
		"outboundTranslationRules": "calledRules", "outboundTranslationRulesList": "calledRules",
		"outboundCallingNumberTranslationRules": "callingRules", "outboundCallingNumberTranslationRulesList": "callingRules",
		"sipResponseCodeTranslationRules": "responseRules", "sipResponseCodeTranslationRulesList": "responseRules",
		"pstnUsages": "usages", "removePlus": "removePlusFromUri", "networkSiteID": "site of the trunk", "networkSiteId": "site of the trunk",
		"enablePAIPassthrough": "forwardAnonymousCallGatewayPAI", "diversion": "callHistoryForm",
		"maxConcurrentSessions": "maxCalls", "failoverTimeSeconds": "noProgressTimeout", "failoverResponseCodes": "failoverCodes",
		"credentials":  "gateways.NAME.root.credentials or trunks.NAME.credentials",
		"registration": "gateways.NAME.root.registration or trunks.NAME.registration",
		"register":     "gateways.NAME.root.registration or trunks.NAME.registration",
		"authenticate": "gateways.NAME.root.authenticate or trunks.NAME.authenticate",
	},
	"gateways": {
		"fqdn": "host", "address": "host", "mediaAddress": "representativeMediaIP", "alternateMediaAddress": "representativeMediaIP",
		"transport": "root.transport", "port": "root.port", "gatewayPort": "root.gatewayPort", "pool": "root.pool",
		"dialPlan": "root.dialPlan", "credentials": "root.credentials", "registration": "root.registration", "register": "root.registration",
		"authenticate": "root.authenticate",
	},
	"trunks":        {"register": "registration"},
	"voicePolicies": {"pstnUsages": "usages"},
	"dialPlans":     {"normalizationRules": "rules"},
	"routes": {
		"numberPattern": "pattern", "pstnUsages": "usages", "pstnGatewayList": "trunks", "gateways": "trunks",
		"suppressCallerId": "suppressCallerID", "alternateCallerId": "alternateCallerID",
	},
	"sites":             {"locationRouting": "enableLocationBasedRouting"},
	"unassignedNumbers": {"announcementName": "announcement"},
	"announcements":     {"audioFilePrompt": "file", "targetUri": "target"},
	"users":             {"sipAddress": "uri", "lineUri": "lineURI", "policy": "voicePolicy", "networkSiteID": "site", "networkSiteId": "site"},
	"locationPolicies":  {"emergencyDialString": "number", "emergencyDialMask": "masks", "pstnUsage": "usage"},
	"emergency":         {"emergencyDialString": "number", "emergencyDialMask": "masks", "pstnUsage": "usage"},
	"": {"servers": "pools.NAME.servers", "pstnUsages": "usages", "voiceRoutes": "routes", "testCases": "tests",
		"trunkConfiguration": "trunkSettings", "policies": "voicePolicies", "networkRegions": "network.regions", "networkSites": "network.sites",
		"subnets": "network.sites.NAME.subnets", "bandwidthPolicies": "network.profiles"},
}

// section is the top-level key that n stands in, "" for a top-level key itself.
func section(n *node) string {
	chain := n.chain()
	if len(chain) < 2 {
		return ""
	}
	return chain[0].name
}

func notYet(key *node) bool {
	for _, name := range planned[section(key)] {
		if strings.EqualFold(name, key.text) {
			return true
		}
	}
	return false
}

func lyncName(key *node) string {
	if key.text == "" {
		return ""
	}
	names := lync[section(key)]
	if ours, ok := names[key.text]; ok {
		return ours
	}
	return names[strings.ToLower(key.text[:1])+key.text[1:]]
}

// Nearest is the known name that was probably meant; "" when none is like it.
func Nearest(name string, known []string) string { return nearest(name, known) }

// nearest is the known word that was probably meant: equal but for case, or at most a third of its letters off.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, distance := "", len(word)/3+1
	for _, k := range known {
		if strings.EqualFold(k, word) {
			return k
		}
		if len(k) > 64 {
			continue
		}
		if d := editDistance(strings.ToLower(word), strings.ToLower(k), distance); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// akin are the known words, a few at most, that share a part with a word: acceptRefer and enableReferSupport with enableRefer. "enable" says nothing.
func akin(word string, known []string) []string {
	const fewest, most = 4, 5 // letters of a part; words
	if len(word) > 64 {
		return nil
	}
	for part := range strings.FieldsSeq(camel.ReplaceAllString(word, " $0")) {
		part = strings.ToLower(part)
		if len(part) < fewest || part == "enable" {
			continue
		}
		var list []string
		for _, k := range known {
			if strings.Contains(strings.ToLower(k), part) {
				list = append(list, k)
			}
		}
		if len(list) > 0 && len(list) <= most {
			return list
		}
	}
	return nil
}

var camel = regexp.MustCompile(`[A-Z][a-z]+`)

// editDistance counts insertions, deletions and changes of bytes; at least limit when it is that or more.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var rows [2][65]int
	before, row := &rows[0], &rows[1]
	for j := range len(b) + 1 {
		before[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := before[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, before[j+1]+1, row[j]+1)
		}
		before, row = row, before
	}
	return before[len(b)]
}
