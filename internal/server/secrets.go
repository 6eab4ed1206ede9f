package server

import (
	"errors"
	"io"
	"os"

	"github.com/directsip/directsip/internal/topology"
)

// maxSecretFile is more than a password file can have; topology says so when it does.
const maxSecretFile = 4096

// unlock fetches the passwords of our trunks that are not in the document.
func unlock(snap *topology.Snapshot, me *topology.Server) topology.Problems {
	return snap.Unlock(me.Pool, readSecret, os.LookupEnv)
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.New("not a file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSecretFile))
}
