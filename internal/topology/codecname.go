package topology

import "strings"

// misnamed are codecs by the names that people have for them, without dots, blanks and the like, and by those that SDP has (RFC 3551, RFC 4733).
var misnamed = map[string]string{
	"g711": "PCMA or PCMU", "g711a": "PCMA", "g711alaw": "PCMA", "alaw": "PCMA", "pcmalaw": "PCMA", "g711u": "PCMU", "g711mu": "PCMU", "g711ulaw": "PCMU",
	"g711mulaw": "PCMU", "ulaw": "PCMU", "mulaw": "PCMU", "g722": "G722", "g72264": "G722", "g72264k": "G722", "g7231": "G723", "g723": "G723", "g729": "G729",
	"g729r8": "G729", "g729br8": "G729", "dtmf": "telephone-event", "rfc2833": "telephone-event", "rfc4733": "telephone-event", "telephoneevent": "telephone-event",
	"telephoneevents": "telephone-event", "comfortnoise": "CN",
}

// ofSDP is what SDP calls a codec that has another name here, "" where the name may be one.
func ofSDP(codec string) string {
	name := misnamed[strings.NewReplacer(".", "", "-", "", "_", "", "/", "").Replace(strings.ToLower(codec))]
	if strings.EqualFold(name, codec) {
		return ""
	}
	return name
}
