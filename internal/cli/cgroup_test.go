package cli

import (
	"math"
	"testing"
	"testing/fstest"
)

// TestGroupMemory reads what control groups allow, as systems and containers show them.
func TestGroupMemory(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"no groups":    {nil, math.MaxUint64},
		"no limit":     {map[string]string{"proc/self/cgroup": "0::/init.scope\n", "sys/fs/cgroup/init.scope/memory.max": "max\n"}, math.MaxUint64},
		"of a service": {map[string]string{"proc/self/cgroup": "0::/system.slice/directsip.service\n", "sys/fs/cgroup/system.slice/directsip.service/memory.max": "536870912\n", "sys/fs/cgroup/system.slice/memory.max": "max\n"}, 512 << 20},
		"of its slice": {map[string]string{"proc/self/cgroup": "0::/voice.slice/directsip.service\n", "sys/fs/cgroup/voice.slice/directsip.service/memory.max": "max\n", "sys/fs/cgroup/voice.slice/memory.max": "1073741824\n"}, 1 << 30},
		"of both": {map[string]string{"proc/self/cgroup": "0::/voice.slice/directsip.service\n", "sys/fs/cgroup/voice.slice/directsip.service/memory.max": "2147483648\n",
			"sys/fs/cgroup/voice.slice/memory.max": "1073741824\n"}, 1 << 30},
		"of a container":              {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		"of one with the host's name": {map[string]string{"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		"version 1": {map[string]string{"proc/self/cgroup": "9:name=systemd:/\n5:cpu,memory:/voice\n0::/\n", "sys/fs/cgroup/memory/voice/memory.limit_in_bytes": "134217728\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 128 << 20},
		"another group of version 1": {map[string]string{"proc/self/cgroup": "5:memory:/voice\n", "sys/fs/cgroup/memory/other/memory.limit_in_bytes": "1\n"}, math.MaxUint64},
	} {
		root := fstest.MapFS{}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := groupMemory(root); got != c.want {
			t.Errorf("%s: %d octets, want %d", name, got, c.want)
		}
	}
}
