package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/files"
	"github.com/directsip/directsip/internal/opus"
	"github.com/directsip/directsip/internal/topology"
	"github.com/directsip/directsip/internal/transport"
)

// keys are the keys of a server that findings about its certificate are about; others are no matter of the document.
var keys = map[string]string{"our-expired": "cert", "our-not-yet": "cert", "our-expires": "cert", "our-name": "cert", "our-chain": "cert", "ca-expired": "ca", "ca-expires": "ca"}

// Host is the one that a document is checked on.
type Host struct {
	snap      *topology.Snapshot
	Servers   []*topology.Server // those of the document that run here
	Elsewhere bool               // it is not known of any that it does; Servers are all
}

// HostOf is this host: the server that is said to run here, or those that it has an address of.
func HostOf(snap *topology.Snapshot, me *topology.Server) Host {
	if me != nil {
		return Host{snap: snap, Servers: []*topology.Server{me}}
	}
	h := Host{snap: snap, Servers: slices.DeleteFunc(slices.Clone(snap.Servers), func(s *topology.Server) bool { return !Here(s) })}
	if len(h.Servers) == 0 {
		return Host{snap: snap, Servers: snap.Servers, Elsewhere: true}
	}
	return h
}

// OnHost is what Compile cannot see of a document: the files of certificates and of consumers of quality records, and what this host lacks. file is the name of the document.
func (h Host) OnHost(file string, now time.Time) topology.Problems {
	_, err := opus.Load()
	return h.onHost(file, now, err == nil)
}

func (h Host) onHost(file string, now time.Time, hasOpus bool) topology.Problems {
	list := append(h.certificates(file, now), h.consumers(file)...)
	if !hasOpus {
		list = append(list, h.snap.WithoutOpus...)
	}
	slices.SortStableFunc(list, func(a, b topology.Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) })
	return list
}

// certificates opens the files of the servers that have TLS listeners and says what is wrong with them. An error is what
// such a server does not start with. Of a document for several hosts only those servers count that this one has an address of, and all of them where it has
// none: then a file that is not here is a warning, since it may well be there. So is one that whoever asks may not read, as the server may.
func (h Host) certificates(file string, now time.Time) (list topology.Problems) {
	for _, srv := range h.Servers {
		names := h.snap.CertificateNames(srv)
		if len(names) == 0 { // it has no TLS listener
			continue
		}
		ours, facts := loadOurs(srv, names), Facts{}
		ours.tell(&facts)
		j := judge{server: srv, facts: &facts, now: now}
		j.ours()
		for _, f := range j.findings {
			key := keys[f.ID]
			if facts.OursError != "" {
				key = ours.key
			}
			if key == "" {
				continue
			}
			p := srv.Problem(file, key)
			p.Value = map[string]string{"cert": srv.Cert, "key": srv.Key, "ca": srv.CA}[key]
			p.Why, p.Fix = f.What+": "+f.Why, f.Fix
			p.Warning = facts.OursError == ""
			unseen(&p, ours.err, h.Elsewhere, "the certificate was not looked at: "+facts.OursError)
			list = append(list, p)
		}
	}
	return list
}

// unseen makes a warning of what may be no fault: the file is on another host, or for another user.
func unseen(p *topology.Problem, err error, elsewhere bool, why string) {
	switch {
	case elsewhere && errors.Is(err, fs.ErrNotExist):
		p.Warning, p.Why, p.Fix = true, why, "Run directsip check on the server"
	case errors.Is(err, fs.ErrPermission): // the server runs as somebody else
		p.Warning, p.Why, p.Fix = true, why, "Run directsip check as the user of the server, or as root"
	}
}

// consumers opens the files that quality records are posted with, and says which cannot be used: then a server posts nothing, and takes no document that names it. Where there are TLS listeners
// the authorities are looked at with their certificate.
func (h Host) consumers(file string) (list topology.Problems) {
	for _, srv := range h.Servers {
		if srv.QualityConsumer == "" {
			continue
		}
		tell := func(key, path string, err error) {
			if err == nil {
				return
			}
			p := srv.Problem(file, key)
			p.Value, p.Why, p.Fix = path, "nothing is posted to the qualityConsumer: "+err.Error(), "Mend the file, or remove the key"
			unseen(&p, err, h.Elsewhere, "the file was not looked at: "+err.Error())
			list = append(list, p)
		}
		if path := srv.QualityConsumerTokenFile; path != "" {
			tell("qualityConsumerTokenFile", path, token(path))
		}
		if srv.CA != "" && len(h.snap.CertificateNames(srv)) == 0 {
			_, err := transport.Authorities(srv.CA)
			tell("ca", srv.CA, err)
		}
	}
	return list
}

// token tells why the file of a token cannot be used. It is not shown.
func token(path string) error {
	text, err := files.Secret(path)
	if err != nil {
		return err
	}
	if _, err = topology.ConsumerToken(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
