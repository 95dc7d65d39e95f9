package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// NS is an open network namespace. It pins the namespace: as long as it is
// open the namespace lives, also when its name is deleted. Its methods may be
// called from several goroutines.
type NS struct {
	file *os.File
	name string      // what String returns
	path string      // what Watch watches, "" when nothing can be deleted
	stat unix.Stat_t // device and inode tell it from others
}

// Open opens the namespace that spec names:
//
//	"" or "self"    the one of the calling thread
//	"pid:1234"      the one of a process
//	"/some/path"    a path (anything with a slash), such as /proc/7/ns/net
//	"blue"          a name made by "ip netns add blue"
//
// Errors: [*NotFoundError] with the nearest name, [*NameError],
// [*NotNamespaceError] and [*PrivilegeError].
func Open(spec string) (*NS, error) {
	pid, isPID := strings.CutPrefix(spec, "pid:")
	switch {
	case spec == "" || spec == "self":
		return Current()
	case isPID:
		n, err := strconv.ParseInt(pid, 10, 32)
		if err != nil || n <= 0 {
			return nil, &NameError{Name: spec, Reason: "pid: must be followed by a process number"}
		}
		return OpenPID(int(n))
	case strings.IndexByte(spec, 0) >= 0:
		return nil, &NameError{Name: spec, Reason: "it contains a NUL byte"}
	case strings.Contains(spec, "/"):
		abs, err := filepath.Abs(spec)
		if err != nil {
			return nil, fmt.Errorf("open network namespace %q: %w", spec, err)
		}
		ns, err := openPath(abs, spec)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &NotFoundError{Spec: spec}
		}
		return ns, err
	}
	return openName(spec)
}

// OpenPID opens the network namespace of the process pid. Of a process of
// another user this needs CAP_SYS_PTRACE.
func OpenPID(pid int) (*NS, error) {
	spec := fmt.Sprintf("pid:%d", pid)
	ns, err := openPath(fmt.Sprintf("/proc/%d/ns/net", pid), spec)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil, &NotFoundError{Spec: spec}
	}
	return ns, err
}

// Current opens the network namespace of the calling thread. Outside of
// [NS.Do] that is the one the program was started in.
func Current() (*NS, error) {
	ns, err := openPath("/proc/thread-self/ns/net", "self")
	if err != nil {
		return nil, err
	}
	ns.path = "" // the link of a thread that may be gone tomorrow
	return ns, nil
}

// FromFD makes an NS of a duplicate of fd, which stays the caller's to close.
func FromFD(fd int) (*NS, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d of a network namespace: %w", fd, err)
	}
	return fromOwned(dup, "fd:"+strconv.Itoa(fd), "")
}

// FD is the descriptor, -1 after Close. It is only good while the NS
// is open and in reach: keep the NS as long as the number is in use.
func (ns *NS) FD() int { return int(ns.file.Fd()) }

// Inode identifies the namespace among those alive: it is the number that
// "lsns" and /proc/PID/ns/net show. Numbers of dead namespaces are used again.
func (ns *NS) Inode() uint64 { return ns.stat.Ino }

// Equal reports whether both are the same namespace.
func (ns *NS) Equal(other *NS) bool {
	return ns != nil && other != nil && ns.stat.Dev == other.stat.Dev && ns.stat.Ino == other.stat.Ino
}

// String is the spec the namespace was opened by, "net:[INODE]" for one
// without a name.
func (ns *NS) String() string { return ns.name }

// Close gives the descriptor back; the namespace dies with its last user.
func (ns *NS) Close() error { return ns.file.Close() }

func openName(name string) (*NS, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	for _, dir := range nameDirs {
		ns, err := openPath(filepath.Join(dir, name), name)
		if !errors.Is(err, fs.ErrNotExist) {
			return ns, err
		}
	}
	names, err := List()
	if err != nil {
		return nil, err
	}
	return nil, &NotFoundError{Spec: name, Nearest: suggest.Nearest(name, names), Known: names}
}

func openPath(path, spec string) (*NS, error) {
	// O_NONBLOCK so that a fifo in the place of a namespace does not hang us, nor
	// does a terminal become ours.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		err = &fs.PathError{Op: "open network namespace", Path: path, Err: err}
		if errors.Is(err, fs.ErrPermission) {
			need := "CAP_DAC_OVERRIDE"
			if strings.HasPrefix(path, "/proc/") {
				need = "CAP_SYS_PTRACE"
			}
			return nil, &PrivilegeError{Op: "open network namespace " + strconv.Quote(spec), Need: need, Err: err}
		}
		return nil, err
	}
	return fromOwned(fd, spec, path)
}

// fromOwned takes fd over, also when it fails.
func fromOwned(fd int, spec, path string) (*NS, error) {
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		_ = unix.Close(fd)
		return nil, &NotNamespaceError{Spec: spec}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("stat network namespace %q: %w", spec, err)
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open network namespace %q: %w", spec, err)
	}
	return &NS{file: os.NewFile(uintptr(fd), spec), name: spec, path: path, stat: st}, nil
}
