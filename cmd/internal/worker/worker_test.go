package worker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVar makes the test program play the program under test: see roles.
const roleVar = "WORKER_TEST_ROLE"

// ample is a bound that even the race detector keeps.
const ample = 1 << 52

func TestMain(m *testing.M) {
	inside, err := Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "enter:", err)
		os.Exit(99)
	}
	if role := roles[os.Getenv(roleVar)]; role != nil {
		os.Exit(role(inside))
	}
	os.Exit(m.Run())
}

var roles = map[string]func(inside bool) int{
	"describe": describe,
	"speak":    speak,
	"count":    count,
	"parent":   parent,
	"hold":     hold,
	"nest":     nest,
	"grow": func(bool) int {
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte{1}, 1<<10))
			runtime.KeepAlive(all)
		}
	},
	"garbage": func(bool) int {
		n := 0
		for range 1 << 20 {
			n += len(bytes.Repeat([]byte{1}, 1<<10))
		}
		return n >> 24
	},
	"overflow": func(bool) int {
		debug.SetMaxStack(1 << 20)
		var f func(n int) int
		f = func(n int) int { return f(n+1) + 1 }
		return f(0)
	},
	"panic": func(bool) int {
		go panic("at the\x1b[31m disco")
		select {}
	},
}

func describe(inside bool) int {
	var data, stack unix.Rlimit
	_, _ = unix.Getrlimit(unix.RLIMIT_DATA, &data), unix.Getrlimit(unix.RLIMIT_STACK, &stack)
	_, marked := os.LookupEnv(marker)
	text, _ := io.ReadAll(os.Stdin)
	fmt.Printf("inside=%v data=%d,%d stack=%d marked=%v limit=%v args=%q stdin=%q\n", inside, data.Cur, data.Max, stack.Cur, marked,
		debug.SetMemoryLimit(-1) < ample, os.Args[1:], text)
	fmt.Fprint(os.Stderr, "to stderr")
	return 6
}

// speak writes to what must come out in this order when both are one file.
func speak(bool) int {
	for i := range 100 {
		fmt.Fprintf(os.Stdout, "out %d\n", i)
		fmt.Fprintf(os.Stderr, "err %d\n", i)
	}
	return 0
}

// count ends at SIGTERM with the number of other signals it got.
func count(bool) int {
	got := make(chan os.Signal, 16)
	signal.Notify(got, unix.SIGHUP, unix.SIGUSR1, unix.SIGTERM)
	fmt.Println("ready", os.Getpid())
	n := 0
	for s := range got {
		if s == unix.SIGTERM {
			break
		}
		n++
		fmt.Println("got", s)
	}
	return n
}

// parent runs a worker that counts.
func parent(inside bool) int {
	if inside {
		return count(inside)
	}
	if _, err := Run(Spec{Memory: ample, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}); err != nil {
		return 98
	}
	return 0
}

// hold leaves a process that has descriptor 2 open, and ends.
func hold(bool) int {
	cmd := exec.Command("sleep", "60")
	cmd.Stderr = os.NewFile(2, "descriptor 2")
	if cmd.Start() != nil {
		return 98
	}
	fmt.Println(cmd.Process.Pid)
	return 5
}

// nest tries to be the parent of a worker that may have more.
func nest(bool) int {
	_, err := Run(Spec{Memory: 2 * ample, Stderr: os.Stderr})
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Own != ample {
		return 1
	}
	return 7
}

// play runs a role in a worker.
func play(t *testing.T, role string, s Spec) (end *End, stdout, stderr string) {
	t.Helper()
	t.Setenv(roleVar, role)
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out bytes.Buffer
	if s.Stdout == nil {
		s.Stdout = &out
	}
	s.Stderr = file
	if end, err = Run(s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return end, out.String(), string(text)
}

func TestWorker(t *testing.T) {
	var stack, after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 100<<10) // more than fits a small stack's share
	end, out, errs := play(t, "describe", Spec{Memory: ample, Args: []string{"a b", "--x", "", long, long}, Stdin: strings.NewReader("in")})
	want := fmt.Sprintf("inside=true data=%d,%d stack=%d marked=false limit=true args=%q stdin=\"in\"\n", ample, ample, stack.Cur,
		[]string{"a b", "--x", "", long, long})
	if end.Code != 6 || end.Starved || end.Fatal != "" || out != want || errs != "to stderr" {
		t.Errorf("%+v, %q, %.300q", end, errs, out)
	}
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &after); err != nil || after != stack {
		t.Errorf("our own stack: %+v, was %+v", after, stack)
	}
	var data unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &data); err != nil || data.Cur == ample {
		t.Errorf("our own data: %+v, %v", data, err)
	}
	if end, _, _ := play(t, "nest", Spec{Memory: ample}); end.Code != 7 {
		t.Errorf("a worker in a worker: %+v", end)
	}
}

func TestOrder(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "both"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv(roleVar, "speak")
	if end, err := Run(Spec{Memory: ample, Stdout: file, Stderr: file}); err != nil || end.Code != 0 {
		t.Fatal(end, err)
	}
	var want strings.Builder
	for i := range 100 {
		fmt.Fprintf(&want, "out %d\nerr %d\n", i, i)
	}
	if got, err := os.ReadFile(file.Name()); err != nil || string(got) != want.String() {
		t.Errorf("out of order: %v %q", err, got)
	}
}

func TestFatal(t *testing.T) {
	for role, want := range map[string]string{"overflow": "stack overflow", "panic": "panic: at the\x1b[31m disco"} {
		end, _, errs := play(t, role, Spec{Memory: ample})
		if end.Fatal != want || end.Starved || errs != "" || !bytes.Contains(end.Trace, []byte("goroutine ")) {
			t.Errorf("%s: %+v, stderr %q", role, end, errs)
		}
	}
}

func TestMemory(t *testing.T) {
	if race {
		t.Skip("the race detector needs more memory than any bound allows")
	}
	// The random numbers of package testing take 32 MiB that are never touched.
	for _, memory := range []int64{2 * Least, 4 * Least} {
		if end, _, errs := play(t, "grow", Spec{Memory: memory}); !end.Starved || errs != "" {
			t.Errorf("%d MiB: %+v, stderr %q", memory>>20, end, errs)
		}
		if end, _, errs := play(t, "garbage", Spec{Memory: memory}); end.Code != 64 || end.Starved || errs != "" {
			t.Errorf("%d MiB and 1 GiB of garbage: %+v, stderr %q", memory>>20, end, errs)
		}
	}
}

// A bound that leaves nothing is refused in words, not by a crash.
func TestRoom(t *testing.T) {
	end, _, errs := play(t, "garbage", Spec{Memory: 8 << 20})
	if end.Code != 99 || end.Starved || !strings.Contains(errs, "too little for this build of the program, which needs ") {
		t.Errorf("%+v, stderr %q", end, errs)
	}
}

func TestSignals(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		signals := []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGTERM}
		for lines := bufio.NewScanner(r); lines.Scan() && len(signals) > 0; signals = signals[1:] {
			_ = unix.Kill(os.Getpid(), signals[0])
		}
	}()
	if end, _, _ := play(t, "count", Spec{Memory: ample, Stdout: w}); end.Code != 2 {
		t.Errorf("%+v, want one for each of 2 signals", end)
	}
	w.Close()
}

func TestDiesWithParent(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	if _, err := fmt.Fscanf(out, "ready %d\n", &pid); err != nil || pid == cmd.Process.Pid {
		t.Fatalf("worker %d of %d: %v", pid, cmd.Process.Pid, err)
	}
	_ = cmd.Process.Kill()
	rest, err := io.ReadAll(out) // to the end of the last that has it open
	if err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
	_ = cmd.Wait()
}

// What the worker leaves behind does not hold us up.
func TestHeldPipe(t *testing.T) {
	began := time.Now()
	end, out, _ := play(t, "hold", Spec{Memory: ample})
	var pid int
	if _, err := fmt.Sscan(out, &pid); err != nil || end.Code != 5 {
		t.Fatalf("%+v %q %v", end, out, err)
	}
	defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNotWorker(t *testing.T) {
	for _, text := range []string{"1", "1:2:3:4", "x:y:z", fmt.Sprintf("%d:67108864:1:2", os.Getppid())} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = slices.Concat(os.Environ(), []string{roleVar + "=describe", marker + "=" + text})
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 99 || !bytes.Contains(out, []byte(marker)) {
			t.Errorf("%q: %v %s", text, err, out)
		}
	}
}
