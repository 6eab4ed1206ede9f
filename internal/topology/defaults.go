package topology

import (
	"time"

	"github.com/directsip/directsip/internal/sip"
)

// DefaultSettings is the trunk settings of a document that has none; every object of trunkSettings begins with them.
// Values of Lync where Lync has one; the rest is stated in docs/configuration.md.
func DefaultSettings() *TrunkSettings {
	return &TrunkSettings{
		Scope:               "global",
		NoResponseTimeout:   4 * time.Second,
		NoProgressTimeout:   10 * time.Second,
		NoAnswerTimeout:     180 * time.Second,
		MaxAttempts:         6,
		Options:             true,
		OptionsInterval:     30 * time.Second,
		OptionsIntervalDown: 5 * time.Second,
		OptionsTimeout:      4 * time.Second,
		OptionsMisses:       3,
		FailuresDown:        5,
		HalfOpenCalls:       2,
		MaxEarlyDialogs:     20,
		UserPhone:           true,
		NumberParameters:    []string{"isub"},
		UDPMaxRequest:       1300,
		RefuseUnknownSource: "drop",
		OptionsUserAgent:    true,
		HeldOffer:           "accept",
		AcceptReplaces:      "own",
		EnableReferSupport:  true,
		Concentrated:        true,
		RelayMethods:        []string{"INFO"},
		Identity:            defaultIdentity,
		Setup:               defaultSetup(),
		SRTPMode:            "accept",
		SRTPSuites:          srtpSuites,
		SRTPKeying:          "sdes",
		Transcoding:         "auto",
		DTMF:                "auto",
		ICE:                 "off",
		RTCPMux:             "accept",
		Sound:               defaultSound(),
		RTPLatching:         "peer",
		SSRCPolicy:          "any",
		RTCPActiveCalls:     true,
		RTCPCallsOnHold:     true,
		MediaTimeout:        30 * time.Second,
		PoorMOS:             350,
		PoorLoss:            5,
		PoorJitter:          30 * time.Millisecond,
		PoorRoundTrip:       500 * time.Millisecond,
	}
}

// defaultMessagesPerSource is far above what a peer sends of its own will, and far below what keeps a processor from its calls.
const defaultMessagesPerSource = 20000

// srtpSuites are the crypto suites that are known, the one that every peer has first (RFC 4568 §6.2, RFC 7714).
var srtpSuites = []string{"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_32"}

// defaultMediaTier is the best there is.
const defaultMediaTier = "kernel"

// defaultMediaPorts is MED-09.
var defaultMediaPorts = PortRange{49152, 57500}

// defaultPort is our listening port of a transport (TOP-14; UDP is ours).
func defaultPort(t sip.Transport) uint16 {
	switch t {
	case sip.TLS:
		return 5067
	case sip.TCP:
		return 5068
	}
	return 5060
}

// defaultGatewayPort is the peer's listening port of a transport (TOP-14; UDP is ours).
func defaultGatewayPort(t sip.Transport) uint16 {
	switch t {
	case sip.TLS:
		return 5067
	case sip.TCP:
		return 5066
	}
	return 5060
}
