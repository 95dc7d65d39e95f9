package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// resources are what must be as before when everything is closed.
type resources struct{ goroutines, descriptors int }

func count(t *testing.T) resources {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return resources{runtime.NumGoroutine(), len(fds)}
}

// restored waits until nothing is left over.
func restored(t *testing.T, before resources) {
	t.Helper()
	var now resources
	for range 500 {
		if now = count(t); now.goroutines <= before.goroutines && now.descriptors <= before.descriptors {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("before %+v, now %+v\n%s", before, now, buf[:runtime.Stack(buf, true)])
}

// within waits for the end of what was started, which must come in time.
func within(t *testing.T, end <-chan error) error {
	t.Helper()
	start := time.Now()
	select {
	case err := <-end:
		took := time.Since(start)
		if took > 5*time.Second {
			t.Errorf("ended with %v, took %v, want 5 s at most", err, took)
		}
		return err
	case <-time.After(time.Minute):
		t.Fatal("does not end")
		return nil
	}
}

func TestReliabilityLifeCycle(t *testing.T) {
	rounds := scale(3, 100)
	ns := netnstest.New(t)
	warm := conntrack.Open(ns)
	if _, err := warm.Count(context.Background()); err != nil {
		t.Fatal(err)
	}
	_ = warm.Close()

	t.Run("close while receiving", func(t *testing.T) {
		before := count(t)
		for range rounds {
			k := conntrack.Open(ns)
			l, err := k.Listen(context.Background(), conntrack.EventOptions{Reliable: true})
			if err != nil {
				t.Fatal(err)
			}
			end := make(chan error, 1)
			go func() { end <- l.Run(context.Background(), func(*conntrack.Event) error { return nil }) }()
			if err := k.Do(context.Background(), reliability.Flow(1)); err != nil {
				t.Fatal(err)
			}
			if err := k.Do(context.Background(), &wire.Flush{All: true}); err != nil {
				t.Fatal(err)
			}
			if err := k.Close(); err != nil {
				t.Error(err)
			}
			if err := within(t, end); !errors.Is(err, conntrack.ErrClosed) || !errors.Is(err, os.ErrClosed) {
				t.Errorf("%v, want ErrClosed", err)
			}
			if _, err := k.Count(context.Background()); !errors.Is(err, conntrack.ErrClosed) {
				t.Errorf("count after close: %v", err)
			}
		}
		restored(t, before)
	})
	t.Run("namespace deleted while listening", func(t *testing.T) {
		name := fmt.Sprintf("ctsh-reliability-%d", os.Getpid())
		before := count(t)
		if out, err := netnstest.Command(t, "ip", "netns", "add", name).CombinedOutput(); err != nil {
			t.Skipf("needs ip netns add: %v %s", err, out)
		}
		named, err := netns.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		k := conntrack.Open(named)
		l, err := k.Listen(context.Background(), conntrack.EventOptions{})
		if err != nil {
			t.Fatal(err)
		}
		end := make(chan error, 1)
		go func() { end <- l.Run(context.Background(), func(*conntrack.Event) error { return nil }) }()
		if out, err := netnstest.Command(t, "ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		err = within(t, end)
		t.Log(err)
		if !errors.Is(err, conntrack.ErrNamespaceGone) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want ErrNamespaceGone with the name", err)
		}
		_ = k.Close()
		_ = named.Close()
		restored(t, before)
	})
	t.Run("without privilege", func(t *testing.T) {
		before := count(t)
		errs := make(chan error, 3)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread dies with its capabilities
			if err := dropCapabilities(); err != nil {
				errs <- err
				return
			}
			k := conntrack.Open(nil)
			defer k.Close()
			_, err := k.Listen(context.Background(), conntrack.EventOptions{})
			errs <- err
			_, err = k.Count(context.Background())
			errs <- err
			_, err = k.Dump(context.Background(), &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error { return nil })
			errs <- err
		}()
		for _, op := range []string{"listen", "count", "dump"} {
			err := within(t, errs)
			t.Log(err)
			var privilege *conntrack.PrivilegeError
			if !errors.As(err, &privilege) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
				t.Errorf("%s: %v, want a PrivilegeError", op, err)
			}
		}
		restored(t, before)
	})
	t.Run("without ctnetlink", func(t *testing.T) {
		k := fake.New(fake.Options{WithoutConntrack: true}).Client()
		defer k.Close()
		var lacking *conntrack.NotSupportedError
		_, err := k.Count(context.Background())
		if !errors.As(err, &lacking) || !strings.Contains(err.Error(), "CONFIG_NF_CT_NETLINK") {
			t.Errorf("count: %v, want a NotSupportedError", err)
		}
		t.Log(err)
	})
}

func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
