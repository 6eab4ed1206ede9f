package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The cores: one for the system under test, one for everything else.
const (
	sutCore  = 0
	loadCore = 1
)

// process is a child pinned to a core.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	rest float64 // octets resident before the first call
}

// spawn starts a program in dir; what it prints goes to a file there.
func spawn(core int, dir, name string, env []string, argv ...string) (*process, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	p := &process{log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	f, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p.cmd = exec.Command("taskset", append([]string{"-c", strconv.Itoa(core), path}, argv[1:]...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, f, f
	p.cmd.Env = append(os.Environ(), env...)
	// Without a namespace of processes: a bench that is killed leaves no servers behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// wait waits for the end of the process.
func (p *process) wait(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// stop ends the process and its group, politely at first.
func (p *process) stop(limit time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	if !p.wait(limit) {
		syscall.Kill(-p.pid(), syscall.SIGKILL)
		p.wait(5 * time.Second)
	}
}

// tail is the end of what the process has printed.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-600):])
}

// alive fails when the process has ended.
func (p *process) alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended: %s", filepath.Base(p.log), p.tail())
	default:
		return nil
	}
}

// RaiseFiles gives this process and its children room for descriptors, and tells how many they may have.
func RaiseFiles(want uint64) uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	if more := (syscall.Rlimit{Cur: want, Max: max(want, l.Max)}); syscall.Setrlimit(syscall.RLIMIT_NOFILE, &more) == nil {
		return want
	}
	l.Cur = l.Max
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Cur
}
