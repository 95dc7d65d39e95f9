package address

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func list(t *testing.T, ns *netns.NS) Set {
	t.Helper()
	s, err := List(ns)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListReadsItsNamespace(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	devA, _ := netnstest.Veth(t, a, b, "10.9.0.1/24", "10.9.0.2/24")
	netnstest.Address(t, a, devA, "fd00:9::1/64")
	netnstest.Address(t, a, "lo", "192.0.2.7/32")
	netnstest.Address(t, a, "lo", "2001:db8::7/128")
	netnstest.Run(t, a, "ip", "addr", "add", "198.51.100.1", "peer", "198.51.100.2", "dev", devA)
	check(t, list(t, a), map[string]bool{
		"10.9.0.1": true, "fd00:9::1": true, "192.0.2.7": true, "2001:db8::7": true, "127.0.0.1": true, "127.8.8.8": true, "::1": true,
		"198.51.100.1": true, "198.51.100.2": false, // the other end of a point-to-point link
		"10.9.0.2": false, "10.9.0.0": false, "10.9.0.255": false, "10.9.0.3": false, "fd00:9::": false, "fd00:9::2": false, "0.0.0.0": false, "::": false,
		"224.0.0.1": false, "ff02::1": false,
	})
	check(t, list(t, b), map[string]bool{"10.9.0.2": true, "10.9.0.1": false, "fd00:9::1": false, "192.0.2.7": false})

	netnstest.Run(t, a, "ip", "addr", "del", "192.0.2.7/32", "dev", "lo")
	netnstest.Run(t, a, "ip", "link", "set", devA, "down")
	check(t, list(t, a), map[string]bool{"192.0.2.7": false, "10.9.0.1": true})
}

// The link-local address comes by itself and is found without its interface.
func TestListLinkLocal(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	dev, _ := netnstest.Veth(t, a, b, "", "")
	out := netnstest.Run(t, a, "ip", "-6", "-o", "addr", "show", "dev", dev, "scope", "link")
	fields := strings.Fields(out)
	for i, word := range fields {
		if word == "inet6" && i+1 < len(fields) {
			text, _, _ := strings.Cut(fields[i+1], "/")
			check(t, list(t, a), map[string]bool{text: true})
			check(t, list(t, b), map[string]bool{text: false})
			return
		}
	}
	t.Skipf("needs a link-local address: %q", out)
}

// More addresses than one netlink datagram holds.
func TestListMany(t *testing.T) {
	ns := netnstest.New(t)
	var batch strings.Builder
	want := map[string]bool{}
	for i := range 1000 {
		four, six := fmt.Sprintf("10.%d.%d.1", 1+i>>8, i&255), fmt.Sprintf("fd00::%x:1", i)
		fmt.Fprintf(&batch, "addr add %s/32 dev lo\naddr add %s/128 dev lo nodad\n", four, six)
		want[four], want[six] = true, true
	}
	netnstest.Feed(t, ns, batch.String(), "ip", "-batch", "-")
	check(t, list(t, ns), want)
}

func TestListOfTheProcess(t *testing.T) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"203.0.113.77": false}
	for _, a := range all {
		if prefix, ok := a.(*net.IPNet); ok {
			want[prefix.IP.String()] = true
		}
	}
	check(t, list(t, nil), want)
}

func TestListOfAClosedNamespace(t *testing.T) {
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	_ = ns.Close()
	if _, err := List(ns); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v, want fs.ErrClosed", err)
	}
}
