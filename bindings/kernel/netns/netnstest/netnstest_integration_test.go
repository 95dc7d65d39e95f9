package netnstest_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

func TestVethCarriesPacketsAndTrackSeesThem(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"IPv4", "10.9.0.1/24", "10.9.0.2/24"}, {"IPv6", "fd00:9::1/64", "fd00:9::2/64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := netnstest.New(t), netnstest.New(t)
			devA, devB := netnstest.Veth(t, a, b, c.a, c.b)
			if devA == devB {
				t.Errorf("both ends are called %s", devA)
			}
			exchange(t, a, b, netip.MustParsePrefix(c.b).Addr())
			if n := tracked(t, b); n != 0 {
				t.Errorf("%d entries without a rule that uses ct", n)
			}
			netnstest.Track(t, b)
			exchange(t, a, b, netip.MustParsePrefix(c.b).Addr())
			if n := tracked(t, b); n == 0 {
				t.Error("no entry with Track")
			}
			if n := tracked(t, a); n != 0 {
				t.Errorf("%d entries in the other namespace", n)
			}
		})
	}
}

// exchange sends a datagram from a to b and an answer back.
func exchange(t *testing.T, a, b *netns.NS, to netip.Addr) {
	t.Helper()
	var client net.Conn
	var listener net.PacketConn
	err := b.Do(func() (err error) {
		listener, err = net.ListenPacket("udp", netip.AddrPortFrom(to, 0).String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	err = a.Do(func() (err error) {
		client, err = net.Dial("udp", listener.LocalAddr().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	deadline := time.Now().Add(30 * time.Second)
	_, _ = listener.SetDeadline(deadline), client.SetDeadline(deadline)
	buf := make([]byte, 8)
	if _, err := client.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	n, from, err := listener.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "ping" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := listener.WriteTo([]byte("pong"), from); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "pong" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
}

// tracked counts the entries of a namespace. The file follows the thread.
func tracked(t *testing.T, ns *netns.NS) (n int) {
	t.Helper()
	err := ns.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
		if err != nil {
			return err
		}
		_, err = fmt.Sscan(string(text), &n)
		return err
	})
	if err != nil {
		t.Skipf("needs connection tracking: %v", err)
	}
	return n
}

func TestFeed(t *testing.T) {
	ns := netnstest.New(t)
	if out := netnstest.Feed(t, ns, "text", "cat"); out != "text" {
		t.Errorf("cat gave %q", out)
	}
	want := fmt.Sprintf("net:[%d]", ns.Inode())
	if out := netnstest.Run(t, ns, "readlink", "/proc/self/ns/net"); strings.TrimSpace(out) != want {
		t.Errorf("the command ran in %q, want %q", out, want)
	}
}
