package ways

import (
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// cgroupPrograms tells why packets must pass the programs of this process's cgroup on their way out, as systemd has for IPAddressDeny= and IPAccounting=.
func cgroupPrograms() string {
	path := cgroupOf("/proc/self/cgroup", "/proc/self/mountinfo")
	if path == "" {
		return ""
	}
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Sprintf("programs of the cgroup cannot be asked for: %v", err)
	}
	defer dir.Close()
	found, err := link.QueryPrograms(link.QueryOptions{Target: int(dir.Fd()), Attach: ebpf.AttachCGroupInetEgress, QueryFlags: unix.BPF_F_QUERY_EFFECTIVE})
	switch {
	case err != nil:
		return fmt.Sprintf("programs of the cgroup cannot be asked for: %v", err)
	case len(found.Programs) > 0:
		return "its cgroup has programs for what leaves"
	}
	return ""
}

// cgroupOf is the directory of the cgroup (of the second version) that the first file names, by the mounts of the second (proc(5)); "": there is none.
func cgroupOf(groups, mounts string) string {
	group := ""
	b, _ := os.ReadFile(groups)
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			group = path
		}
	}
	if group == "" {
		return ""
	}
	b, _ = os.ReadFile(mounts)
	for line := range strings.Lines(string(b)) {
		about, kind, _ := strings.Cut(line, " - ")
		if f := strings.Fields(about); strings.HasPrefix(kind, "cgroup2 ") && len(f) > 4 {
			return f[4] + strings.TrimPrefix(group, strings.TrimSuffix(f[3], "/"))
		}
	}
	return ""
}
