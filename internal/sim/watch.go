package sim

import "github.com/directsip/directsip/internal/sip"
import "github.com/directsip/directsip/internal/txn"

type watch struct {
	n    *Node
	legs map[string]*legWatch
}
type legWatch struct{}

func newWatch(n *Node) *watch                       { return &watch{n: n, legs: map[string]*legWatch{}} }
func (x *watch) received(p *packet, m *sip.Message) {}
func (x *watch) sent(s *txn.Send)                   {}
func (x *watch) after()                             {}
func (x *watch) finish()                            {}
func (s *Scenario) finish(w *World)                 {}
