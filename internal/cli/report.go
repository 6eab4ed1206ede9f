package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/doctor"
)

// writeReport prints what was seen of a trunk, and the judgement.
func writeReport(w io.Writer, r *doctor.Report) {
	for _, d := range r.Facts.DNS {
		what := strings.Join(d.Records, ", ")
		if d.Error != "" {
			what = d.Error
		}
		fmt.Fprintf(w, "  dns      %s %s: %s\n", d.Name, d.Type, cmp.Or(what, "none"))
	}
	if c := r.Facts.Ours; c != nil {
		writeCertificate(w, "ours", c)
	}
	if m := r.Facts.Media; m != nil {
		writeOurMedia(w, m)
	}
	for i := range r.Facts.Hops {
		writeHop(w, &r.Facts.Hops[i])
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-8s %s: %s\n", f.Severity, f.ID, f.What)
		if f.Why != "" {
			fmt.Fprintf(w, "         why: %s\n", f.Why)
		}
		if f.Fix != "" {
			fmt.Fprintf(w, "         fix: %s\n", f.Fix)
		}
	}
}

func writeCertificate(w io.Writer, whose string, c *doctor.Certificate) {
	fmt.Fprintf(w, "  %-8s %s, names %s, from %s, valid %s to %s, SHA-256 %s\n", whose, cmp.Or(c.Subject, "no subject"), strings.Join(c.Names, " "), cmp.Or(c.Issuer, "nobody"),
		c.From.UTC().Format(time.DateOnly), c.Until.UTC().Format(time.DateOnly), c.SHA256[:16])
}

func writeOurMedia(w io.Writer, m *doctor.Media) {
	for i := range m.Addresses {
		a := &m.Addresses[i]
		what := ", not of this host"
		if a.Here {
			what = ""
		}
		for _, h := range a.Held {
			what += fmt.Sprintf(", %s held by %s", plural(h.Ports, "port"), h.By)
		}
		fmt.Fprintf(w, "  media    %s ports %d-%d%s\n", a.Address, m.First, m.Last, what)
	}
}

func writeHop(w io.Writer, h *doctor.Hop) {
	if h.Failed != "" && h.TLS == nil {
		return // its step has said everything
	}
	fmt.Fprintf(w, "  peer     %s, from %s\n", h.Address, h.Local)
	if hs := h.TLS; hs != nil {
		for i := range hs.Chain {
			writeCertificate(w, fmt.Sprintf("chain %d", i+1), &hs.Chain[i])
		}
		asked := "does not ask for our certificate"
		if hs.ClientAsked {
			asked = "asks for our certificate, of any authority"
			if len(hs.ClientIssuers) > 0 {
				asked = "asks for our certificate, of " + strings.Join(hs.ClientIssuers, "; ")
			}
		}
		fmt.Fprintf(w, "  tls      %s %s, name %s, trust %s, %s\n", hs.Version, hs.Cipher, cmp.Or(hs.NameError, "good"), cmp.Or(hs.TrustError, "good"), asked)
	}
	if a := h.Answer; a != nil {
		fmt.Fprintf(w, "  answer   %d %s from %s after %s\n", a.Status, a.Phrase, a.From, a.RoundTrip.Round(100*time.Microsecond))
		for _, l := range [...]struct{ name, value string }{
			{"Server", a.Server}, {"User-Agent", a.UserAgent}, {"Contact", a.Contact}, {"Allow", strings.Join(a.Allow, ", ")},
			{"Supported", strings.Join(a.Supported, ", ")}, {"Accept", strings.Join(a.Accept, ", ")}, {"SDP", described(a.Describes)}, {"Retry-After", a.RetryAfter}, {"Warning", a.Warning},
		} {
			if l.value != "" {
				fmt.Fprintf(w, "           %s: %s\n", l.name, l.value)
			}
		}
	}
}

// described is a description in short.
func described(d *doctor.Description) string {
	switch {
	case d == nil:
		return ""
	case d.Error != "":
		return d.Error
	}
	var addresses []string
	for _, a := range d.Addresses {
		addresses = append(addresses, a.String())
	}
	return strings.Join(d.Codecs, ", ") + " at " + cmp.Or(strings.Join(addresses, ", "), "no address")
}
