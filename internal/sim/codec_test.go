package sim

import (
	"regexp"
	"strings"
	"testing"
)

// foreign gives the trunks of UC platforms µ-law and all others A-law, and nothing else, so that no call has a codec in common.
func foreign(document string) string { return withCodecs(document, "PCMU", "PCMA") }

// withCodecs has the trunks of UC platforms name some codecs, and all others others.
func withCodecs(document, platforms, others string) string {
	for _, key := range []string{"global", "trunk:uca", "trunk:ucb", "trunk:gwa", "trunk:gwb", "trunk:gwc", "trunk:sbc"} {
		codec := others
		if strings.HasPrefix(key, "trunk:uc") {
			codec = platforms
		}
		if line := regexp.MustCompile(`(?m)^  ` + key + `: \{`); line.MatchString(document) {
			document = line.ReplaceAllString(document, "  "+key+": {codecs: ["+codec+"], ")
		} else {
			document = strings.Replace(document, "\n  "+key+":\n", "\n  "+key+":\n    codecs: ["+codec+"]\n", 1)
		}
	}
	return document
}

// TestMED02EveryStory: every call of the ladders goes as it does although its two sides have no codec in common: what is offered and answered
// on each leg is of that leg's codec, and the relay converts between them whenever both sides have said where they are.
func TestMED02EveryStory(t *testing.T) { t.Parallel(); everyStory(t, "PCMU", "PCMA") }

// TestMED02EveryStoryBeside: … and although they have one in common that is not converted, and each another: all of what a leg is offered and answers is its own.
func TestMED02EveryStoryBeside(t *testing.T) { t.Parallel(); everyStory(t, "G729, PCMU", "G729, PCMA") }

func everyStory(t *testing.T, platforms, others string) {
	for _, s := range stories() {
		if s.file == "cac-session" && strings.Contains(others, "G729") {
			continue // about a call that is too wide, and G729 never is
		}
		t.Run(s.file, func(t *testing.T) {
			w := s.with(t, withCodecs(strings.NewReplacer(s.changes...).Replace(Document), platforms, others))
			if t.Failed() {
				t.Log(w.Trace.String())
			}
		})
	}
}

// with runs the story under another document, where it shall end as it does under its own.
func (s *story) with(t *testing.T, document string) *World {
	t.Helper()
	snap, err := Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	s.snap = snap
	w := s.run(t, noFault)
	for _, f := range w.Failures() {
		t.Error(f)
	}
	if r := w.Nodes[0].Records[0]; r.Reason != s.reason || r.Status != s.status {
		t.Errorf("record: %s %d (%s), want %s %d", r.Reason, r.Status, r.Detail, s.reason, s.status)
	}
	return w
}

// TestMED02Mix is TestTenThousandCalls where no call has a codec in common.
func TestMED02Mix(t *testing.T) {
	t.Parallel()
	converted := 0
	calls := mixes(t, foreign(Document), 10, func(w *World) {
		for _, n := range w.Nodes {
			for _, r := range n.Records {
				if !r.Answered.IsZero() && r.Out != nil && r.In.Codec != r.Out.Codec {
					converted++
				}
			}
		}
	})
	if converted < calls/10 {
		t.Errorf("%d calls were converted", converted)
	}
}

// TestMED06EveryStory: every call of the ladders goes as it does although gateways have their keys as tones: they are offered no
// telephone-event, and the others are, whatever the gateway says.
func TestMED06EveryStory(t *testing.T) {
	t.Parallel()
	for _, s := range stories() {
		t.Run(s.file, func(t *testing.T) {
			document := foreign(strings.NewReplacer(s.changes...).Replace(Document))
			document = strings.NewReplacer("codecs: [PCMA],", "dtmf: inband,", "codecs: [PCMA]", "dtmf: inband", "codecs: [PCMU],", "", "codecs: [PCMU]", "").Replace(document)
			w := s.with(t, document)
			for i := range w.Trace.Lines {
				l := &w.Trace.Lines[i]
				if strings.HasPrefix(l.From, "med") && (strings.HasPrefix(l.To, "gw") || l.To == "sbc") && strings.Contains(string(l.Data), "telephone-event") {
					t.Errorf("%s says telephone-event to %s:\n%s", l.From, l.To, l.Data)
				}
			}
			if t.Failed() {
				t.Log(w.Trace.String())
			}
		})
	}
}
