package netns_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestDo(t *testing.T) {
	home, a, b := here(), netnstest.New(t), netnstest.New(t)
	if a.Equal(b) || a.Inode() == home {
		t.Fatalf("two fresh namespaces and home are %d, %d, %d", a.Inode(), b.Inode(), home)
	}
	oops := errors.New("oops")
	err := a.Do(func() error {
		if here() != a.Inode() {
			t.Errorf("in %d, want a", here())
		}
		err := b.Do(func() error {
			if here() != b.Inode() {
				t.Errorf("in %d, want b", here())
			}
			return oops
		})
		if here() != a.Inode() {
			t.Errorf("back in %d, want a", here())
		}
		return err
	})
	if !errors.Is(err, oops) {
		t.Errorf("Do returned %v, want what the function did", err)
	}
	if here() != home {
		t.Errorf("in %d after Do, want %d", here(), home)
	}
	if want := fmt.Sprintf("net:[%d]", a.Inode()); a.String() != want {
		t.Errorf("String() = %q, want %q", a, want)
	}
}

func TestDoFromManyGoroutines(t *testing.T) {
	home, spaces := here(), []*netns.NS{netnstest.New(t), netnstest.New(t), current(t)}
	var wg sync.WaitGroup
	for i := range 48 {
		wg.Go(func() {
			ns := spaces[i%len(spaces)]
			for range 20 {
				err := ns.Do(func() error {
					if h := here(); h != ns.Inode() {
						return fmt.Errorf("in %d, want %d", h, ns.Inode())
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if h := here(); h != home {
					t.Errorf("outside in %d, want %d", h, home)
				}
			}
		})
	}
	wg.Wait()
}

func TestDoPanic(t *testing.T) {
	ns, home := netnstest.New(t), here()
	func() {
		defer func() {
			p, ok := recover().(*netns.Panic)
			if !ok || !errors.Is(p, fs.ErrClosed) || !strings.Contains(p.Error(), "TestDoPanic") {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = ns.Do(func() error { panic(fs.ErrClosed) })
	}()
	after := make(chan bool, 1)
	go func() {
		defer func() { after <- true }()
		_ = ns.Do(func() error { runtime.Goexit(); return nil })
		after <- false
	}()
	if !<-after {
		t.Error("Goexit in the function did not end the caller")
	}
	if here() != home {
		t.Errorf("in %d, want %d", here(), home)
	}
}

// A thread that cannot return is thrown away: no goroutine may ever find
// itself on it.
func TestDoThreadThatCannotReturn(t *testing.T) {
	ns, home := netnstest.New(t), here()
	var tid int
	err := ns.Do(func() error {
		tid = unix.Gettid()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&header, &none[0]) // of this thread only
	})
	if err != nil {
		t.Fatal(err)
	}
	if tid != os.Getpid() { // the first thread of a process is parked, not ended
		eventually(t, "the end of the thread", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
			return errors.Is(err, fs.ErrNotExist)
		})
	}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if here() != home || !netns.HasCap(unix.CAP_NET_ADMIN) {
				t.Errorf("a goroutine runs in %d, want %d", here(), home)
			}
		})
	}
	wg.Wait()
}

func TestNewLoopback(t *testing.T) {
	ns, before := netnstest.New(t), descriptors(t)
	err := ns.Do(func() error {
		server, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer server.Close()
		client, err := net.Dial("udp4", server.LocalAddr().String())
		if err != nil {
			return err
		}
		defer client.Close()
		if _, err := client.Write([]byte("x")); err != nil {
			return err
		}
		_, _, err = server.ReadFrom(make([]byte, 1))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		fresh, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		if err := fresh.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors of namespaces, %d before", after, before)
	}
}

func BenchmarkDo(b *testing.B) {
	ns := netnstest.New(b)
	for b.Loop() {
		if err := ns.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	netnstest.New(b)
	for b.Loop() {
		ns, err := netns.New()
		if err != nil {
			b.Fatal(err)
		}
		ns.Close()
	}
}
