package server

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/health"
)

// TestAddressThatTheHostHasLost is named, where the network only says of each peer that it cannot be reached.
func TestAddressThatTheHostHasLost(t *testing.T) {
	r := start(t, strings.Replace(basic, "global: {options: false}", "global: {optionsInterval: 1s, optionsIntervalDown: 1s, optionsTimeout: 500ms, optionsMisses: 1}", 1))
	until(t, "the gateway is down", func() bool {
		return slices.ContainsFunc(r.trunkViews(), func(v TrunkView) bool { return v.Name == "gw" && v.State == health.Down.String() })
	})
	why := func() string {
		list := r.trunkViews()
		return list[slices.IndexFunc(list, func(v TrunkView) bool { return v.Name == "gw" })].Why
	}
	if list := r.closed(); len(list) != 0 || strings.Contains(why(), "any more") {
		t.Errorf("%q, %s", list, why())
	}
	had := r.current.Load()
	me, gone := *had, netip.MustParseAddr("198.51.100.77")
	me.Addresses, me.Media = []netip.Addr{gone}, []netip.Addr{gone}
	var log bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))} // whose tend nobody else does
	s.current.Store(had)
	s.tellLost()
	s.current.Store(&me)
	s.tellLost()
	s.tellLost()
	s.current.Store(had)
	s.tellLost()
	if text := log.String(); strings.Count(text, "does not have") != 1 || strings.Count(text, "there again") != 1 || strings.Count(text, gone.String()) != 2 {
		t.Errorf("the log has\n%s", text)
	}
	r.current.Store(&me)
	defer r.current.Store(had)
	if list := r.closed(); len(list) != 1 || !strings.Contains(list[0], gone.String()) {
		t.Errorf("%q", list)
	}
	if !strings.Contains(why(), "does not have the address "+gone.String()) {
		t.Errorf("why: %s", why())
	}
}
