package resolve

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	hostsCheck = 5 * time.Second // how often the file is looked at
	hostsMax   = 1 << 20         // bytes read of it
)

// hostsFile is hosts(5): addresses for names, read again when it changes.
type hostsFile struct {
	path string

	mu       sync.Mutex
	checked  time.Time
	modified time.Time
	size     int64
	addrs    map[string][]netip.Addr
}

func (h *hostsFile) has(name string, now time.Time) bool { return h.lookup(name, now) != nil }

// lookup returns the addresses of a name in lower case, in the order of the file.
func (h *hostsFile) lookup(name string, now time.Time) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d := now.Sub(h.checked); d < 0 || d >= hostsCheck {
		h.checked = now
		h.refresh()
	}
	return h.addrs[name]
}

func (h *hostsFile) refresh() {
	info, err := os.Stat(h.path)
	if err != nil || info.Size() > hostsMax {
		h.addrs, h.size = nil, -1
		return
	}
	if info.ModTime().Equal(h.modified) && info.Size() == h.size {
		return
	}
	text, err := os.ReadFile(h.path)
	if err != nil {
		h.addrs, h.size = nil, -1
		return
	}
	h.modified, h.size = info.ModTime(), info.Size()
	h.addrs = parseHosts(string(text))
}

func parseHosts(text string) map[string][]netip.Addr {
	m := map[string][]netip.Addr{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		for _, name := range f[1:] {
			if name = strings.ToLower(strings.TrimSuffix(name, ".")); name != "" {
				m[name] = append(m[name], a.Unmap())
			}
		}
	}
	return m
}
