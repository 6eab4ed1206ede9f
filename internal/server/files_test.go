package server

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReadRegular: a file is read as far as it may be, and what is none, which might never end, is not opened.
func TestReadRegular(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := readRegular(path, 4); string(b) != "0123" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	for _, path := range []string{os.DevNull, filepath.Dir(path), path + "b"} {
		if b, err := ReadFile(path); err == nil {
			t.Errorf("of %s was read %q", path, b)
		}
		if b, err := readSecret(path); err == nil {
			t.Errorf("of %s was read %q", path, b)
		}
	}
}
