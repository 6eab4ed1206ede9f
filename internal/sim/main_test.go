package sim

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain has the garbage wait: worlds are small, and gone at once.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
