package reliability

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
)

// spoilers make a directory one in which no journal can be kept, for the
// process and what it executes, in a mount namespace of its own.
var spoilers = map[string]func(dir string) error{
	"full": func(dir string) error {
		if err := mount(dir, 0, "size=8m"); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, "full"))
		if err != nil {
			return err
		}
		defer f.Close()
		for err == nil {
			_, err = f.Write(make([]byte, 64<<10))
		}
		if !errors.Is(err, unix.ENOSPC) {
			return err
		}
		return nil
	},
	"without inodes": func(dir string) error { return mount(dir, 0, "nr_inodes=2") },
	"read only":      func(dir string) error { return mount(dir, unix.MS_RDONLY, "") },
	"a file limit": func(string) error {
		limit := unix.Rlimit{Cur: 100, Max: 100} // bytes, less than a header
		return unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
	},
	"forbidden": func(dir string) error {
		// Root may write everywhere by these.
		for _, c := range []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH} {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
				return err
			}
		}
		return os.Chmod(dir, 0o500)
	},
	"a file": func(dir string) error {
		if err := os.Remove(dir); err != nil {
			return err
		}
		return os.WriteFile(dir, nil, 0o600)
	},
}

// mount puts an empty file system on a directory.
func mount(dir string, flags uintptr, options string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return &unmountedError{err}
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		return &unmountedError{err}
	}
	return nil
}

// unmountedError says that no file system can be mounted here.
type unmountedError struct{ err error }

// exitUnmounted is the exit code for that.
const exitUnmounted = 77

func (e *unmountedError) Error() string { return "mount: " + e.err.Error() }

// runSpoiled spoils the directory and executes the arguments.
func runSpoiled() error {
	dir := os.Getenv(dirVar)
	if err := spoilers[os.Getenv(roleVar)](dir); err != nil {
		var un *unmountedError
		if errors.As(err, &un) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitUnmounted)
		}
		return err
	}
	return unix.Exec(os.Args[1], os.Args[1:], append(os.Environ(), "XDG_STATE_HOME="+dir, "HOME="+dir))
}

// command builds ctsh.
func command(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ctsh")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../../../../cmd/ctsh")
	if build.Err != nil {
		t.Skip("needs the go command, to build ctsh:", build.Err)
	}
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build ctsh: %v\n%s", err, out)
	}
	return path
}

// The command ends with an error and changes nothing where its journal cannot
// be kept.
func TestReliabilityCommand(t *testing.T) {
	ctsh := command(t)
	t.Run("spoiled", func(t *testing.T) {
		for name := range spoilers {
			t.Run(name, func(t *testing.T) { spoiled(t, ctsh, name) })
		}
	})
	t.Run("killed", func(t *testing.T) { killedScript(t, ctsh) })
}

func spoiled(t *testing.T, ctsh, name string) {
	ns, k := lab(t)
	const n = 500
	restoretest.Make(t, k, usual(0, n))
	before, said := read(t, k), ""
	scripts := []string{
		`(flows:where("udp"):mark("0x100/0xf00") + flows:where("tcp"):delete()):apply()`,
		`sys.set("nf_conntrack_udp_timeout", 77):apply()`,
		`flows:where("udp or tcp"):delete():apply()`,
		`ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 2, timeout = "1h"}:apply()`,
		`ct.flush{yes = true}:apply{max = 1000000}`,
	}
	for _, script := range scripts[:scale(2, len(scripts))] {
		cmd := play(name, t.TempDir(), ctsh, "-e", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := ns.Do(cmd.Run)
		var exit *exec.ExitError
		switch {
		case !errors.As(err, &exit):
			t.Errorf("%s: %v\n%s", script, err, &out)
		case exit.ExitCode() == exitUnmounted:
			t.Skipf("a file system cannot be mounted here: %s", &out)
		case exit.ExitCode() < 1 || !strings.Contains(out.String(), "journal"):
			t.Errorf("%s: %v\n%s", script, err, &out)
		}
		said, _, _ = strings.Cut(out.String(), "\n")
		now := read(t, k)
		before.same(t, now)
		before.untouched(t, now)
		if v := udpTimeout(t, ns); v != 30 {
			t.Errorf("%s: the sysctl is %d", script, v)
		}
	}
	t.Log(said)
}
