package rights

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/lack"
)

// TestExplain gives up capabilities one after the other.
func TestExplain(t *testing.T) {
	if os.Getuid() != 0 {
		lack.Of(t, "giving up capabilities needs root")
	}
	runtime.LockOSThread() // for good: the thread is of no use to others, and ends with the test
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	for _, step := range []struct {
		without []int
		want    string
	}{
		{nil, "permission denied, although this process has CAP_BPF and CAP_NET_ADMIN"},
		{[]int{unix.CAP_PERFMON}, "although"}, // CAP_SYS_ADMIN comprises it
		{[]int{unix.CAP_SYS_ADMIN}, "this process has no CAP_PERFMON, which this kernel wants: permission denied"},
		{[]int{unix.CAP_NET_ADMIN}, "this process has no CAP_NET_ADMIN"},
		{[]int{unix.CAP_BPF}, "this process has no CAP_BPF and no CAP_NET_ADMIN"},
	} {
		var have [2]unix.CapUserData
		if err := unix.Capget(&header, &have[0]); err != nil {
			t.Fatal(err)
		}
		for _, c := range step.without {
			have[c/32].Effective &^= 1 << (c % 32)
		}
		if err := unix.Capset(&header, &have[0]); err != nil {
			t.Fatal(err)
		}
		if got := Explain(unix.EACCES).Error(); !strings.Contains(got, step.want) {
			t.Errorf("without %v: %q, want %q", step.without, got, step.want)
		}
	}
}
