package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/unit"
)

// Enter makes this process a worker when [Run] started it as one, and reports
// whether it is. The bound is in force when it returns, for this process and,
// each for itself, for those it starts. It must come before anything that keeps
// os.Stderr. A [*RoomError] says that the bound is too small for this build.
func Enter() (bool, error) {
	text := os.Getenv(marker)
	if text == "" {
		return false, nil
	}
	if err := os.Unsetenv(marker); err != nil { // no child of ours is a worker by it
		return false, err
	}
	var parent, stderr int
	var memory, stack uint64
	if _, err := fmt.Sscanf(text, "%d:%d:%d:%d", &parent, &memory, &stack, &stderr); err != nil {
		return false, errNotWorker
	}
	// Once more, because the kernel forgets it where the file has capabilities.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return false, fmt.Errorf("bind the worker to its parent: %w", err)
	}
	if os.Getppid() != parent {
		return false, errNotWorker
	}
	unix.CloseOnExec(stderr)
	runtimeStderr = os.Stderr
	os.Stderr = os.NewFile(uintptr(stderr), "/dev/stderr")
	if err := bound(memory, stack); err != nil {
		return false, fmt.Errorf("bound the memory of the worker: %w", err)
	}
	return true, nil
}

var errNotWorker = errors.New("the environment variable " + marker + " is not for you to set, or the parent of this worker is gone")

// room is what a worker needs besides that which the program maps by itself.
const room = 12 << 20

// runtimeStderr is descriptor 2, where the runtime writes when it dies. It is
// kept from the collector, which would close it.
var runtimeStderr *os.File //nolint:unused // it only has to stay

// RoomError says that the bound leaves no room to run in: what the program maps
// before it does anything, most of which it never touches, differs from build
// to build and counts.
type RoomError struct {
	Need int64 // bytes, the least that would do, rounded up
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("too little for this build of the program, which needs %s", unit.FormatSize(float64(e.Need)))
}

func bound(memory, stack uint64) error {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &was); err != nil {
		return err
	}
	was.Cur = min(stack, was.Max)
	if err := unix.Setrlimit(unix.RLIMIT_STACK, &was); err != nil {
		return err
	}
	mapped, err := mappedData()
	if err != nil {
		return err
	}
	if need := mapped + room; need > int64(memory) {
		const step = 16 << 20
		return &RoomError{Need: (need + step - 1) / step * step}
	}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: memory, Max: memory}); err != nil {
		return err
	}
	collect := collectorLimit(int64(memory), mapped, counted())
	debug.SetMemoryLimit(min(collect, debug.SetMemoryLimit(-1)))
	return nil
}

// collectorLimit is what the collector is to stay below (GOMEMLIMIT), so that
// it works before the kernel refuses: the bound without what counts for the
// kernel alone (mapped less counted) and without a margin for what comes later,
// such as the stacks of threads.
func collectorLimit(memory, mapped, counted int64) int64 {
	return max(memory-max(0, mapped-counted)-memory/16, memory/8)
}

// counted is what the Go runtime holds of that which GOMEMLIMIT counts.
func counted() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// mappedData is what RLIMIT_DATA counts, in bytes.
func mappedData() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "VmData:" {
			kib, err := strconv.ParseInt(string(f[1]), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmData")
}
