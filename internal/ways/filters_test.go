package ways

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCgroupIsFound: by the group's name and what of the hierarchy is mounted where.
func TestCgroupIsFound(t *testing.T) {
	for _, c := range []struct{ groups, mounts, want string }{
		{"0::/system.slice/directsip.service\n", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n", "/sys/fs/cgroup/system.slice/directsip.service"},
		{"9:name=systemd:/\n4:memory:/a\n0::/\n", "1 2 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n2 2 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"/sys/fs/cgroup/unified/"},
		{"0::/docker/77/in\n", "1 2 0:1 /docker/77 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "/sys/fs/cgroup/in"},
		{"4:memory:/a\n", "1 2 0:1 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n", ""},
		{"0::/\n", "1 2 0:1 / / rw - ext4 /dev/vda rw\n", ""},
		{"", "", ""},
	} {
		dir := t.TempDir()
		groups, mounts := filepath.Join(dir, "cgroup"), filepath.Join(dir, "mountinfo")
		for name, text := range map[string]string{groups: c.groups, mounts: c.mounts} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := cgroupOf(groups, mounts); got != c.want {
			t.Errorf("%q of %q: %q, want %q", c.groups, c.mounts, got, c.want)
		}
	}
}

// TestChainsThatMatter are those with rules, or that do not accept, where packets of this host leave.
func TestChainsThatMatter(t *testing.T) {
	for c, want := range map[chain]bool{
		{familyIPv4, "output", hookOutput, policyAccept, 1}:           true,
		{familyIPv6, "output", hookOutput, 0, 0}:                      true,
		{familyInet, "postrouting", hookPostrouting, policyAccept, 2}: true,
		{familyInet, "output", hookOutput, policyAccept, 0}:           false,
		{familyInet, "input", 1, 0, 7}:                                false,
		{familyInet, "called", -1, -1, 3}:                             false,
		{7, "output", hookOutput, policyAccept, 1}:                    false, // of a bridge, which frames pass in any case
	} {
		if c.matters() != want {
			t.Errorf("%+v: %v", c, !want)
		}
	}
	if c := chainOf([]byte{familyInet}); c.matters() {
		t.Errorf("%+v", c)
	}
}
