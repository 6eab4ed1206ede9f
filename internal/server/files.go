package server

import (
	"io"
	"os"

	"github.com/directsip/directsip/internal/sound"
)

// ReadFile reads a file that a document names, and no more of it than may be played.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, sound.LongestFile+1))
}
