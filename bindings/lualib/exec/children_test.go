package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// mark is what the processes of a test have in their environment.
const mark = "CTSH_EXEC_TEST"

// roleKilled makes the test program one that runs a command until somebody
// kills it.
const roleKilled = "CTSH_EXEC_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleKilled) != "" {
		t := &testing.B{}
		v := newVM(t, context.Background(), os.Stderr)
		if err := v.Run("t", `exec{"sleep", 600, timeout = "1h"}`); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// marked lists processes with a mark in their environment, and children of
// this one that are not reaped.
func marked(t *testing.T, value string) (pids []int, zombies int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // gone
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[0] == "Z" && fields[1] == strconv.Itoa(os.Getpid()) {
			zombies++
		}
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))); pid != os.Getpid() && bytes.Contains(env, []byte(mark+"="+value+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids, zombies
}

// settles waits until a condition holds, and fails the test where it never does.
func settles(t *testing.T, what func() string) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		wrong := what()
		if wrong == "" {
			return
		}
		if time.Now().After(end) {
			t.Error(wrong)
			return
		}
	}
}

// TestChildren checks that 220 runs of all kinds leave nothing behind: no
// process, no zombie, no descriptor, no goroutine.
func TestChildren(t *testing.T) {
	value := fmt.Sprint(os.Getpid(), "-children")
	t.Setenv(mark, value)
	descriptors := func() int { names, _ := os.ReadDir("/proc/self/fd"); return len(names) }
	round := func(t *testing.T, n int) {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		v := newVM(t, ctx, io.Discard)
		v.Set("n", lua.LNumber(n))
		err := v.Run("t", `
			local kinds = {
				function() assert(exec("true").ok) end,
				function() assert(exec("sh", "-c", "sleep 600 & sleep 600 & echo x").out == "x\n") end,
				function() assert(exec("sh", "-c", "(sleep 600 & sleep 600) & (trap '' TERM HUP; sleep 600) & exit 3").code == 3) end,
				function() assert(exec{"sh", "-c", "sleep 600 & sleep 600", timeout = "5ms"}.timed_out) end,
				function() assert(not pcall(exec, "no-such-command")) end,
				function() assert(not pcall(exec, "/etc/passwd")) end,
				function() assert(exec{"sh", "-c", "exec <&- >&- 2>&-; sleep 0.01", stdin = (("x"):rep(100000))}.ok) end,
				function() assert(exec("sh", "-c", "kill -9 $$").signal == "SIGKILL") end,
				function()
					local t = spawn(function() exec("sh", "-c", "sleep 600 & sleep 600") end)
					sleep("5ms")
					t:cancel()
				end,
			}
			for i = 1, n do kinds[i % #kinds + 1]() end`)
		if err != nil {
			t.Error(err)
		}
	}
	cancelled := func(t *testing.T, n int) {
		for range n {
			v := newVM(t, context.Background(), io.Discard)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			if _, err := v.Show(ctx, "t", `exec("sh", "-c", "sleep 600 & sleep 600 & wait")`); !errors.Is(err, luaerr.ETIMEDOUT) {
				t.Errorf("%v", err)
			}
			cancel()
		}
	}
	all := func(n, m int) {
		t.Run("runs", func(t *testing.T) { round(t, n) })
		t.Run("cancelled", func(t *testing.T) { cancelled(t, m) })
	}
	all(9, 1)
	runtime.GC()
	beforeDescriptors, beforeRoutines := descriptors(), runtime.NumGoroutine()
	all(180, 40)
	settles(t, func() string {
		runtime.GC()
		pids, zombies := marked(t, value)
		if len(pids) > 0 || zombies > 0 || descriptors() > beforeDescriptors || runtime.NumGoroutine() > beforeRoutines {
			return fmt.Sprintf("left behind: processes %v, %d zombies, %d descriptors after %d, %d goroutines after %d",
				pids, zombies, descriptors(), beforeDescriptors, runtime.NumGoroutine(), beforeRoutines)
		}
		return ""
	})
}

// TestDaemon checks that one who leaves the group and keeps the pipes open
// holds nothing up.
func TestDaemon(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip(err)
	}
	value := fmt.Sprint(os.Getpid(), "-daemon")
	t.Setenv(mark, value)
	t.Chdir(t.TempDir())
	if err := unix.Mkfifo("up", 0o600); err != nil {
		t.Fatal(err)
	}
	v := newVM(t, context.Background(), io.Discard)
	begin := time.Now()
	values, err := v.Show(context.Background(), "t", `exec("sh", "-c", "setsid sh -c 'echo up >up; exec sleep 600' & cat up >/dev/null; echo started")`)
	if err != nil || values[0] != "started" || time.Since(begin) > 50*time.Second {
		t.Errorf("%q %v after %s", values, err, time.Since(begin))
	}
	pids, _ := marked(t, value)
	if len(pids) != 1 {
		t.Errorf("daemons: %v", pids)
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// TestInterruption checks that a script goes on soon after its evaluation was
// cancelled, also where the command does not want to end, and that closing the
// state waits until the command is gone.
func TestInterruption(t *testing.T) {
	value := fmt.Sprint(os.Getpid(), "-interrupt")
	t.Setenv(mark, value)
	for _, c := range []struct{ name, code string }{
		{"willing", `exec("sleep", 600)`}, {"unwilling", `exec("sh", "-c", "trap '' TERM; echo; sleep 600; sleep 600")`},
		{"in a loop", `while true do pcall(exec, "sh", "-c", "sleep 600") end`}, {"busy", `exec("yes")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVM(t, context.Background(), io.Discard)
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err := v.Show(ctx, "t", c.code)
			t.Logf("%s after the start, of which 100ms were wanted", time.Since(begin))
			if !errors.Is(err, luaerr.ETIMEDOUT) || time.Since(begin) > 10*time.Second {
				t.Errorf("%v after %s", err, time.Since(begin))
			}
			if values, err := v.Show(context.Background(), "t", `exec("echo", "next")`); err != nil || values[0] != "next" {
				t.Errorf("%q %v", values, err)
			}
		})
		settles(t, func() string {
			if pids, zombies := marked(t, value); len(pids)+zombies > 0 {
				return fmt.Sprintf("left behind: %v and %d zombies", pids, zombies)
			}
			return ""
		})
	}
}

// TestExitWhileRunning checks that the end of a script ends the commands of
// its tasks.
func TestExitWhileRunning(t *testing.T) {
	value := fmt.Sprint(os.Getpid(), "-exit")
	t.Setenv(mark, value)
	t.Run("script", func(t *testing.T) {
		v := newVM(t, context.Background(), io.Discard)
		err := v.Run("t", `
			every("1ms", function() exec("sh", "-c", "sleep 600 & sleep 600") end)
			exec("sleep", "0.1")
			exit(3)`)
		var exit *luaerr.Exit
		if !errors.As(err, &exit) || exit.Status != 3 {
			t.Errorf("%v", err)
		}
	})
	settles(t, func() string {
		if pids, zombies := marked(t, value); len(pids)+zombies > 0 {
			return fmt.Sprintf("left behind: %v and %d zombies", pids, zombies)
		}
		return ""
	})
}

// TestKilledParent checks that a command does not outlive a ctsh that was
// killed.
func TestKilledParent(t *testing.T) {
	value := fmt.Sprint(os.Getpid(), "-killed")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleKilled+"=1", mark+"="+value)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	settles(t, func() string {
		if pids, _ := marked(t, value); len(pids) < 2 {
			return "the command does not start"
		}
		return ""
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	settles(t, func() string {
		if pids, _ := marked(t, value); len(pids) > 0 {
			return fmt.Sprintf("%v outlive their parent", pids)
		}
		return ""
	})
}

func BenchmarkTrue(b *testing.B) {
	v := newVM(b, context.Background(), io.Discard)
	for b.Loop() {
		if err := v.Run("t", `exec("true")`); err != nil {
			b.Fatal(err)
		}
	}
}
