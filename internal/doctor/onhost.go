package doctor

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/directsip/directsip/internal/opus"
	"github.com/directsip/directsip/internal/topology"
)

// keys are the keys of a server that findings about its certificate are about; others are no matter of the document.
var keys = map[string]string{"our-expired": "cert", "our-not-yet": "cert", "our-expires": "cert", "our-name": "cert", "our-chain": "cert", "ca-expired": "ca", "ca-expires": "ca"}

// OnHost is what Compile cannot see of a document: the files of certificates, and what this host lacks. file is the name of the document.
func OnHost(snap *topology.Snapshot, file string, now time.Time) topology.Problems {
	_, err := opus.Load()
	return onHost(snap, file, now, err == nil)
}

func onHost(snap *topology.Snapshot, file string, now time.Time, hasOpus bool) topology.Problems {
	list := certificates(snap, file, now)
	if !hasOpus {
		list = append(list, snap.WithoutOpus...)
	}
	slices.SortStableFunc(list, func(a, b topology.Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) })
	return list
}

// certificates opens the files of the servers that have TLS listeners and says what is wrong with them. An error is what
// such a server does not start with. Of a document for several hosts only those servers count that this one has an address of, and all of them where it has
// none: then a file that is not here is a warning, since it may well be there. So is one that whoever asks may not read, as the server may.
func certificates(snap *topology.Snapshot, file string, now time.Time) (list topology.Problems) {
	servers := slices.DeleteFunc(slices.Clone(snap.Servers), func(s *topology.Server) bool { return !Here(s) })
	elsewhere := len(servers) == 0
	if elsewhere {
		servers = snap.Servers
	}
	for _, srv := range servers {
		names := snap.CertificateNames(srv)
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
			unseen := "the certificate was not looked at: " + facts.OursError
			switch {
			case elsewhere && errors.Is(ours.err, fs.ErrNotExist):
				p.Warning, p.Why, p.Fix = true, unseen, "Run directsip check on the server"
			case errors.Is(ours.err, fs.ErrPermission): // the server runs as somebody else
				p.Warning, p.Why, p.Fix = true, unseen, "Run directsip check as the user of the server, or as root"
			}
			list = append(list, p)
		}
	}
	return list
}
