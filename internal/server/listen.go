package server

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// specs is what the transport must listen on.
func specs(snap *topology.Snapshot, me *topology.Server) []transport.ListenSpec {
	var list []transport.ListenSpec
	for _, l := range snap.Listeners(me) {
		spec := transport.ListenSpec{Transport: l.Transport, Addr: l.AddrPort}
		if l.Transport == sip.TLS {
			spec.Cert, spec.Key, spec.CA = me.Cert, me.Key, me.CA
			spec.Names = snap.CertificateNames(me)
		}
		list = append(list, spec)
	}
	return list
}

// union is the listeners of the first list and those of the others that can be open beside them.
func union(first []transport.ListenSpec, others ...[]transport.ListenSpec) []transport.ListenSpec {
	list := slices.Clone(first)
	for _, other := range others {
		for _, o := range other {
			if !slices.ContainsFunc(list, func(s transport.ListenSpec) bool { return s.Addr == o.Addr && stream(s) == stream(o) }) {
				list = append(list, o)
			}
		}
	}
	return list
}

// stream tells TCP and TLS, which cannot share a port, from UDP.
func stream(s transport.ListenSpec) bool { return s.Transport != sip.UDP }

// listen opens the listeners of a document beside those that are open. Its error names the listener and its trunks.
func (s *Server) listen(snap *topology.Snapshot, me *topology.Server) error {
	for _, spec := range specs(snap, me) {
		if err := s.transport.Listen([]transport.ListenSpec{spec}); err != nil && !s.certified(spec) {
			return listenError(spec, snap, me, err)
		}
	}
	return nil
}

// certified tells whether a TLS listener is open and has a certificate from the same files, which stays in use when they have become unusable since.
func (s *Server) certified(spec transport.ListenSpec) bool {
	return spec.Transport == sip.TLS && slices.ContainsFunc(s.transport.Listeners(), func(l transport.ListenSpec) bool {
		return l.Transport == sip.TLS && l.Addr == spec.Addr && l.Cert == spec.Cert && l.Key == spec.Key && l.CA == spec.CA
	})
}

// unusable says why TLS could not be listened for with the certificate files that a document names. Where it is listened for already, with what was read of the same files
// before, that is a warning: who has to change a route now must not wait for who renews certificates.
func (s *Server) unusable(name string, snap *topology.Snapshot, me *topology.Server) (list topology.Problems) {
	list = unusable(name, snap, me)
	if slices.ContainsFunc(specs(snap, me), func(spec transport.ListenSpec) bool { return spec.Transport == sip.TLS && !s.certified(spec) }) {
		return list
	}
	for i := range list {
		p := &list[i]
		p.Warning = true
		p.Why = strings.TrimSuffix(p.Why, withoutIt) + ": the one that was read before stays in use, and a restart fails"
	}
	return list
}

const withoutIt = ": no TLS trunk works without it"

func unusable(name string, snap *topology.Snapshot, me *topology.Server) (list topology.Problems) {
	for _, spec := range specs(snap, me) {
		if spec.Transport != sip.TLS {
			continue
		}
		if err := transport.TryCertificate(spec); err != nil {
			p := me.Problem(name, "cert")
			p.Value = me.Cert
			p.Why, p.Fix = fmt.Sprintf("our certificate cannot be used: %v%s", err, withoutIt), fmt.Sprintf("Correct cert, key and ca of server %q", me.Name)
			list = append(list, p)
		}
		break // all listeners of a server have the same files
	}
	return list
}

// missingMedia warns of media addresses that this host does not have: calls are refused until it has them, which may be the time of a failover.
func missingMedia(name string, me *topology.Server) (list topology.Problems) {
	for _, a := range me.AllMedia() {
		if missing(a) {
			p := me.Problem(name, "media")
			p.Value, p.Warning = a.String(), true
			p.Why, p.Fix = fmt.Sprintf("this host does not have the media address %s, so no call has ports there", a), "Correct media of the server, or give the host the address"
			list = append(list, p)
		}
	}
	return list
}

func listenError(spec transport.ListenSpec, snap *topology.Snapshot, me *topology.Server, err error) error {
	what := fmt.Sprintf("server %q: listener %s %s of trunk %s", me.Name, spec.Transport, spec.Addr, strings.Join(owners(spec, snap, me), " and "))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: another program has the port; `ss -lntup 'sport = :%d'` shows which. Stop it, or give the trunk another port", what, spec.Addr.Port())
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: this host does not have the address; correct `addresses` of the server, or say with --server which one this is", what)
	case errors.Is(err, os.ErrPermission) && spec.Addr.Port() < 1024: // rights of the file would take those away that a unit gives (capabilities(7), ambient)
		return fmt.Errorf("%s: ports below 1024 need CAP_NET_BIND_SERVICE: in a unit of systemd add it to AmbientCapabilities= and CapabilityBoundingSet=, and never by setcap, "+
			"which takes the others of the unit away; without a unit start as root, or choose another port", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// owners are the trunks that a listener is for.
func owners(spec transport.ListenSpec, snap *topology.Snapshot, me *topology.Server) (list []string) {
	for _, t := range snap.Trunks {
		if t.Pool == me.Pool && t.Port == spec.Addr.Port() &&
			(t.Transport == spec.Transport || t.Transport == sip.UDP && spec.Transport == sip.TCP) {
			list = append(list, fmt.Sprintf("%q", t.Name))
		}
	}
	return list
}
