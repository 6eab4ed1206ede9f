package relay

import (
	"encoding/binary"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/media"
)

// TestKernelChecksums looks at what is on the wire: the sums of senders on the same machine are for a device to complete, and must still be when packets have
// been readdressed; those of others are complete.
func TestKernelChecksums(t *testing.T) {
	if !isolated(t) {
		return
	}
	w, l := newWire(t), newLock(t, media.AESCM128HMACSHA180, "")
	for _, crypt := range []*media.Crypt{nil, l.crypt} { // with which lengths change, too
		k := w.rig(Config{}, func(s *media.Session) { s.Streams[0].Side[1].Crypt = crypt })
		talk := k.talk
		if crypt != nil {
			talk = func(packets int) { k.sealedBack(l, packets) }
		}
		k.checksums(talk)
	}
}

// checksums has packets go both ways, whose sums the sender's device completes or they themselves, and looks at those that come back.
func (k *kernelRig) checksums(talk func(packets int)) {
	t := k.t
	t.Helper()
	var wire *os.File
	k.wire.inside(k.wire.far, func() { wire = sniff(t) })
	defer wire.Close()
	for _, c := range []struct {
		what     string
		complete bool // by the sender
	}{{"left to the device", false}, {"complete", true}} {
		k.wire.inside(nil, func() { completes(t, "near", false) }) // so what leaves here is completed here
		k.wire.inside(k.wire.far, func() { completes(t, "far", !c.complete) })
		before := k.carried()
		talk(20)
		if n := k.carried() - before; n < 30 {
			t.Errorf("%s: %d of 40 packets in the kernel", c.what, n)
		}
		b, seen := make([]byte, 4096), 0
		_ = wire.SetReadDeadline(time.Now().Add(patience))
		for seen < 40 {
			n, err := wire.Read(b)
			if err != nil {
				t.Fatalf("%s: %d packets on the wire: %v", c.what, seen, err)
			}
			ip := b[14:n]
			if n < 14+28 || binary.BigEndian.Uint16(b[12:]) != unix.ETH_P_IP || ip[9] != unix.IPPROTO_UDP || [4]byte(ip[12:16]) != us4.As4() {
				continue
			}
			seen++
			udp := ip[20:binary.BigEndian.Uint16(ip[2:])]
			got := binary.BigEndian.Uint16(udp[6:])
			udp[6], udp[7] = 0, 0
			if want := udpChecksum(ip[12:20], udp); got != want || onesSum(0, ip[:20])%0xffff != 0 {
				t.Errorf("%s: the checksum is %#x, want %#x; of the IP header %#x", c.what, got, want, ip[10:12])
			}
		}
	}
	k.wantTier(media.TierKernel, "")
	k.Shutdown()
}

// sealedBack is talk where the second side has keys.
func (k *kernelRig) sealedBack(l *lock, packets int) {
	k.t.Helper()
	k.both(packets, func(x []byte) {
		k.a.send(k.a.rtp, k.la, x)
		l.wants(k.b, x)
	}, func(y []byte) {
		k.b.send(k.b.rtp, k.lb, l.rtp(k.t, y))
		k.a.wantOn(k.a.rtp, k.la, y)
	})
}

// sniff sees everything that comes to a device of this namespace.
func sniff(t *testing.T) *os.File {
	t.Helper()
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "wire")
}

// completes says whether a device completes the checksums of what it sends (ETHTOOL_STXCSUM of linux/ethtool.h).
func completes(t *testing.T, device string, on bool) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	value := struct{ command, data uint32 }{command: 0x17}
	if on {
		value.data = 1
	}
	var request struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(request.name[:], device)
	request.data = unsafe.Pointer(&value)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		t.Fatal(errno)
	}
}
