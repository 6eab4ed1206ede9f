package server

import (
	"os"

	"github.com/directsip/directsip/internal/topology"
)

// maxSecretFile is more than a password file can have; topology says so when it does.
const maxSecretFile = 4096

// unlock fetches the passwords of our trunks that are not in the document.
func unlock(snap *topology.Snapshot, me *topology.Server) topology.Problems {
	return snap.Unlock(me.Pool, readSecret, os.LookupEnv)
}

func readSecret(path string) ([]byte, error) { return readRegular(path, maxSecretFile) }
