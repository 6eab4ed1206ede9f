package cdr

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// nothing says why nothing at all was passed on: what came and was refused, and else why nothing came. A few packets may be of a stranger, or of the moment
// in which a hold began; they are no more than one thing that would explain it. But STUN and DTLS are repeated seldom.
func (w *way) nothing() []finding {
	const few, repeated = 8, 3
	if found := certain(w.refused(few)); len(found) > 0 {
		return found
	}
	found := w.absent()
	for _, f := range w.refused(1) {
		switch {
		case (f.cause == "dtls" || f.cause == "ice") && w.STUN+w.DTLS >= repeated:
			return []finding{f}
		case found[0].sure && found[0].cause != "nothing", found[0].cause == f.cause:
		default:
			f.sure, found[0].sure = false, false
			found = append(found, f)
		}
	}
	return found
}

// refused is what came and did not pass, where it is so many packets at least, and no few strays beside many others.
func (w *way) refused(least uint64) (found []finding) {
	const stray = 20 // so many times fewer
	most, flood := max(w.Unauthentic, w.Dropped, w.SendErrors), w.flooded()
	if !flood {
		most = max(most, w.Gated)
	}
	least = max(least, most/stray)
	add := func(n uint64, cause, format string, args ...any) {
		if n >= least {
			found = append(found, finding{cause, fmt.Sprintf(format, args...), true})
		}
	}
	if w.Unshaken {
		add(w.Unauthentic, "dtls-unfinished", "%d packets came, and the handshake of DTLS-SRTP with it has not succeeded%s", w.Unauthentic, w.handshake())
	} else if w.SRTP == "" && w.KeysFailed {
		add(w.Unauthentic, "no-keys", "%d packets came under SRTP, and no keys were agreed on with it: look at a=crypto of its SDP, and at srtpMode and srtpSuites of its trunk", w.Unauthentic)
	} else {
		add(w.Unauthentic, "srtp-key", "%d packets of SRTP came that its key does not open, the one that its SDP says: it encrypts with another, or not at all", w.Unauthentic)
	}
	from := cmp.Or(w.GatedFrom, "elsewhere")
	if w.Scattered {
		from = "several hosts, " + from + " among them"
	}
	text, before := fmt.Sprintf("%d packets came from %s, ", w.Gated, from), len(found)
	switch {
	case w.ICE && w.Lapsed:
		add(w.Gated, "consent", "%s", text+"after it had answered no check of ICE of ours for 30 s, without which nothing is sent to it or taken from it (RFC 7675)")
	case w.ICE:
		add(w.Gated, "ice-unchecked", "%s", text+"from where no check of ICE with our password came")
	case sameHost(w.Source, w.GatedFrom):
		add(w.Gated, "elsewhere", "%s", text+"another port of who was heard from "+w.Source+" before: its NAT has forgotten it, as happens where nothing is sent for a while, or it has moved by itself, "+
			"and without new SDP no other port is followed, whatever rtpLatching says")
	case w.Announced != "":
		add(w.Gated, "elsewhere", "%s", text+"which may not send by rtpLatching of its trunk; its SDP says "+w.Announced)
	default:
		add(w.Gated, "elsewhere", "%s", text+"which may not send by rtpLatching of its trunk")
	}
	for i := before; i < len(found); i++ {
		found[i].sure = !flood
	}
	add(w.Unfit, "unfit", "%d packets came of a payload type that %s does not take, and that cannot be converted", w.Unfit, w.to)
	if w.far.Unshaken {
		add(w.Unsealed, "no-keys-there", "%d packets could not go on to %s, with which the handshake of DTLS-SRTP has not succeeded%s", w.Unsealed, w.to, w.far.handshake())
	} else {
		add(w.Unsealed, "no-keys-there", "%d packets could not go on to %s, with which there are no keys of SRTP", w.Unsealed, w.to)
	}
	add(w.SendErrors, "send-error", "%d packets could not be sent on to %s (%s): look at routes and firewall of this server", w.SendErrors, w.to, w.SendError)
	add(w.OtherSource, "other-source", "%d packets came of another SSRC than its first, and ssrcPolicy of its trunk is fixed", w.OtherSource)
	add(w.Misported, "rtcp-port", "%d packets of RTP came to the port for RTCP, one above the one that it was told", w.Misported)
	add(w.Oversized, "oversize", "%d packets came that are longer than 4096 octets, which are no telephony", w.Oversized)
	if w.DTLS > 0 {
		add(w.DTLS, "dtls", "it sent %d packets of DTLS: it waits for keys by DTLS-SRTP, which its leg has not agreed on", w.DTLS)
	} else if w.Unauthentic+w.Gated+w.OtherSource+w.Misported == 0 {
		add(w.STUN, "ice", "it sent %d packets of STUN: it waits for ICE, which nobody answers on its leg", w.STUN)
	}
	switch {
	case w.Held:
		add(w.OnHold, "held", "its SDP says that it does not send (hold, or receive only), and %d packets that came all the same were dropped", w.OnHold)
	case w.far.Unusable != "":
		add(w.OnHold+w.Nowhere, "zero-address", "%s gives %s as the address of its media, to which nothing can be sent; %d packets were dropped: look whether a hold was never taken back, or the two legs have IP versions of their own",
			w.to, w.far.Unusable, w.OnHold+w.Nowhere)
	case w.far.Lapsed:
		add(w.OnHold+w.Nowhere, "consent-there", "%d packets came after %s had answered no check of ICE of ours for 30 s, without which nothing may be sent to it (RFC 7675): the way to it or back is broken, or it is gone",
			w.OnHold+w.Nowhere, w.to)
	case w.far.Unchecked:
		add(w.OnHold+w.Nowhere, "unchecked-there", "%d packets came while no check of ICE had come from %s with our password, which shows where to send", w.OnHold+w.Nowhere, w.to)
	default:
		add(w.OnHold, "on-hold", "%s has it on hold by its SDP, and %d packets were dropped: look in the ladder whether the hold was taken back", w.to, w.OnHold)
		add(w.Nowhere, "nowhere", "%d packets came while %s had not said where to send them", w.Nowhere, w.to)
	}
	rest := w.Dropped - min(w.Dropped, w.Unfit+w.Unsealed+w.OnHold+w.Nowhere+w.OtherSource+w.STUN+w.DTLS+w.Misported+w.Oversized)
	if len(found) == 0 {
		add(rest, "unusable", "%d packets came that are no RTP, or repeat others", rest)
	}
	return found
}

// flooded tells whether what came from where it may not is of strangers at least in part: of several hosts, or more than a telephone sends.
func (w *way) flooded() bool {
	const pace = 150 // packets a second: RTP of 10 ms, with its RTCP
	return w.Scattered || float64(w.Gated) > pace*max(1, w.end.Sub(w.r.Start).Seconds())
}

// certain is what is enough, so that nothing needs to be added to it.
func certain(found []finding) (sure []finding) {
	for _, f := range found {
		if f.sure {
			sure = append(sure, f)
		}
	}
	return sure
}

// lately is what came since something was heard for the last time: what did not pass before that is not what is in the way.
func (w *way) lately() *way {
	m, e, s := *w.Media, *w.Evidence, &w.Since
	m.Gated, m.Unauthentic = s.Gated, s.Unauthentic
	m.Dropped = s.OnHold + s.Nowhere + s.OtherSource + s.Unsealed + s.Unfit
	e.OnHold, e.Nowhere, e.OtherSource, e.Unsealed, e.Unfit, e.SendErrors = s.OnHold, s.Nowhere, s.OtherSource, s.Unsealed, s.Unfit, s.SendErrors
	e.STUN, e.DTLS, e.Misported, e.Oversized = 0, 0, 0, 0
	x := *w
	x.Media, x.Evidence = &m, &e
	return &x
}

// absent says why nothing came, most certain first.
func (w *way) absent() []finding {
	sure := func(cause, format string, args ...any) []finding {
		return []finding{{cause, fmt.Sprintf(format, args...), true}}
	}
	switch {
	case w.wholly():
		return sure("held", "by its SDP it did not send: hold, or receive only")
	case w.SaysSent > 0:
		return sure("rtp-filtered", "its RTCP says that it has sent %d packets of RTP, and none came to %s: a firewall or NAT on the way lets one pass and not the other", w.SaysSent, cmp.Or(w.Ours, "our port"))
	case w.RTCP > 0:
		return []finding{{"rtcp-only", fmt.Sprintf("it sent %d packets of RTCP and no RTP: it is muted, or RTP is filtered on the way", w.RTCP), false}}
	case w.Clear > 0:
		return []finding{{"rtcp-clear", fmt.Sprintf("it sent %d packets of RTCP in the clear, where SRTCP was agreed on with it, and no RTP: it is muted, or its SRTP is not on, or is filtered on the way", w.Clear), false}}
	case w.Announced == "" && w.Unusable == "":
		return sure("no-address", "it never said where its media is")
	case w.refuses(w.r.Answered): // before that it may not have listened yet
		return sure("port-closed", "nothing came, and what was sent to it at %s came back %d times (ICMP: %s): nobody listens there, or a firewall says so", w.Announced, w.Refused, w.RefusedWhy)
	}
	var found []finding
	if w.Refused > 0 {
		found = append(found, finding{"port-closed", fmt.Sprintf("of what was sent to it at %s %d packets came back (ICMP: %s), all within %s: nobody listened there then",
			w.Announced, w.Refused, w.RefusedWhy, w.LastRefused.Sub(w.FirstRefused).Round(packetTime)), false})
	}
	if w.Unchecked {
		found = append(found, finding{"ice-unchecked", "no check of ICE with our password came from it, without which nothing may: it does not do ICE, or firewalls keep its checks out", false})
	}
	if w.Unshaken {
		found = append(found, finding{"dtls-unfinished", "the handshake of DTLS-SRTP with it has not succeeded, before which it has no keys to send" + w.handshake(), false})
	}
	if private(w.Ours) && abroad(w.self) && realmOf(w.Ours) != realmOf(w.self) {
		found = append(found, finding{"our-private", fmt.Sprintf("it was told to send to %s, a private address of this server, and is itself at %s", w.Ours, w.self), false})
	}
	switch there := realmOf(w.Announced); {
	case w.self == "" || there == unknown || there == everywhere || there == realmOf(w.self):
	case there == own:
		found = append(found, finding{"private", fmt.Sprintf("its SDP says %s, which nobody reaches but itself and its neighbours, and its signalling comes from %s: it does not know its address, and only its own packets, of which none came, show where it is",
			w.Announced, w.self), false})
	default:
		found = append(found, finding{"private", fmt.Sprintf("its SDP says %s, a private address, and its signalling comes from %s: NAT is between, and its own packets, of which none came, have to open it",
			w.Announced, w.self), false})
	}
	if w.Arrives != "" {
		found = append(found, finding{"reverse-path", fmt.Sprintf("this host drops what arrives from there by %s, as answers leave by %s and rp_filter of %s is strict: set that to 2, or have a route back by %s",
			w.Arrives, w.Leaves, w.Arrives, w.Arrives), false})
	}
	if w.Full {
		found = append(found, finding{"table-full", "this host dropped packets about then as its table of connections was full, the first of each new stream: raise net.netfilter.nf_conntrack_max, or take the media ports out (notrack)", false})
	}
	if w.holds() {
		found = append(found, finding{"held", "its SDP gives " + w.Unusable + " as the address of its media, which is how hold was said before RFC 3264, and who holds need not send", false})
	}
	if len(found) > 0 {
		return found
	}
	behind := ""
	if w.Here != "" {
		behind = ", which NAT in front of this server is to send on to " + w.Here
	}
	return sure("nothing", "nothing came to %s%s. Its SDP says %s: look at firewalls from there to the media ports of this server, and whether the device sends at all",
		cmp.Or(w.Ours, "our port"), behind, cmp.Or(w.Announced, w.Unusable))
}

// lasting is for how long packets come back where nobody listens: ports are opened and closed around the beginning and the end of a call.
const lasting = 2 * time.Second

// refuses tells whether what is sent to the side has come back for long, since then or since it first did.
func (e *Evidence) refuses(since time.Time) bool {
	if since.Before(e.FirstRefused) {
		since = e.FirstRefused
	}
	return e.LastRefused.Sub(since) >= lasting
}

// early is of a side that was heard before the answer and not since.
func (w *way) early() []finding {
	found := w.lately().refused(many)
	if sure := certain(found); len(sure) > 0 {
		return sure
	}
	if w.wholly() {
		return []finding{{"held", "by its SDP it did not send: hold, or receive only", true}}
	}
	return append(found, finding{"early-only", fmt.Sprintf("its %d packets all came before, the last %s before the answer: it changed its address or its port with the answer, or stopped sending",
		w.Packets, w.r.Answered.Sub(w.Last).Round(packetTime)), !w.sparse() && len(found) == 0})
}

// holds tells whether the side says by an address of zeros that it has the other on hold (RFC 3264 §8.4): it takes nothing, and mostly sends nothing.
func (w *way) holds() bool {
	a, err := netip.ParseAddr(w.Unusable)
	return err == nil && a.IsUnspecified()
}

// keeping is how long the side has had the other one on hold in the end, as far as it is known: who holds with sendonly has to play nothing.
func (w *way) keeping() time.Duration {
	if w.back == nil || !w.back.Held {
		return 0
	}
	return w.far.HeldFor
}

// part is of a side whose packets begin late or end early. The time of hold is left out: it may all have been there. Who leaves silence out may have been listening.
func (w *way) part() []finding {
	most := longPause
	if w.sparse() {
		most = longQuiet
	}
	switch late, silent := w.First.Sub(w.r.Answered), w.end.Sub(w.Last); {
	case w.First.IsZero() || w.Last.IsZero():
	case silent-max(w.held(), w.keeping()) > most && !w.Over && !w.holds():
		found := w.lately().refused(many)
		if sure := certain(found); len(sure) > 0 {
			return sure
		}
		text := fmt.Sprintf("until %s before the end, then its packets stopped", silent.Round(packetTime))
		if w.refuses(w.Last) {
			return []finding{{"port-closed", text + fmt.Sprintf("; what was sent to it came back since (ICMP: %s), so it has closed its port", w.RefusedWhy), true}}
		}
		return append(found, finding{"stopped", text + w.transferred(), !w.sparse() && len(found) == 0})
	case late-w.held() > most && w.T38 == 0:
		return []finding{{"late", fmt.Sprintf("from %s after the answer on, and nothing of it was passed on before", late.Round(packetTime)), !w.sparse()}}
	case w.SendErrors >= many && w.SendErrors > w.Packets/2:
		return []finding{{"send-error", fmt.Sprintf("%d packets could not be sent on to %s (%s), %d could: look at routes and firewall of this server", w.SendErrors, w.to, w.SendError, w.Packets), true}}
	}
	return nil
}

// transferred says that packets stopped when somebody else came into the call.
func (w *way) transferred() string {
	const about = 5 * time.Second
	for i := range w.r.Transfers {
		t := &w.r.Transfers[i]
		if at := t.At.Add(t.Took); t.Status >= 200 && t.Status < 300 && at.Sub(w.Last).Abs() < about {
			return ", when the call was transferred: of two who were there in turn one was heard"
		}
	}
	return ""
}

// content is of packets that pass and hold nothing that can be heard.
func (w *way) content() (found []finding) {
	const least, long, enough = 3, 5, 20 // packets that were looked into: one a second, or one in five in the kernel tier
	if w.Foreign >= many && 2*w.Foreign >= w.Packets || w.Foreign >= least && w.Foreign >= w.Packets {
		found = append(found, finding{"payload-type", fmt.Sprintf("%d of its packets have payload type %d, which %s did not agree to in its SDP", w.Foreign, w.ForeignType, w.to), true})
	}
	if w.Misfit >= least && 2*w.Misfit >= w.Measured {
		found = append(found, finding{"codec", fmt.Sprintf("the size of its packets does not fit their payload type in %d of %d that were measured (the last was %d): %s",
			w.Misfit, w.Measured, w.PayloadType, otherCodec(w.PayloadType)), true})
	}
	if w.Still >= least && 4*w.Still >= 3*w.Measured {
		found = append(found, finding{"timestamps", fmt.Sprintf("the RTP timestamps of its packets stand still, in %d of %d that were looked at: who hears it takes most of them for the same moment, and throws them away", w.Still, w.Measured), true})
	}
	const turn = 5                                                                                 // packets: so few that no piece of sound is meant
	if w.Sources >= many && turn*w.Sources >= w.Packets && (w.Quality == nil || !w.Quality.Anew) { // what is coded anew has one source
		found = append(found, finding{"sources", fmt.Sprintf("its %d packets change their source (SSRC) %d times: two of whom one should be heard send at once, or it does not keep one, and a telephone takes each for a new beginning",
			w.Packets, w.Sources-1), false})
	}
	if (w.PayloadType == 13 || w.PayloadType == 19) && w.Noise+1 >= w.Packets { // of the first one the relay does not know
		found = append(found, finding{"silence", fmt.Sprintf("its packets, %d in all, describe comfort noise (RFC 3389) and none has speech: its microphone is muted, or what is behind it delivers nothing",
			w.Packets), false})
	}
	if q := w.Quality; len(found) == 0 && q != nil && !w.r.faxed() && // which listens in silence
		q.Sampled >= long && q.Silent == q.Sampled {
		found = append(found, finding{"silence", fmt.Sprintf("all %d packets that were looked into are digital silence: its microphone is muted, or what is behind it delivers nothing",
			q.Sampled), q.Sampled >= enough})
	}
	return found
}

// otherCodec is why packets have a size that does not fit their timestamps.
func otherCodec(payloadType uint8) string {
	if payloadType == 9 { // RFC 3551 §4.5.2
		return "it sends another codec under that number, or its timestamps run at 16000 Hz, where G.722 has 8000"
	}
	return "it sends another codec under that number"
}

// onward is what is known of the way from here to the other side.
func (w *way) onward() (found []finding) {
	switch {
	case w.back == nil || !w.far.refuses(w.r.Answered):
	case w.back.Packets > 0 && w.far.LastRefused.After(w.back.Last) && w.end.Sub(w.back.Last) > longPause:
		found = append(found, finding{"unreachable", fmt.Sprintf("what goes to it comes back since its own packets stopped (ICMP: %s, %d times), %s before the end: it has closed its port",
			w.far.RefusedWhy, w.far.Refused, w.end.Sub(w.back.Last).Round(packetTime)), true})
	case w.back.Packets == 0:
		found = append(found, finding{"unreachable", fmt.Sprintf("what goes to %s comes back (ICMP: %s, %d times), and nothing comes from there: nobody listens, or a firewall says so",
			w.back.Announced, w.far.RefusedWhy, w.far.Refused), true})
	}
	if b := w.back; b != nil && !w.far.ICE && b.Gated >= many && sameHost(b.Source, b.GatedFrom) && w.end.Sub(b.Last) > longPause {
		found = append(found, finding{"old-port", fmt.Sprintf("the packets go to %s, where it was until %s before the end; %d packets came from %s, and without new SDP no other port is followed",
			b.Source, w.end.Sub(b.Last).Round(packetTime), b.Gated, b.GatedFrom), false})
	}
	if w.far.Expected >= many && 10*w.far.Missed >= 9*w.far.Expected {
		found = append(found, w.inTurn([]finding{{"lost-beyond", fmt.Sprintf("by its RTCP %d of %d packets have not reached it, and %d came here: they are lost between this server and it%s", w.far.Missed, w.far.Expected, w.Packets, w.doubt()), !w.far.Doubtful}}, w.Media, w.back)...)
	}
	if len(found) > 0 || w.back == nil || w.back.Held {
		return found
	}
	if w.far.Reports > 0 && w.far.Deaf >= 3 {
		return []finding{{"deaf", fmt.Sprintf("its last %d RTCP packets report of nothing that is sent to it, and %d earlier ones did", w.far.Deaf, w.far.Reports), false}}
	}
	if w.back.Packets+w.back.RTCP == 0 && w.back.Source == "" && private(w.back.Announced) && abroad(w.there) && realmOf(w.back.Announced) != realmOf(w.there) {
		return []finding{{"to-private", fmt.Sprintf("the packets go to %s, a private address of its SDP, and nothing has come from there that would show another", w.back.Announced), false}}
	}
	return nil
}

// inTurn takes from what was found by sums over the call that it is sure where they are of several who sat there one after the other, by a transfer.
func (w *way) inTurn(found []finding, of ...*Media) []finding {
	if !slices.ContainsFunc(of, func(m *Media) bool { return m != nil && m.Trunk != "" }) {
		return found
	}
	for i := range found {
		found[i].text, found[i].sure = found[i].text+", counted over all who had a place in the call before and after it was transferred", false
	}
	return found
}

// doubt goes on with a sentence about losses that the other side reports.
func (w *way) doubt() string {
	if w.far.Doubtful {
		return ", if that is so, for the shares in the same reports are less than half of it"
	}
	return ""
}

// enough packets: of few one makes a share that says nothing.
const enough = 100

// badly is of packets that are heard, and too few of them in time.
func (w *way) badly() (found []finding) {
	if w.Packets+w.Lost < enough {
		return nil
	}
	here, late, ours := w.lost(), Hundredth(0), Hundredth(0)
	if w.Quality != nil {
		late = w.Quality.Arrived.Late
	}
	if w.Evidence != nil && w.Packets > 0 {
		ours = min(Hundredths(100*float64(w.Evidence.Waited)/float64(w.Packets)), late)
	}
	slow := late >= bad && 2*ours >= late
	switch {
	case here >= bad && slow: // where packets wait for so long queues are full, too
		found = append(found, finding{"loss", fmt.Sprintf("%.1f %% of its packets were lost on the way here, or in queues of this server that were full", here.Float()), true})
	case here >= bad:
		found = append(found, finding{"loss", fmt.Sprintf("%.1f %% of its packets were lost on the way here", here.Float()), true})
	}
	if slow {
		found = append(found, finding{"overload", fmt.Sprintf("%.1f %% of its packets waited in this server for more than 60 ms, until most telephones throw them away: it has too little CPU", ours.Float()), true})
	} else {
		ours = 0
	}
	if late-ours >= bad {
		found = append(found, finding{"jitter", fmt.Sprintf("%.1f %% of its packets came more than 60 ms late, which most telephones throw away", (late - ours).Float()), true})
	}
	return found
}

// worse is what the other side reports beside.
func (w *way) worse() (found []finding) {
	switch q, here := w.Quality, w.lost(); {
	case q == nil || q.Reported == nil || w.Packets+w.Lost < enough || w.far.Expected < enough:
	case q.Anew && q.Reported.Loss >= bad:
		found = append(found, finding{"loss-beyond", fmt.Sprintf("%s reports that %.1f %% of what is coded anew for it are lost, between this server and it%s", w.to, q.Reported.Loss.Float(), w.doubt()), !w.far.Doubtful})
	case !q.Anew && q.Reported.Loss >= here+bad:
		found = append(found, finding{"loss-beyond", fmt.Sprintf("%s reports that %.1f %% are lost on the whole way, and on the way here %.1f %% were: the rest is lost between this server and it%s",
			w.to, q.Reported.Loss.Float(), here.Float(), w.doubt()), !w.far.Doubtful})
	}
	return found
}

// heard says how well.
func (w *way) heard() string {
	text := fmt.Sprintf("%s was heard: %d packets, %.1f %% lost on the way here", capital(w.from), w.Packets, w.lost().Float())
	if w.T38 > 0 {
		text += fmt.Sprintf(", %d of them of T.38", w.T38)
	}
	end := "."
	if w.Bare() {
		end = fmt.Sprintf("; in %d pauses it sent nothing, and no comfort noise (RFC 3389).", w.Pauses)
	}
	if silent := w.end.Sub(w.Last); w.keeping() > 0 && silent > longPause && !w.Last.IsZero() {
		end = fmt.Sprintf("; it sent nothing for the last %s, in which it had %s on hold", silent.Round(packetTime), w.to) + end
	}
	if w.SRTP != "" && w.Clear > w.RTCP {
		end = fmt.Sprintf("; %d packets of its RTCP came in the clear, where SRTCP was agreed on, and were dropped: what it hears, and the round trip, are not known, and nothing but RTP shows that it lives. Have it protect RTCP as its SDP says (RFC 3711 section 3.4)", w.Clear) + end
	}
	q := w.Quality
	if q == nil {
		return text + end
	}
	if q.Arrived.MOS > 0 {
		text += fmt.Sprintf(", MOS %.1f", q.Arrived.MOS.Float())
	}
	if q.Reported != nil {
		way := "on the whole way"
		if q.Anew {
			way = "from here"
		}
		text += fmt.Sprintf("; %s reports %.1f %% lost %s", w.to, q.Reported.Loss.Float(), way)
		if q.Reported.MOS > 0 {
			text += fmt.Sprintf(", MOS %.1f", q.Reported.MOS.Float())
		}
	}
	return text + end
}

// lost is the loss on the way here, in percent.
func (w *way) lost() Hundredth {
	if q := w.Quality; q != nil {
		return q.Arrived.Loss
	}
	return Hundredths(100 * float64(w.Lost) / float64(max(1, w.Lost+w.Packets)))
}

// sameHost tells whether two addresses are of one host.
func sameHost(a, b string) bool {
	x, err := netip.ParseAddrPort(a)
	y, err2 := netip.ParseAddrPort(b)
	return err == nil && err2 == nil && x.Addr().Unmap() == y.Addr().Unmap()
}

// realm is from where an address can be reached.
type realm uint8

const (
	unknown    realm = iota
	everywhere       // from anywhere
	inside           // within a network (RFC 1918, RFC 4193)
	carrier          // behind the NAT of a carrier (RFC 6598)
	own              // on the same link or host
)

var carrierNAT = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func realmOf(address string) realm {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return unknown
	}
	switch ip := a.Addr().Unmap(); {
	case ip.IsPrivate():
		return inside
	case carrierNAT.Contains(ip):
		return carrier
	case ip.IsLinkLocalUnicast(), ip.IsLoopback():
		return own
	case ip.IsGlobalUnicast():
		return everywhere
	}
	return unknown
}

// private tells whether an address is one of a network behind NAT.
func private(address string) bool { r := realmOf(address); return r == inside || r == carrier }

// abroad tells whether it is one outside of all such networks, or outside of those that are not a carrier's.
func abroad(address string) bool { r := realmOf(address); return r == everywhere || r == carrier }
