// Command bench measures directsip beside its peers and prints tables; see package bench.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/directsip/directsip/internal/bench"
)

// apart begins this program again on the core of the load: it makes load itself and must not disturb what it measures. With the rights
// for it, that is in namespaces of its own: nobody else has its addresses, and no process outlives it, however it ends.
func apart() error {
	const done = "DIRECTSIP_BENCH_APART"
	root := os.Geteuid() == 0
	if os.Getenv(done) != "" {
		if root {
			return exec.Command("ip", "link", "set", "lo", "up").Run()
		}
		return nil
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := []string{"taskset", "-c", "1"}
	if root {
		argv = append(argv, "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
	}
	return syscall.Exec(taskset, append(append(argv, self), os.Args[1:]...), append(os.Environ(), done+"=1"))
}

// alone waits until no other bench runs on this machine: they would share addresses and cores. The lock lasts as long as the process.
func alone(log io.Writer) error {
	fd, err := syscall.Open(filepath.Join(os.TempDir(), "directsip-bench.lock"), syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return nil
	}
	fmt.Fprintln(log, "another bench is running: waiting for its end")
	return syscall.Flock(fd, syscall.LOCK_EX)
}

func main() {
	b := bench.Bench{Log: os.Stderr}
	only := flag.String("only", "", "groups, separated by commas: "+bench.Groups())
	asJSON := flag.Bool("json", false, "print JSON, one table per line, with every round")
	quiet := flag.Bool("quiet", false, "no progress on standard error")
	flag.StringVar(&b.Directsip, "directsip", "bin/directsip", "the binary")
	flag.StringVar(&b.System, "system", "", "only signalling systems whose name has this in it: anchored, passed, Kamailio")
	flag.IntVar(&b.Rounds, "rounds", 1, "how often each system has its turn; figures are medians")
	flag.Float64Var(&b.Rate, "rate", 1000, "calls per second")
	flag.DurationVar(&b.Window, "window", 10*time.Second, "time over which CPU is measured")
	flag.BoolVar(&b.Long, "long", false, "warm up for 35 s and confirm the capacity for a minute")
	flag.IntVar(&b.Held, "held", 5000, "running calls of group held")
	flag.DurationVar(&b.Settle, "settle", 40*time.Second, "time before memory is read in group held")
	flag.IntVar(&b.Relayed, "relayed", 500, "calls of group media")
	flag.StringVar(&b.Profile, "profile", "", "write profiles of directsip under basic calls to this directory instead")
	flag.Parse()
	if *only != "" {
		b.Only = strings.Split(*only, ",")
	}
	if *quiet {
		b.Log = io.Discard
	}
	if err := apart(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if err := alone(b.Log); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if !*asJSON {
		fmt.Printf("go run ./internal/bench/cmd %s\n", strings.Join(os.Args[1:], " "))
	}
	if b.Profile != "" {
		if err := b.WriteProfiles(func(text string) { fmt.Println(text) }); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	err := b.Run(func(t *bench.Table) error {
		if *asJSON {
			return json.NewEncoder(os.Stdout).Encode(t)
		}
		_, err := t.WriteTo(os.Stdout)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
