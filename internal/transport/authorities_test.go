package transport

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// TestListenWithTheAuthoritiesOfTheSystem: a server without ca verifies peers against what the host trusts.
func TestListenWithTheAuthoritiesOfTheSystem(t *testing.T) {
	spec := newAuthority(t, "ca").issue(t, t.TempDir(), "med1.example.com")
	spec.CA = ""
	n := newNode(t, Config{}, spec)
	if a := n.addr(t, sip.TLS); a.Port() == 0 {
		t.Error(a)
	}
}

func TestAuthoritiesFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".not"} {
		if pool, err := Authorities(file); err == nil {
			t.Errorf("%s: %v", file, pool)
		}
	}
}
