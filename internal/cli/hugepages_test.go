package cli

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/lack"
)

// TestHugeHeap shows that the system knows where large pages are wanted, and that nothing is taken for that.
func TestHugeHeap(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		lack.Of(t, "a kernel with transparent huge pages: ", err)
	}
	hugeHeap(1 << 30)
	advised, taken := advisedMemory(t)
	if advised < 120<<20 || taken > 32<<20 {
		t.Errorf("large pages are wanted for %d MiB, of which %d are taken: want an eighth of the memory, and next to none", advised>>20, taken>>20)
	}
}

// advisedMemory is where large pages are wanted and how much of that is in memory, in octets (proc_pid_smaps(5)).
func advisedMemory(t *testing.T) (size, resident int) {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	var s, r int
	for line := range strings.Lines(string(text)) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		kib := func() int {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(line, err)
			}
			return n << 10
		}
		switch key {
		case "Size":
			s = kib()
		case "Rss":
			r = kib()
		case "VmFlags":
			if strings.Contains(rest+" ", " hg ") {
				size, resident = size+s, resident+r
			}
		}
	}
	return size, resident
}
