package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fillDisk mounts a file system of 64 KiB and makes changes until it is full. It
// runs in a mount namespace of its own.
func fillDisk() error {
	dir := os.Getenv(dirVar)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("no mount: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		return fmt.Errorf("no mount: %w", err)
	}
	s := Open(filepath.Join(dir, "journal"))
	if _, err := s.Begin(some("delete"), 1000); !is[*SpaceError](err) || !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("begun on a disk of 64 KiB: %w", err)
	}
	s.reserve = 0
	w, err := s.Begin(some("delete"), 1000)
	if err != nil {
		return err
	}
	sent := 0
	for number := 0; ; number++ {
		err = w.Intend(Delete, payloads(number, 20))
		if err != nil {
			break
		}
		if sent += 20; sent > 10_000 {
			return errors.New("10000 changes fit into 64 KiB")
		}
		if err = w.Settle(nil); err != nil {
			break
		}
	}
	if !is[*Error](err) || !errors.Is(err, unix.ENOSPC) || sent < 60 {
		return fmt.Errorf("%d changes, then %w", sent, err)
	}
	if again := w.End(Outcome{}); again == nil || again.Error() != err.Error() {
		return fmt.Errorf("the end: %w", again)
	}
	r, err := s.Read("")
	if err != nil {
		return err
	}
	n := 0
	err = r.Each(func(c Change) error {
		if want := payload(n/20, n%20); string(c.Payload) != string(want) {
			return fmt.Errorf("change %d is %.20q", n, c.Payload)
		}
		n++
		return nil
	})
	if err == nil && (n < sent || n > sent+20) {
		err = fmt.Errorf("%d changes of %d are in the journal", n, sent)
	}
	fmt.Printf("full after %d changes, %d are in the journal, %v\n", sent, n, r.Damage())
	return err
}

func TestFullFileSystem(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=fill", dirVar+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit), strings.HasPrefix(string(out), "no mount:"):
		t.Skipf("a file system cannot be mounted here: %v %s", err, out)
	case err != nil:
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}
