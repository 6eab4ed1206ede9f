// Package rights says which capabilities this process lacks for what the kernel has refused.
package rights

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var names = map[int]string{unix.CAP_BPF: "CAP_BPF", unix.CAP_NET_ADMIN: "CAP_NET_ADMIN", unix.CAP_NET_RAW: "CAP_NET_RAW",
	unix.CAP_PERFMON: "CAP_PERFMON"}

// Need is nil when the process has all of the capabilities (capabilities(7)), or they cannot be asked for; else it names those that are missing.
// CAP_SYS_ADMIN comprises CAP_BPF and CAP_PERFMON.
func Need(want ...int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if unix.Capget(&header, &have[0]) != nil {
		return nil
	}
	has := func(c int) bool { return have[c/32].Effective&(1<<(c%32)) != 0 }
	var missing []string
	for _, c := range want {
		if !has(c) && !((c == unix.CAP_BPF || c == unix.CAP_PERFMON) && has(unix.CAP_SYS_ADMIN)) {
			missing = append(missing, names[c])
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("this process has no %s", strings.Join(missing, " and no "))
}

// Explain says of an error of eBPF which right, or that the kernel, is not up to it.
func Explain(err error) error {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("this kernel cannot: %w", err)
	}
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	if missing := Need(unix.CAP_BPF, unix.CAP_NET_ADMIN); missing != nil {
		return missing
	}
	if missing := Need(unix.CAP_PERFMON); missing != nil { // what a kernel refuses then, another may not
		return fmt.Errorf("%w, which this kernel wants: %w", missing, err)
	}
	return fmt.Errorf("%w, although this process has CAP_BPF and CAP_NET_ADMIN: is it in a user namespace, or the kernel locked down?", err)
}
