package cdr

import "time"

// Evidence is what tells why a side was not heard. What is zero was not seen.
type Evidence struct {
	T38         uint64 `json:"t38,omitempty"`      // of the packets, those of T.38, or of another stream that is no RTP
	PayloadType uint8  `json:"payloadType"`        // of the last RTP
	Foreign     uint64 `json:"foreign,omitempty"`  // RTP of payload types that were not agreed on
	ForeignType uint8  `json:"foreignType"`        // the last of those
	Measured    uint64 `json:"measured,omitempty"` // RTP whose size was compared with its time
	Misfit      uint64 `json:"misfit,omitempty"`   // of that, what the codec cannot be
	Still       uint64 `json:"still,omitempty"`    // of that, what has the time of the packet before
	Sources     uint64 `json:"sources,omitempty"`  // SSRCs, when there were several

	Waited uint64 `json:"waited,omitempty"` // of what came too late, what had lain in this server for longer than that

	Noise  uint64 `json:"comfortNoise,omitempty"` // packets of it (RFC 3389)
	Pauses uint64 `json:"pauses,omitempty"`       // in talk, in which nothing came and none of those

	// Of what was dropped: during hold, without a destination, of a second SSRC, and what is no RTP.
	OnHold      uint64 `json:"onHold,omitempty"`
	Nowhere     uint64 `json:"nowhere,omitempty"`
	OtherSource uint64 `json:"otherSource,omitempty"`
	STUN        uint64 `json:"stun,omitempty"`
	DTLS        uint64 `json:"dtls,omitempty"`
	Misported   uint64 `json:"misported,omitempty"` // RTP at our port for RTCP
	Oversized   uint64 `json:"oversized,omitempty"`
	Unsealed    uint64 `json:"unsealed,omitempty"` // for want of keys of the other side
	Unfit       uint64 `json:"unfit,omitempty"`    // of a payload type that the other side does not take
	Clear       uint64 `json:"clear,omitempty"`    // plain RTCP, where SRTCP was agreed on

	// Since is what did not pass, by the reason, since a packet passed for the last time.
	Since Refusals `json:"since,omitzero"`
	// Scattered: of what came from where it may not, a quarter at least was of other hosts than the one that is named.
	Scattered bool `json:"scattered,omitempty"`

	SendErrors uint64 `json:"sendErrors,omitempty"` // toward the other side
	SendError  string `json:"sendError,omitempty"`  // the last of them

	// Refused is ICMP that came back for what was sent to this side.
	Refused      uint64    `json:"refused,omitempty"`
	RefusedWhy   string    `json:"refusedWhy,omitempty"`
	FirstRefused time.Time `json:"firstRefused,omitzero"`
	LastRefused  time.Time `json:"lastRefused,omitzero"`

	// By the RTCP of this side: how much RTP it says that it has sent; how many reports there are about what is sent to it, and of that what it expected and
	// lost; and how many of its packets, the newest in a row, say nothing of it.
	SaysSent uint64 `json:"saysSent,omitempty"`
	Reports  uint64 `json:"reports,omitempty"`
	Expected uint64 `json:"expected,omitempty"`
	Missed   uint64 `json:"missed,omitempty"`
	Deaf     uint64 `json:"deaf,omitempty"`
	// Doubtful: its reports contradict themselves in how much was lost.
	Doubtful bool `json:"doubtful,omitempty"`

	Ours       string `json:"ours,omitempty"`       // our address that the side was told, …
	Here       string `json:"here,omitempty"`       // … and what it is behind our NAT; "": the same
	Unusable   string `json:"unusable,omitempty"`   // address of its SDP that nothing can be sent to: 0.0.0.0, or of another IP version
	KeysFailed bool   `json:"keysFailed,omitempty"` // SRTP was agreed on, and there are no keys
	Unshaken   bool   `json:"unshaken,omitempty"`   // they were to come from a handshake of DTLS
	// UnshakenWhy is what became of that handshake.
	UnshakenWhy string `json:"unshakenWhy,omitempty"`
	ICE         bool   `json:"ice,omitempty"`       // checks of ICE decide who may send
	Unchecked   bool   `json:"unchecked,omitempty"` // and none came with our password
	Lapsed      bool   `json:"lapsed,omitempty"`    // ours were answered, and then none for so long that nothing was sent there any more

	// What the host knows of a side of which nothing came: that by its strict reverse path filter it takes from there nothing that arrives by this device, as answers leave by another one;
	// and that its table of connections had no room for new ones while the call ran.
	Arrives string `json:"arrives,omitempty"`
	Leaves  string `json:"leaves,omitempty"`
	Full    bool   `json:"full,omitempty"`

	HeldFor time.Duration `json:"heldFor,omitempty"` // that it did not send by its SDP: hold, or receive only
	Over    bool          `json:"over,omitempty"`    // at the end the stream was no audio any more: given up, or T.38
}

// Refusals are packets that came and did not pass, by the reason.
type Refusals struct {
	Gated       uint64 `json:"gated,omitempty"`
	Unauthentic uint64 `json:"unauthentic,omitempty"`
	OnHold      uint64 `json:"onHold,omitempty"`
	Nowhere     uint64 `json:"nowhere,omitempty"`
	OtherSource uint64 `json:"otherSource,omitempty"`
	Unsealed    uint64 `json:"unsealed,omitempty"`
	Unfit       uint64 `json:"unfit,omitempty"`
	SendErrors  uint64 `json:"sendErrors,omitempty"`
}

// handshake goes on with a sentence that says that there was no end to it.
func (e *Evidence) handshake() string {
	if e.UnshakenWhy == "" {
		return ""
	}
	return ": " + e.UnshakenWhy
}

const (
	fEPayloadType, fEForeign, fEForeignType, fEMeasured, fEMisfit, fESources              = 1, 2, 3, 4, 5, 6
	fEOnHold, fENowhere, fEOtherSource, fESTUN, fEDTLS, fEMisported, fEOversized          = 7, 8, 9, 10, 11, 12, 13
	fESendErrors, fESendError, fERefused, fERefusedWhy, fEFirstRefused, fELastRefused     = 14, 15, 16, 17, 18, 19
	fESaysSent, fEReports, fEExpected, fEMissed, fEDeaf, fEOurs, fEUnusable, fEKeysFailed = 20, 21, 22, 23, 24, 25, 26, 27
	fEUnsealed, fEUnfit, fEUnshaken, fEICE, fEUnchecked, fENoise, fEPauses                = 28, 29, 30, 31, 32, 33, 34
	fEHeldFor, fEOver                                                                     = 35, 36
	fEUnshakenWhy, fEWaited, fET38, fELapsed                                              = 40, 41, 42, 43
	fESinceGated, fESinceUnauthentic, fESinceOnHold, fESinceNowhere                       = 44, 45, 46, 47
	fESinceOtherSource, fESinceUnsealed, fESinceUnfit, fESinceSendErrors, fEScattered     = 48, 49, 50, 51, 52
	fEDoubtful, fEArrives, fELeaves, fEFull, fEStill, fEHere, fEClear                     = 53, 54, 55, 56, 57, 58, 59
)

// fewPauses may be something else: hold, a transfer, a line that is bad for a moment.
const fewPauses = 5

// Bare tells whether the side stops sending in pauses and says nothing of the noise in them, so that who listens takes the line for dead (MED-07).
func (e *Evidence) Bare() bool { return e != nil && e.Noise == 0 && e.Pauses >= fewPauses }

// numbers are the fields that are counts, by their place in the binary form.
func (e *Evidence) numbers() [60]*uint64 {
	s := &e.Since
	return [60]*uint64{fEClear: &e.Clear, fEStill: &e.Still, fESinceGated: &s.Gated, fESinceUnauthentic: &s.Unauthentic, fESinceOnHold: &s.OnHold, fESinceNowhere: &s.Nowhere,
		fESinceOtherSource: &s.OtherSource, fESinceUnsealed: &s.Unsealed, fESinceUnfit: &s.Unfit, fESinceSendErrors: &s.SendErrors,
		fET38: &e.T38, fEWaited: &e.Waited, fENoise: &e.Noise, fEPauses: &e.Pauses, fEUnsealed: &e.Unsealed, fEUnfit: &e.Unfit, fEForeign: &e.Foreign, fEMeasured: &e.Measured, fEMisfit: &e.Misfit, fESources: &e.Sources, fEOnHold: &e.OnHold, fENowhere: &e.Nowhere,
		fEOtherSource: &e.OtherSource, fESTUN: &e.STUN, fEDTLS: &e.DTLS, fEMisported: &e.Misported, fEOversized: &e.Oversized, fESendErrors: &e.SendErrors,
		fERefused: &e.Refused, fESaysSent: &e.SaysSent, fEReports: &e.Reports, fEExpected: &e.Expected, fEMissed: &e.Missed, fEDeaf: &e.Deaf}
}

func (w *binaryWriter) evidence(e *Evidence) {
	if e == nil {
		return
	}
	w.begin(fEvidence)
	for i, n := range e.numbers() {
		if n != nil {
			w.uint(byte(i), *n)
		}
	}
	w.uint(fEPayloadType, uint64(e.PayloadType))
	w.uint(fEForeignType, uint64(e.ForeignType))
	w.text(fESendError, e.SendError)
	w.text(fERefusedWhy, e.RefusedWhy)
	w.time(fEFirstRefused, e.FirstRefused)
	w.time(fELastRefused, e.LastRefused)
	w.text(fEOurs, e.Ours)
	w.text(fEHere, e.Here)
	w.text(fEUnusable, e.Unusable)
	w.bool(fEKeysFailed, e.KeysFailed)
	w.bool(fEUnshaken, e.Unshaken)
	w.text(fEUnshakenWhy, e.UnshakenWhy)
	w.bool(fEICE, e.ICE)
	w.bool(fEUnchecked, e.Unchecked)
	w.bool(fELapsed, e.Lapsed)
	w.bool(fEScattered, e.Scattered)
	w.bool(fEDoubtful, e.Doubtful)
	w.text(fEArrives, e.Arrives)
	w.text(fELeaves, e.Leaves)
	w.bool(fEFull, e.Full)
	w.int(fEHeldFor, e.HeldFor.Microseconds())
	w.bool(fEOver, e.Over)
	w.end()
}

func (d *decoder) evidence(f field) *Evidence {
	e := &Evidence{}
	numbers := e.numbers()
	d.group(f, func(f field) {
		switch f.no {
		case fEPayloadType:
			e.PayloadType = uint8(d.uint(f))
		case fEForeignType:
			e.ForeignType = uint8(d.uint(f))
		case fESendError:
			e.SendError = d.text(f)
		case fERefusedWhy:
			e.RefusedWhy = d.text(f)
		case fEFirstRefused:
			e.FirstRefused = d.time(f)
		case fELastRefused:
			e.LastRefused = d.time(f)
		case fEOurs:
			e.Ours = d.text(f)
		case fEHere:
			e.Here = d.text(f)
		case fEUnusable:
			e.Unusable = d.text(f)
		case fEKeysFailed:
			e.KeysFailed = d.uint(f) != 0
		case fEUnshaken:
			e.Unshaken = d.uint(f) != 0
		case fEUnshakenWhy:
			e.UnshakenWhy = d.text(f)
		case fEICE:
			e.ICE = d.uint(f) != 0
		case fEUnchecked:
			e.Unchecked = d.uint(f) != 0
		case fELapsed:
			e.Lapsed = d.uint(f) != 0
		case fEScattered:
			e.Scattered = d.uint(f) != 0
		case fEDoubtful:
			e.Doubtful = d.uint(f) != 0
		case fEArrives:
			e.Arrives = d.text(f)
		case fELeaves:
			e.Leaves = d.text(f)
		case fEFull:
			e.Full = d.uint(f) != 0
		case fEHeldFor:
			e.HeldFor = d.duration(f)
		case fEOver:
			e.Over = d.uint(f) != 0
		default:
			if int(f.no) < len(numbers) && numbers[f.no] != nil {
				*numbers[f.no] = d.uint(f)
			} else {
				d.skip(f)
			}
		}
	})
	return e
}
