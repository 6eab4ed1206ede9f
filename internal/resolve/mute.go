package resolve

import (
	"sync"
	"time"
)

// A name server that is gone is no reason to wait for it with every look-up, and a call with it. One that was silent lately is asked in its turn all the same, for others may
// not know the names of a company's own network, but the next one is asked soon.
const (
	muteFor  = 5 * time.Minute
	muteWait = 200 * time.Millisecond // more than a server takes that is there and knows
)

// mute has the servers that gave no answer in time, and until when that counts.
type mute struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (m *mute) is(now time.Time, server string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Before(m.until[server])
}

func (m *mute) add(now time.Time, server string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s, until := range m.until { // of a file that has named others
		if !now.Before(until) {
			delete(m.until, s)
		}
	}
	if m.until == nil {
		m.until = make(map[string]time.Time)
	}
	m.until[server] = now.Add(muteFor)
}

func (m *mute) remove(server string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.until, server)
}
