package resolve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// serversFile is the name servers of resolv.conf(5).
type serversFile struct {
	mu   sync.Mutex
	file watched
	list []string
}

// servers are those of the file, host:port. While it cannot be read or names none, as when it is being written, the last ones hold.
func (f *serversFile) servers(now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file.due(now) {
		_ = f.refresh()
	}
	return f.list
}

func (f *serversFile) refresh() error {
	info, err := f.file.changed()
	if errors.Is(err, fs.ErrNotExist) || err == nil && info == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.file.path, err)
	}
	c, err := dns.ClientConfigFromFile(f.file.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.file.path, err)
	}
	f.file.read(info)
	if len(c.Servers) == 0 {
		return nil
	}
	f.list = make([]string, 0, len(c.Servers))
	for _, s := range c.Servers {
		f.list = append(f.list, net.JoinHostPort(s, c.Port))
	}
	return nil
}
