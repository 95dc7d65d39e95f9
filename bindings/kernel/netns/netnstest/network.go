package netnstest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Track makes ns track connections. Without a rule that speaks of ct the
// kernel registers no hook there and the table stays empty whatever passes.
func Track(t testing.TB, ns *netns.NS) {
	t.Helper()
	Feed(t, ns, `table inet netnstest {
	chain in { type filter hook input priority 0; ct state new accept; }
	chain out { type filter hook output priority 0; ct state new accept; }
	chain between { type filter hook forward priority 0; ct state new accept; }
}`, "nft", "-f", "-")
}

var pairs atomic.Int64

// Veth joins two namespaces by a pair of interfaces, both up, and gives each
// end an address such as "10.0.0.1/24" or "fd00::1/64" ("" for none). It
// returns their names once both can carry packets.
func Veth(t testing.TB, a, b *netns.NS, addrA, addrB string) (devA, devB string) {
	t.Helper()
	n := pairs.Add(1)
	devA, devB = fmt.Sprintf("v%da", n), fmt.Sprintf("v%db", n)
	// Two ends with the same index, as fresh namespaces would give them, look to
	// the kernel like no pair: then it takes a second to call the link up
	// (net/core/link_watch.c).
	Run(t, a, "ip", "link", "add", devA, "index", fmt.Sprint(2*n+1000), "type", "veth", "peer", "name", devB, "index", fmt.Sprint(2*n+1001),
		"netns", fmt.Sprintf("/proc/%d/fd/%d", unix.Getpid(), b.FD()))
	Address(t, a, devA, addrA)
	Address(t, b, devB, addrB)
	Run(t, a, "ip", "link", "set", devA, "up")
	Run(t, b, "ip", "link", "set", devB, "up")
	awaitRunning(t, a, devA)
	awaitRunning(t, b, devB)
	return devA, devB
}

// Address adds an address with its prefix length to an interface, ready for
// use at once (without duplicate address detection). "" adds none.
func Address(t testing.TB, ns *netns.NS, dev, addr string) {
	t.Helper()
	switch {
	case addr == "":
	case strings.Contains(addr, ":"):
		Run(t, ns, "ip", "-6", "addr", "add", addr, "dev", dev, "nodad")
	default:
		Run(t, ns, "ip", "addr", "add", addr, "dev", dev)
	}
}

// awaitRunning waits until the kernel calls the interface operational.
func awaitRunning(t testing.TB, ns *netns.NS, dev string) {
	t.Helper()
	err := ns.Do(func() error {
		sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(sock)
		req, err := unix.NewIfreq(dev)
		if err != nil {
			return err
		}
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			if err := unix.IoctlIfreq(sock, unix.SIOCGIFFLAGS, req); err != nil {
				return err
			}
			if req.Uint16()&unix.IFF_RUNNING != 0 {
				return nil
			}
		}
		return fmt.Errorf("interface %s does not come up", dev)
	})
	if err != nil {
		t.Fatal(err)
	}
}
