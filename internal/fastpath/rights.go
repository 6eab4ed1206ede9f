package fastpath

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// explain says what this process, or its kernel, lacks.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		if missing := missingRights(); missing != "" {
			return fmt.Errorf("this process has no %s", missing)
		}
		return fmt.Errorf("the kernel does not permit it (%w), although this process has CAP_BPF and CAP_NET_ADMIN: is it in a user namespace, or the kernel locked down?", err)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("the kernel cannot do it: %w", err)
	}
	return err
}

// missingRights names the capabilities that the process lacks (capabilities(7)). CAP_SYS_ADMIN comprises CAP_BPF.
func missingRights() string {
	var data [2]unix.CapUserData
	if unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]) != nil {
		return ""
	}
	has := func(c int) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	var missing []string
	if !has(unix.CAP_BPF) && !has(unix.CAP_SYS_ADMIN) {
		missing = append(missing, "CAP_BPF")
	}
	if !has(unix.CAP_NET_ADMIN) {
		missing = append(missing, "CAP_NET_ADMIN")
	}
	return strings.Join(missing, " and no ")
}
