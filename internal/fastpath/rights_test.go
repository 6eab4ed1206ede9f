package fastpath

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

const lessEnv = "DIRECTSIP_FASTPATH_LESS"

// TestSaysWhatRightIsMissing runs itself without some capabilities.
func TestSaysWhatRightIsMissing(t *testing.T) {
	if os.Getenv(lessEnv) != "" {
		table, err := Open(Config{})
		if err == nil {
			table.Close()
			t.Fatal("it was opened")
		}
		t.Logf("<%v>", err)
		return
	}
	if os.Getuid() != 0 {
		lack.Of(t, "giving up capabilities needs root")
	}
	for drop, want := range map[string]string{
		"-bpf,-sys_admin":            "<this process has no CAP_BPF>",
		"-net_admin":                 "<this process has no CAP_NET_ADMIN>",
		"-bpf,-sys_admin,-net_admin": "<this process has no CAP_BPF and no CAP_NET_ADMIN>",
	} {
		cmd := exec.Command("setpriv", "--bounding-set", drop, os.Args[0], "-test.run", "^TestSaysWhatRightIsMissing$", "-test.v")
		cmd.Env = append(os.Environ(), lessEnv+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("without %s: %v, want %s in\n%s", drop, err, want, out)
		}
	}
}

// TestTwoRightsAreEnough has nothing but the two that are asked for: then it sends on what is not changed. With one more, it has all.
func TestTwoRightsAreEnough(t *testing.T) {
	if os.Getenv(lessEnv) != "" {
		table, err := Open(Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("plain: %q", table.Plain())
		f, state := ends4.flow()
		if c := table.Recall(table.put(f, state)); c.Sequence != state.Sequence || table.Len() != 0 || table.Kept() != 0 {
			t.Errorf("counted %+v, %d flows and %d secrets are left", c, table.Len(), table.Kept())
		}
		table.Close()
		return
	}
	open(t, Config{Flows: 1})
	for rights, plain := range map[string]string{
		"-all,+bpf,+net_admin":          "this process has no CAP_PERFMON",
		"-all,+bpf,+net_admin,+perfmon": "",
	} {
		cmd := exec.Command("setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps", rights, "--ambient-caps", rights,
			"--bounding-set", rights, os.Args[0], "-test.run", "^TestTwoRightsAreEnough$", "-test.v")
		cmd.Env = append(os.Environ(), lessEnv+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), fmt.Sprintf("plain: %q", plain)) {
			t.Errorf("%s: %v, want plain %q in\n%s", rights, err, plain, out)
		}
	}
}
