package resolve

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

const hostsMax = 1 << 20 // bytes read of the file

// hostsFile is hosts(5): addresses for names.
type hostsFile struct {
	mu    sync.Mutex
	file  watched
	addrs map[string][]netip.Addr
}

func (h *hostsFile) has(name string, now time.Time) bool { return h.lookup(name, now) != nil }

// lookup returns the addresses of a name in lower case, in the order of the file.
func (h *hostsFile) lookup(name string, now time.Time) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file.due(now) {
		h.refresh()
	}
	return h.addrs[name]
}

func (h *hostsFile) refresh() {
	info, err := h.file.changed()
	if err == nil && info == nil {
		return
	}
	if err == nil && info.Size() <= hostsMax {
		if text, err := os.ReadFile(h.file.path); err == nil {
			h.file.read(info)
			h.addrs = parseHosts(string(text))
			return
		}
	}
	h.addrs = nil
	h.file.forget()
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
