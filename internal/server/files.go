package server

import (
	"github.com/directsip/directsip/internal/files"
	"github.com/directsip/directsip/internal/sound"
)

// ReadFile reads a file that a document names, and no more of it than may be played.
func ReadFile(path string) ([]byte, error) { return files.Read(path, sound.LongestFile+1) }
