package server

import (
	"os"

	"github.com/directsip/directsip/internal/files"
	"github.com/directsip/directsip/internal/topology"
)

// unlock fetches the passwords of our trunks that are not in the document.
func unlock(snap *topology.Snapshot, me *topology.Server) topology.Problems {
	return snap.Unlock(me.Pool, files.Secret, os.LookupEnv)
}
