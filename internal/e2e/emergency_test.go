package e2e

import (
	"testing"
)

// EMG-04, EMG-03: an emergency call shows the number of its location on one gateway and carries the location to another, and
// who calls that number back reaches the telephone of the PBX.
func TestEMG04CallBack(t *testing.T) {
	l := newLab(t)
	doc := replaceOnce(t, l.document("UDP"), "usages: [all]\nroutes:", "usages: [all, sos]\nroutes:\n"+
		`  - {name: sos, pattern: '^911$', usages: [sos], trunks: [gw1, gw2], selection: ordered}`)
	s := l.serve(doc + `  trunk:gw2: {usages: [all], options: false, enablePIDFLOSupport: true}
sites:
  house: {location: house}
locations:
  house: {address: {country: US, A3: Seattle}, elins: ["+12065550911"]}
emergency:
  - {number: 911, usage: sos}
`)
	gw1 := l.sipp(peer{scenario: "uas-refuse", n: 3, status: "503 Service Unavailable", expect: `From:.*sip:.12065550911@`})
	gw2 := l.sipp(peer{scenario: "uas-call", n: 4, expect: `application/pidf.xml`})
	together(l.sipp(peer{scenario: "uac-call", n: 2, port: 5070, number: "911"}), gw1, gw2)
	first := s.record()
	if !first.Emergency || first.Out.Trunk != "gw2" {
		t.Errorf("the emergency call: %+v", first)
	}
	pbx := l.sipp(peer{scenario: "uas-call", n: 2, expect: `INVITE sip:.*` + first.Calling.Normalized[1:] + `@`})
	together(l.sipp(peer{scenario: "uac-call", n: 3, port: 5070, number: "+12065550911"}), pbx)
	s.want++
	list := s.records(s.want)
	if back := list[len(list)-1]; !back.Emergency || back.Out.Trunk != "pbx" {
		t.Errorf("the call back: %+v", back)
	}
}
