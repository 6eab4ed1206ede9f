package files

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRead: a file is read as far as it may be, and what is none, which might never end, is not opened.
func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path, 4); string(b) != "0123" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	for _, path := range []string{os.DevNull, filepath.Dir(path), path + "b"} {
		if b, err := Read(path, 4); err == nil {
			t.Errorf("of %s was read %q", path, b)
		}
		if b, err := Secret(path); err == nil {
			t.Errorf("of %s was read %q", path, b)
		}
	}
}
