package transport

import "time"

// Limits bounds what peers can make us hold or do. Zero means the default, a negative value no limit
// where that is said.
type Limits struct {
	MaxConns          int           // accepted connections; as many again may be dialled; default 4096
	MaxConnsPerSource int           // accepted connections of one address; default 512: some peers open one for each call
	RatePerSource     float64       // messages per second of one address; default 0: no limit
	RateBurst         int           // messages at once above the rate; default 2 × RatePerSource
	DialTimeout       time.Duration // TCP connect; default 4 s
	HandshakeTimeout  time.Duration // TLS handshake; default 5 s
	ReadTimeout       time.Duration // from the first byte of a message on a stream to its last; default 10 s
	IdleTimeout       time.Duration // a connection without a message received; default 30 min, negative: none
	WriteTimeout      time.Duration // one write on a stream; default 10 s
	WriteQueueBytes   int           // waiting on one connection; default 1 MiB
	UDPQueue          int           // datagrams waiting on one socket whose send buffer is full; default 1024
	SocketBuffer      int           // bytes of each buffer of a UDP socket in the kernel; default 4 MiB
}

func (l Limits) withDefaults() Limits {
	setInt(&l.MaxConns, 4096)
	setInt(&l.MaxConnsPerSource, 512)
	setInt(&l.WriteQueueBytes, 1<<20)
	setInt(&l.UDPQueue, 1024)
	setInt(&l.SocketBuffer, 4<<20)
	setDuration(&l.DialTimeout, 4*time.Second)
	setDuration(&l.HandshakeTimeout, 5*time.Second)
	setDuration(&l.ReadTimeout, 10*time.Second)
	setDuration(&l.WriteTimeout, 10*time.Second)
	if l.IdleTimeout == 0 {
		l.IdleTimeout = 30 * time.Minute
	}
	if l.RateBurst <= 0 {
		l.RateBurst = int(2*l.RatePerSource) + 1
	}
	return l
}

func setInt(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

func setDuration(v *time.Duration, def time.Duration) {
	if *v <= 0 {
		*v = def
	}
}
