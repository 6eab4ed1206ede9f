package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	_ "github.com/directsip/directsip/internal/cli" // the program: a change of it must not find these tests in the cache
	"github.com/directsip/directsip/internal/lack"
)

// program is the directsip that all tests run.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the program once.
func run(m *testing.M) int {
	if names := os.Getenv(namesEnv); names != "" {
		return serveNames(names)
	}
	lack.Processors(12)
	dir, err := os.MkdirTemp("", "directsip-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "directsip")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/directsip/directsip/cmd/directsip").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build directsip: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// child is a program that runs beside a test; it ends with this process, also when that is killed.
func child(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// over tells whether a channel is closed.
func over(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// opened waits for a channel to be closed.
func opened(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// need finds a tool.
func need(t *testing.T, tool, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err == nil {
		return path
	}
	lack.Of(t, tool, " is not installed: it is in Debian's package ", pkg)
	return ""
}

// needRoot tells that a test needs network namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	need(t, "ip", "iproute2")
	if os.Geteuid() != 0 {
		lack.Of(t, "network namespaces need root")
	}
}
