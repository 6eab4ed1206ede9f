package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process and its descendants have used up to a moment.
type usage struct {
	at      time.Time
	cpu     time.Duration // exact, of all threads that live
	waited  time.Duration // ready to run but not running: the neighbours' share
	user    time.Duration // user and system are sampled by the kernel's clock tick; only their relation is used
	system  time.Duration
	threads int
}

// clockTick is USER_HZ of proc(5).
const clockTick = 10 * time.Millisecond

// tree lists a process and its descendants.
func tree(pid int) []int {
	children := make(map[int][]int)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		f := statFields(path)
		if len(f) < 2 {
			continue
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(f[1])
		children[parent] = append(children[parent], child)
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list
}

// statFields are the fields of /proc/PID/stat after the name of the program: [0] is the state, [1] the parent.
func statFields(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// measure reads the usage of the processes.
func measure(pids []int) usage {
	u := usage{at: time.Now()}
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid)
		if f := statFields(dir + "/stat"); len(f) > 12 {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			u.user += time.Duration(user) * clockTick
			u.system += time.Duration(system) * clockTick
		}
		threads, _ := filepath.Glob(dir + "/task/*/schedstat")
		for _, path := range threads {
			if ran, waited, ok := schedstat(path); ok {
				u.cpu += ran
				u.waited += waited
				u.threads++
			}
		}
	}
	return u
}

// schedstat reads what one thread has used, and how long it was kept waiting.
func schedstat(path string) (ran, waited time.Duration, ok bool) {
	text, _ := os.ReadFile(path)
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return 0, 0, false
	}
	r, _ := strconv.ParseInt(f[0], 10, 64)
	w, _ := strconv.ParseInt(f[1], 10, 64)
	return time.Duration(r), time.Duration(w), true
}

// since is what was used between two measurements.
func (u usage) since(before usage) usage {
	return usage{at: u.at, cpu: u.cpu - before.cpu, waited: u.waited - before.waited, user: u.user - before.user, system: u.system - before.system,
		threads: u.threads}
}

// userShare is the part of the CPU time that was spent outside the kernel.
func (u usage) userShare() float64 {
	if u.user+u.system == 0 {
		return 0
	}
	return float64(u.user) / float64(u.user+u.system)
}

// memory is the proportional set size and the resident set size of the processes in bytes.
func memory(pids []int) (pss, rss float64) {
	for _, pid := range pids {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			kib, _ := strconv.ParseFloat(f[1], 64)
			switch f[0] {
			case "Pss:":
				pss += kib * 1024
			case "Rss:":
				rss += kib * 1024
			}
		}
	}
	return pss, rss
}

// descriptors counts the open files of the processes.
func descriptors(pids []int) int {
	n := 0
	for _, pid := range pids {
		list, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
		n += len(list)
	}
	return n
}

// idleTime is how long a core has had nothing to do since the system started.
func idleTime(core int) time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 5 && f[0] == "cpu"+strconv.Itoa(core) {
			idle, _ := strconv.Atoi(f[4]) // idle and iowait, proc_stat(5)
			iowait, _ := strconv.Atoi(f[5])
			return time.Duration(idle+iowait) * clockTick
		}
	}
	return 0
}
