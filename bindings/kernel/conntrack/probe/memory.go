package probe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// memory is a file of verdicts that earlier processes found on this kernel
// since it was booted. A probe of a filter walks the hash table of the whole
// machine, which with a million flows costs as much as the query it is for.
var memory struct {
	sync.Mutex
	path  string
	known map[string]Verdict
}

// remembered is what the file holds.
type remembered struct {
	Kernel   string             `json:"kernel"`
	Verdicts map[string]Verdict `json:"verdicts"`
}

// Remember lets verdicts about filters come from a file, and go there. A file
// that is of another kernel or boot, or that anybody but this user could have
// written, is not read; where none can be written nothing is remembered. It is
// called once, before the first verdict.
func Remember(path string) {
	memory.Lock()
	defer memory.Unlock()
	memory.path, memory.known = path, map[string]Verdict{}
	var r remembered
	if text, ok := readOwn(path); ok && json.Unmarshal(text, &r) == nil && r.Kernel == kernel() {
		for id, v := range r.Verdicts {
			memory.known[id] = v
		}
	}
}

// kernel names the running kernel and when it was booted.
func kernel() string {
	version, _ := os.ReadFile("/proc/version")
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(version)) + " " + strings.TrimSpace(string(boot))
}

// readOwn reads a file that only this user can write, like the folder it is in.
func readOwn(path string) ([]byte, bool) {
	for _, p := range []string{filepath.Dir(path), path} {
		info, err := os.Lstat(p)
		if err != nil || info.Mode().Perm()&0o022 != 0 || info.Mode()&os.ModeSymlink != 0 {
			return nil, false
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			return nil, false
		}
	}
	text, err := os.ReadFile(path)
	return text, err == nil
}

// recall is the verdict about a feature that an earlier process found.
func (f *Feature) recall() (Verdict, bool) {
	memory.Lock()
	defer memory.Unlock()
	v, ok := memory.known[f.ID]
	return v, ok && f.Group == groupDump
}

// remember keeps a verdict about a filter, where it says something about the
// kernel and not only about this process.
func (f *Feature) remember(v Verdict) {
	memory.Lock()
	defer memory.Unlock()
	if memory.path == "" || f.Group != groupDump || v.State == Unknown {
		return
	}
	memory.known[f.ID] = v
	text, err := json.Marshal(remembered{kernel(), memory.known})
	if err != nil || os.MkdirAll(filepath.Dir(memory.path), 0o700) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(memory.path), ".probes.*")
	if err != nil {
		return
	}
	_, err = tmp.Write(text)
	if tmp.Close() != nil || err != nil || os.Rename(tmp.Name(), memory.path) != nil {
		_ = os.Remove(tmp.Name())
	}
}
