package session

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A process whose descriptors can be listed but not followed counts as closed,
// as it is for who has CAP_DAC_READ_SEARCH without CAP_SYS_PTRACE.
func TestDenied(t *testing.T) {
	p := newProc(t, "ctsh", "sshd")
	p.holds(1, 4, 77)
	if err := os.Chmod(filepath.Dir(p.root), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(p.root, "1", "fd")
	if err := os.Chmod(dir, 0o744); err != nil {
		t.Fatal(err)
	}
	s := small(p)
	visits := 0
	count := func(end) { visits++ }
	if !s.descriptors("1", count) || visits == 0 {
		t.Fatal("closed to who may")
	}

	runtime.LockOSThread() // file access by this thread alone is that of nobody
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(nobody); err != nil {
		t.Skip("needs root, to become nobody:", err)
	}
	defer func() { _ = unix.Setfsuid(os.Geteuid()) }()
	if _, err := os.Readlink(filepath.Join(dir, "4")); err == nil {
		t.Skip("needs another user than our own")
	}
	visits = 0
	if s.descriptors("1", count) || visits != 0 {
		t.Errorf("%d descriptors of a process that is closed to us", visits)
	}
}
