package b2bua

import (
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/dialog"
	"github.com/directsip/directsip/internal/topology"
)

// RFC 3264 §8: what was said whole in an early dialog is another description when it is said again without the m-lines that the peer leaves out, also when the
// dialog has been confirmed since.
func TestRFC3264_8LeftOutBehindEarly(t *testing.T) {
	whole := audio + "m=video 0 RTP/AVP 96\r\n"
	want := strings.Replace(audio, "42 3", "42 4", 1)
	said := description{id: 42, version: 3, shown: whole, body: whole}

	c := conversing(topology.TrunkSettings{ICE: "off", DTMF: "auto"}, topology.TrunkSettings{ICE: "off", DTMF: "auto"})
	l := &c.won.leg
	l.early = []*early{{dlg: dialog.Dialog{RemoteTag: "t"}, sdp: said}}
	l.toward = "t"
	if got := c.utter(l, whole, false); got != whole {
		t.Errorf("a target is told\n%s", got)
	}
	l.sdp, l.up, l.absent = l.early[0].sdp, true, 1<<1
	if got := c.utter(l, l.sdp.again(), true); got != want {
		t.Errorf("a target is then told\n%s", got)
	}

	f := &fork{sdp: said}
	c.forks = []*fork{{sdp: description{shown: audio}}, f}
	if got := c.utter(&c.a, whole, false); got != whole {
		t.Errorf("the caller is told\n%s", got)
	}
	c.a.adopt(&f.sdp)
	c.a.up, c.a.absent = true, 1<<1
	if got := c.utter(&c.a, c.a.sdp.again(), true); got != want {
		t.Errorf("the caller is then told\n%s", got)
	}
	if got := c.utter(&c.a, c.a.sdp.again(), true); got != want {
		t.Errorf("and once more\n%s", got)
	}
}
