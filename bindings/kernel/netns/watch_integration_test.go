package netns_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// deleted waits for the one value of a watch and for the channel's end.
func deleted(t *testing.T, gone <-chan error, began time.Time) *netns.DeletedError {
	t.Helper()
	select {
	case err := <-gone:
		var d *netns.DeletedError
		if !errors.As(err, &d) {
			t.Fatalf("the watch gave %v", err)
		}
		t.Logf("noticed after %v", time.Since(began).Round(time.Millisecond))
		if _, more := <-gone; more {
			t.Error("a second value")
		}
		return d
	case <-time.After(5 * time.Second):
		t.Fatal("not noticed within 5 s")
		return nil
	}
}

func TestWatchNamed(t *testing.T) {
	for _, c := range []struct {
		how  string
		end  func(name string)
		want bool
	}{
		{"deleted", func(name string) { ip(t, "netns", "del", name) }, false},
		{"replaced", func(name string) { ip(t, "netns", "del", name); ip(t, "netns", "add", name) }, true},
		{"unmounted", func(name string) {
			if err := unix.Unmount("/run/netns/"+name, unix.MNT_DETACH); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(c.how, func(t *testing.T) {
			name := named(t, c.how)
			ns := open(t, name)
			gone := ns.Watch(t.Context())
			select {
			case err := <-gone:
				t.Fatalf("gone while it lives: %v", err)
			case <-time.After(100 * time.Millisecond): // so that it has looked once and waits
			}
			began := time.Now()
			c.end(name)
			if d := deleted(t, gone, began); d.Name != name || d.Replaced && !c.want {
				t.Errorf("%+v", d) // a replacement may be seen as the deletion it began with
			}
			// The descriptor pins the namespace: that is why watching is needed.
			if err := ns.Do(func() error { return nil }); err != nil {
				t.Errorf("the deleted namespace cannot be entered: %v", err)
			}
		})
	}
}

// A link is a name that anyone can make and delete.
func TestWatchPath(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	target := func(ns *netns.NS) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.FD()) }
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target(a), link); err != nil {
		t.Fatal(err)
	}
	gone := open(t, link).Watch(t.Context())
	if err := os.WriteFile(filepath.Join(dir, "other"), nil, 0o600); err != nil {
		t.Fatal(err) // a change beside it is none of it
	}
	other := filepath.Join(dir, "next")
	if err := os.Symlink(target(b), other); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := os.Rename(other, link); err != nil {
		t.Fatal(err)
	}
	if d := deleted(t, gone, began); !d.Replaced || d.Name != link {
		t.Errorf("%+v", d)
	}
	second := open(t, link).Watch(t.Context())
	began = time.Now()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if d := deleted(t, second, began); d.Replaced {
		t.Errorf("%+v", d)
	}
}

func TestWatchProcess(t *testing.T) {
	sleep := netnstest.Command(t, "sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	ns, err := netns.OpenPID(sleep.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	gone := ns.Watch(t.Context())
	_ = sleep.Process.Kill()
	_ = sleep.Wait()
	if d := deleted(t, gone, time.Now()); d.Replaced {
		t.Errorf("%+v", d)
	}
}

func TestWatchLeavesNothing(t *testing.T) {
	ns := netnstest.New(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.FD()), link); err != nil {
		t.Fatal(err)
	}
	watched := open(t, link)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all []<-chan error
	for range 50 {
		all = append(all, watched.Watch(ctx), ns.Watch(ctx))
	}
	cancel()
	for _, gone := range all {
		if err, more := <-gone; more {
			t.Fatalf("a cancelled watch gave %v", err)
		}
	}
	eventually(t, "the end of the goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	if now := descriptors(t); now != files {
		t.Errorf("%d descriptors, %d before", now, files)
	}
	if _, more := <-watched.Watch(ctx); more {
		t.Error("a watch under a context that has ended gave a value")
	}
}
