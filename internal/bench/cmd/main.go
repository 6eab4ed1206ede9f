// Command bench measures directsip beside its peers and prints tables; see package bench.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directsip/directsip/internal/bench"
)

// apart begins this program again on the core of the load: it makes load itself and must not disturb what it measures. With the rights
// for it, that is in namespaces of its own: nobody else has its addresses, and no process outlives it, however it ends. Then this process
// stays outside as its helper, and returns only on error.
func apart() (*bench.Outside, error) {
	const done = "DIRECTSIP_BENCH_APART"
	root := os.Geteuid() == 0
	if os.Getenv(done) != "" {
		if root {
			return inside()
		}
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argv := append([]string{"taskset", "-c", "1", self}, os.Args[1:]...)
	if root {
		argv = slices.Insert(argv, 3, "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
	}
	env := append(os.Environ(), done+"=1")
	if root {
		if err := alone(os.Stderr); err != nil {
			return nil, err
		}
		return nil, outside(argv, env)
	}
	taskset, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	return nil, syscall.Exec(taskset, argv, env)
}

// helper is the descriptor of the connection between the two.
const helper = 3

// inside makes the namespaces habitable.
func inside() (*bench.Outside, error) {
	if err := exec.Command("ip", "link", "set", "lo", "up").Run(); err != nil {
		return nil, err
	}
	groups, err := unix.OpenTree(unix.AT_FDCWD, "/sys/fs/cgroup", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return nil, err
	}
	defer unix.Close(groups)
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil { // shows the devices of this namespace
		return nil, err
	}
	if err := unix.MoveMount(groups, "", unix.AT_FDCWD, "/sys/fs/cgroup", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil { // where programs may be that filter
		return nil, err
	}
	conn, err := net.FileConn(os.NewFile(helper, "helper"))
	if err != nil {
		return nil, err
	}
	return bench.NewOutside(conn), nil
}

// outside runs argv, helps it, and ends as it does. What is interrupted leaves no files behind either.
func outside(argv, env []string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, err := net.FileConn(os.NewFile(uintptr(pair[0]), "helper"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "directsip-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(argv[0], argv[1:]...)
	env = append(env, "TMPDIR="+dir)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(pair[1]), "helper")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the death of the thread that has started it counts as ours
	if err := cmd.Start(); err != nil {
		return err
	}
	go bench.Serve(ours)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-end
		cmd.Process.Kill() // and with it all that is in its namespace of processes
	}()
	err = cmd.Wait()
	if cmd.ProcessState == nil {
		return err
	}
	os.RemoveAll(dir)
	os.Exit(cmd.ProcessState.ExitCode() & 0xff) // it has told its errors itself
	return nil
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
	if args := os.Getenv(bench.AloneEnv); args != "" {
		fmt.Fprintln(os.Stderr, "bench:", bench.Alone(args, os.Stdout))
		os.Exit(1)
	}
	b := bench.Bench{Log: os.Stderr}
	only := flag.String("only", "", "groups, separated by commas: "+bench.Groups())
	asJSON := flag.Bool("json", false, "print JSON, one table per line, with every round")
	quiet := flag.Bool("quiet", false, "no progress on standard error")
	flag.StringVar(&b.Directsip, "directsip", "bin/directsip", "the binary")
	flag.StringVar(&b.System, "system", "", "only systems whose name has this in it, and what they are compared with: anchored, Kamailio, kernel, opus")
	flag.IntVar(&b.Rounds, "rounds", 1, "how often each system has its turn; figures are medians")
	flag.Float64Var(&b.Rate, "rate", 1000, "calls per second")
	flag.DurationVar(&b.Window, "window", 10*time.Second, "time over which CPU is measured")
	flag.BoolVar(&b.Long, "long", false, "warm up for 35 s and confirm the capacity for a minute")
	flag.IntVar(&b.Held, "held", 5000, "running calls of group held")
	flag.DurationVar(&b.Settle, "settle", 40*time.Second, "time before memory is read in group held")
	flag.IntVar(&b.Relayed, "relayed", 500, "calls of groups media and srtp; group memory has them and twice as many")
	flag.StringVar(&b.Profile, "profile", "", "write profiles of directsip under basic calls to this directory instead")
	flag.Parse()
	if *only != "" {
		b.Only = strings.Split(*only, ",")
	}
	if *quiet {
		b.Log = io.Discard
	}
	var err error
	if b.Outside, err = apart(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if b.Outside == nil {
		if err := alone(b.Log); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
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
	err = b.Run(func(t *bench.Table) error {
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
