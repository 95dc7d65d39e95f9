package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// TestReplaceIsAtomic checks that readers see an old or a new text, whole.
func TestReplaceIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, strings.Repeat("0", 100_000))
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				b, err := os.ReadFile(path)
				if err != nil || len(b) != 100_000 || strings.Count(string(b), string(b[:1])) != len(b) {
					t.Errorf("%d bytes, %v", len(b), err)
					return
				}
			}
		})
	}
	for i := range 50 {
		w := &text{ctx: context.Background(), op: "fs.write", path: path, data: strings.Repeat(fmt.Sprint(i%10), 100_000)}
		if err := w.replace(); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	readers.Wait()
	leftovers(t, filepath.Dir(path))
}

// TestReplaceKeeps checks what a new file takes over from the old one.
func TestReplaceKeeps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "old")
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
	}
	if err := errors.Join(os.Chown(path, owner, -1), os.Chmod(path, 0o641)); err != nil {
		t.Fatal(err)
	}
	write := func(mode uint32, own bool) error {
		return (&text{ctx: context.Background(), op: "fs.write", path: path, data: "new", mode: mode, own: own}).replace()
	}
	check := func(mode uint32) {
		t.Helper()
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Mode&0o7777 != mode || int(st.Uid) != owner || st.Size != 3 {
			t.Errorf("mode %o of user %d, %v; want %o of %d", st.Mode, st.Uid, err, mode, owner)
		}
	}
	if err := write(0, false); err != nil {
		t.Fatal(err)
	}
	check(0o641)
	if err := write(0o4750, true); err != nil {
		t.Fatal(err)
	}
	check(0o4750)
	// Where everybody may put files, only our own are replaced.
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := write(0, false); os.Geteuid() == 0 && !errors.Is(err, luaerr.EPERM) {
		t.Errorf("%v", err)
	}
	leftovers(t, dir)
}

// TestNewFileMode checks that a new file obeys the umask unless its mode was
// said.
func TestNewFileMode(t *testing.T) {
	dir := t.TempDir()
	before := unix.Umask(0o027)
	defer unix.Umask(before)
	for _, add := range []bool{false, true} {
		for mode, want := range map[uint32]uint32{0: 0o640, 0o666: 0o666, 0o400: 0o400} {
			path := filepath.Join(dir, fmt.Sprint(add, mode))
			w := &text{ctx: context.Background(), op: "fs.write", path: path, data: "x", mode: mode, own: mode != 0}
			write := w.replace
			if add {
				write = w.add
			}
			var st unix.Stat_t
			if err := errors.Join(write(), unix.Stat(path, &st)); err != nil || st.Mode&0o7777 != want {
				t.Errorf("%s: mode %o, %v, want %o", path, st.Mode, err, want)
			}
		}
	}
}

// TestAppendIsWhole checks that texts appended at the same time do not mix,
// and that none goes into a file that another has replaced.
func TestAppendIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			line := strings.Repeat(string(rune('a'+i)), 3000) + "\n"
			for range 25 {
				if err := (&text{ctx: context.Background(), op: "fs.write", path: path, data: line}).add(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for _, line := range lines {
		if len(line) != 3000 || strings.Count(line, line[:1]) != 3000 {
			t.Errorf("%.20s... of %d bytes", line, len(line))
		}
	}
	if len(lines) != 100 {
		t.Errorf("%d lines", len(lines))
	}
}

// TestLockOfReplacedFile checks that a lock on a file that is no longer the
// one under the path is not taken for one.
func TestLockOfReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := hold(context.Background(), "test", path, unix.O_RDWR, 0o600, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 1)
	go func() {
		fd, err := hold(context.Background(), "test", path, unix.O_RDWR, 0o600, 30*time.Second)
		if err != nil {
			t.Error(err)
		}
		got <- fd
	}()
	time.Sleep(2 * patience)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	unix.Close(first)
	second := <-got
	defer unix.Close(second)
	if fd, err := hold(context.Background(), "test", path, unix.O_RDWR, 0o600, 0); fd >= 0 || err != nil {
		t.Errorf("the lock was taken twice: %d %v", fd, err)
	}
}

// TestDiskFull checks that the old text survives where the new does not fit.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(dir, "f")
	put(t, path, "old\n")
	w := &text{ctx: context.Background(), op: "fs.write", path: path, data: strings.Repeat("x", 1<<20)}
	for name, write := range map[string]func() error{"replace": w.replace, "append": w.add} {
		if err := write(); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(path); string(b) != "old\n" {
			t.Errorf("%s left %d bytes, %v", name, len(b), err)
		}
	}
	leftovers(t, dir)
}

// TestInterruptedWrite checks that nothing of a write is there that was
// interrupted.
func TestInterruptedWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old\n")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := &text{ctx: ctx, op: "fs.write", path: path, data: "new"}
	for name, write := range map[string]func() error{"replace": w.replace, "append": w.add} {
		if err := write(); !errors.Is(err, luaerr.ECANCELED) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := os.ReadFile(path); string(b) != "old\n" {
		t.Errorf("%q %v", b, err)
	}
	leftovers(t, filepath.Dir(path))
}
