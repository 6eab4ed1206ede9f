// Package files reads files that a document names.
package files

import (
	"errors"
	"io"
	"os"
)

// Read reads at most so many octets of a file. What is no file may keep who reads it waiting for ever.
func Read(path string, most int64) ([]byte, error) {
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
	return io.ReadAll(io.LimitReader(f, most))
}

// maxSecret is more than a file with a password or a token has. Who uses it says so when it has more.
const maxSecret = 4096

// Secret reads a file with a password or a token.
func Secret(path string) ([]byte, error) { return Read(path, maxSecret) }
