package session

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestEnded looks at a process that runs, one that has ended and waits for its
// parent, and one that is gone.
func TestEnded(t *testing.T) {
	if ended(filepath.Join("/proc", strconv.Itoa(os.Getpid()))) {
		t.Error("this process is taken for ended")
	}
	cmd := exec.Command("true")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = out.Read(make([]byte, 1)) // its end closes the pipe
	dir := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid))
	for !ended(dir) { // it is about to become a zombie
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	if !ended(dir) {
		t.Error("a process that is gone is taken for one that runs")
	}
}

// TestWitnessEnds reads a namespace through the process that is left of two, and
// finds no gap where both are gone.
func TestWitnessEnds(t *testing.T) {
	root := t.TempDir()
	for _, pid := range []string{"10", "20"} {
		if err := os.MkdirAll(filepath.Join(root, pid, "net"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, pid, "net", "tcp"), []byte("header\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newSearch(root, most)
	s.spaces = []space{{"net:[1]", []string{"10", "20"}}}
	for _, c := range []struct {
		gone string
		read bool
	}{{"none", true}, {"10", true}, {"20", false}} {
		if err := os.RemoveAll(filepath.Join(root, c.gone)); err != nil {
			t.Fatal(err)
		}
		n := 0
		_ = s.through(&s.spaces[0], "tcp", func([]byte) { n++ })
		if s.table(func(*entry) {}); n > 0 != c.read || s.cut {
			t.Errorf("without %s: %d lines, cut %v", c.gone, n, s.cut)
		}
	}
}
