package resolve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// serversFile is the name servers of resolv.conf(5), read again when it changes: a host may get its network after us, or another one.
type serversFile struct {
	path string

	mu       sync.Mutex
	checked  time.Time
	modified time.Time
	size     int64
	list     []string
}

// servers are those of the file, host:port. While it cannot be read or names none, as when it is being written, the last ones hold.
func (f *serversFile) servers(now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := now.Sub(f.checked); d < 0 || d >= hostsCheck {
		f.checked = now
		_ = f.refresh()
	}
	return f.list
}

func (f *serversFile) refresh() error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	if info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return nil
	}
	c, err := dns.ClientConfigFromFile(f.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	f.modified, f.size = info.ModTime(), info.Size()
	if len(c.Servers) == 0 {
		return nil
	}
	f.list = make([]string, 0, len(c.Servers))
	for _, s := range c.Servers {
		f.list = append(f.list, net.JoinHostPort(s, c.Port))
	}
	return nil
}
