package ct

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/vm"
)

// prompt makes what transcripts run in: a namespace in which a script was run,
// with settings of its own.
func prompt(t *testing.T, ns *netns.NS, stdout io.Writer, opt Options, scripts ...string) *vm.VM {
	v := vm.New(context.Background(), vm.Options{Stdout: stdout, Stderr: stdout})
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	v.OpenTasks()
	opt.NS, opt.Stdout, opt.Stderr, opt.Journal = ns, stdout, stdout, t.TempDir()
	h := Open(v, opt)
	t.Cleanup(func() { _ = h.Close() })
	for _, source := range scripts {
		if err := v.Run("seed", source); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestQuestions asks about a mixed table, with accounting off and on: the
// answers are the same.
func TestQuestions(t *testing.T) {
	seed, err := os.ReadFile("testdata/mixed179.lua")
	if err != nil {
		t.Fatal(err)
	}
	for name, setting := range map[string]string{"without accounting": "", "with accounting": `sys.set("nf_conntrack_acct", 1):apply()`} {
		t.Run(name, func(t *testing.T) {
			luatest.Files(t, "testdata/mixed", func(t *testing.T, stdout io.Writer) *vm.VM {
				return prompt(t, netnstest.New(t), stdout, Options{}, setting, string(seed))
			})
		})
	}
}

// TestWorkedExamples runs the worked examples of the design that only read,
// with traffic of a known size.
func TestWorkedExamples(t *testing.T) {
	luatest.Files(t, "testdata/worked", func(t *testing.T, stdout io.Writer) *vm.VM {
		ns := netnstest.New(t)
		netnstest.Run(t, ns, "nft", `table ip t { chain c { type filter hook output priority 0; ct state new accept; }; }`)
		v := prompt(t, ns, stdout, Options{}, `
			sys.set("nf_conntrack_acct", 1):apply()
			sys.set("nf_conntrack_timestamp", 1):apply()
			ct.create{proto = "tcp", src = "10.0.0.5", dst = "198.51.100.1", sport = 40000, dport = 443, state = "ESTABLISHED",
				assured = true, timeout = "5d", nat_src = "203.0.113.7", nat_sport = 51342}:apply()
			ct.create{proto = "tcp", src = "10.0.0.6", dst = "198.51.100.1", sport = 40000, dport = 443, state = "ESTABLISHED",
				assured = true, timeout = "5d", nat_src = "203.0.113.7", nat_sport = 51343}:apply()`)
		talk(t, ns, "127.0.0.1", 20000, 0) // twenty seconds ahead of the other, who goes on
		talk(t, ns, "127.0.0.2", 10, time.Millisecond)
		return v
	})
}

// talk sends datagrams of 128 bytes, headers included: n at once, and with a
// pause one after the other until the test ends.
func talk(t *testing.T, ns *netns.NS, from string, n int, pause time.Duration) {
	var c net.Conn
	err := ns.Do(func() (err error) {
		l, err := net.ListenPacket("udp4", "127.0.0.9:0") // else ICMP answers
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from), Port: 5000}}
		c, err = d.Dial("udp4", l.LocalAddr().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func() { _, _ = c.Write(make([]byte, 100)) }
	for sent := 0; sent < n; sent++ {
		send()
	}
	if pause == 0 {
		t.Cleanup(func() { _ = c.Close() })
		return
	}
	done, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(done); <-ended; _ = c.Close() })
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(pause):
				send()
			}
		}
	}()
}
