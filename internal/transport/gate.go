package transport

import (
	"crypto"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
)

var errLeft = errors.New("it was over before its turn had come")

// turn says whose signatures come first.
type turn int

const (
	ofPeers  turn = iota // who calls from an address of the document
	ofOthers             // anybody: peers, too, whom only their certificate names
)

// gate lets as many through at a time as it has room for. Of those who wait peers come first: strangers who begin handshakes from many addresses keep none out.
type gate struct {
	mu      sync.Mutex
	room    int
	waiting [2][]chan struct{} // by turn, in the order in which they came
}

// newGate leaves half of the processors to those who do not sign.
func newGate() *gate { return &gate{room: max(1, runtime.GOMAXPROCS(0)/2)} }

// enter waits for a turn. False: gone was closed before it came. Who is gone must not be served, or while there are more than can be, none would be in time.
func (g *gate) enter(t turn, gone <-chan struct{}) bool {
	g.mu.Lock()
	if g.room > 0 {
		g.room--
		g.mu.Unlock()
		return true
	}
	in := make(chan struct{})
	g.waiting[t] = append(g.waiting[t], in)
	g.mu.Unlock()
	select {
	case <-in:
		return true
	case <-gone:
	}
	g.mu.Lock()
	i := slices.Index(g.waiting[t], in)
	if i >= 0 {
		g.waiting[t] = slices.Delete(g.waiting[t], i, i+1)
	}
	g.mu.Unlock()
	if i < 0 { // its turn has come meanwhile
		g.leave()
	}
	return false
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, list := range g.waiting {
		if len(list) > 0 {
			close(list[0])
			g.waiting[t] = list[1:]
			return
		}
	}
	g.room++
}

// gated is the key of accepted connections. To sign takes a millisecond, and who calls may be anybody: of some hundred handshakes that begin at once the others wait here for their turn, and not
// the calls behind all of them for a processor.
type gated struct {
	crypto.Signer
	signing *gate
	turn    turn
	gone    <-chan struct{} // the handshake is over
}

func (g gated) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if !g.signing.enter(g.turn, g.gone) {
		return nil, errLeft
	}
	defer g.signing.leave()
	return g.Signer.Sign(rand, digest, opts)
}
