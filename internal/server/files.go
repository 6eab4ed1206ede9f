package server

import (
	"errors"
	"io"
	"os"

	"github.com/directsip/directsip/internal/sound"
)

// ReadFile reads a file that a document names, and no more of it than may be played.
func ReadFile(path string) ([]byte, error) { return readRegular(path, sound.LongestFile+1) }

// readRegular reads at most so many octets of a file. What is no file may keep who reads it waiting for ever.
func readRegular(path string, most int64) ([]byte, error) {
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
