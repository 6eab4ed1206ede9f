package cli

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// groupMemory is the least of what the control groups of this process may take of memory, in octets: that of a container, MemoryMax= of a service, or of a slice
// above it (cgroups(7)). root is the file system.
func groupMemory(root fs.FS) uint64 {
	least := uint64(math.MaxUint64)
	own, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return least
	}
	for line := range strings.Lines(string(own)) {
		hierarchy, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, found := strings.Cut(rest, ":")
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case !found:
			continue
		case hierarchy == "0" && controllers == "":
		case strings.Contains(","+controllers+",", ",memory,"): // version 1
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group = path.Join("/", group); ; group = path.Dir(group) { // a container may see its own group as the root, under a name that it does not see
			if text, err := fs.ReadFile(root, mount+path.Join(group, file)); err == nil {
				if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil { // or "max"
					least = min(least, n)
				}
			}
			if group == "/" {
				break
			}
		}
	}
	return least
}
