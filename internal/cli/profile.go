package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// profiles are files for `go tool pprof`, for measuring: DIRECTSIP_CPUPROFILE is where processor time went from start to the signal that
// ends the server, DIRECTSIP_MEMPROFILE what was allocated, and what was in use when that signal came. Nothing is served over a socket.
type profiles struct{ cpu *os.File }

// startProfiles begins those that the environment asks for.
func startProfiles() (p profiles, err error) {
	path := os.Getenv("DIRECTSIP_CPUPROFILE")
	if path == "" {
		return p, nil
	}
	if p.cpu, err = os.Create(path); err != nil {
		return p, fmt.Errorf("DIRECTSIP_CPUPROFILE: %w", err)
	}
	return p, pprof.StartCPUProfile(p.cpu)
}

// write ends the profiles.
func (p profiles) write() error {
	var errs []error
	if p.cpu != nil {
		pprof.StopCPUProfile()
		errs = append(errs, p.cpu.Close())
	}
	if path := os.Getenv("DIRECTSIP_MEMPROFILE"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("DIRECTSIP_MEMPROFILE: %w", err))...)
		}
		runtime.GC() // what is in use is as of the last collection
		errs = append(errs, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
	}
	return errors.Join(errs...)
}
