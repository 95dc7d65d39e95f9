package gateway

import (
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// Gateway is a client, a router and a server. It ends with the test.
type Gateway struct {
	Client, Router, Server *netns.NS
	Place                  Place

	kernel *conntrack.Client

	mu      sync.Mutex
	streams []*Stream
}

// The addresses of both ends, by family.
var (
	clientAddr = [2]netip.Addr{netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("fd00:1::2")}
	serverAddr = [2]netip.Addr{netip.MustParseAddr("10.2.0.2"), netip.MustParseAddr("fd00:2::2")}
)

// ClientAddr is the client's address of a family.
func ClientAddr(ipv6 bool) netip.Addr { return clientAddr[index(ipv6)] }

// ServerAddr is the server's address of a family.
func ServerAddr(ipv6 bool) netip.Addr { return serverAddr[index(ipv6)] }

func index(ipv6 bool) int {
	if ipv6 {
		return 1
	}
	return 0
}

// New builds a gateway with the rules of a place. Accounting and time stamps
// are on where connections are tracked. The test is skipped where namespaces
// or a command (ip, nft) are missing and fails when something else does.
func New(t testing.TB, place Place) *Gateway {
	t.Helper()
	g := &Gateway{Place: place, Client: netnstest.New(t), Router: netnstest.New(t), Server: netnstest.New(t)}
	for _, ns := range []*netns.NS{g.Client, g.Router, g.Server} {
		// Until its link-local address is proved to be its own, which takes
		// seconds, a router asks for no neighbour (linux ndisc_send_ns).
		set(t, ns, "0", "ipv6/conf/all/accept_dad", "ipv6/conf/default/accept_dad")
	}
	set(t, g.Router, "1", "ipv4/ip_forward", "ipv6/conf/all/forwarding")
	clientDev, lan := netnstest.Veth(t, g.Client, g.Router, "10.1.0.2/24", "10.1.0.1/24")
	wan, serverDev := netnstest.Veth(t, g.Router, g.Server, "10.2.0.1/24", "10.2.0.2/24")
	netnstest.Address(t, g.Client, clientDev, "fd00:1::2/64")
	netnstest.Address(t, g.Router, lan, "fd00:1::1/64")
	netnstest.Address(t, g.Router, wan, "fd00:2::1/64")
	netnstest.Address(t, g.Server, serverDev, "fd00:2::2/64")
	for _, r := range []struct {
		ns  *netns.NS
		via [2]string
	}{{g.Client, [2]string{"10.1.0.1", "fd00:1::1"}}, {g.Server, [2]string{"10.2.0.1", "fd00:2::1"}}} {
		for _, via := range r.via {
			netnstest.Run(t, r.ns, "ip", "route", "add", "default", "via", via)
		}
	}

	tracked := g.Tracked()
	settings := sysctl.Open(tracked)
	values := map[string]int64{"acct": 1, "timestamp": 1}
	if places[place].noLoose {
		values["tcp_loose"] = 0
	}
	for key, value := range values {
		if _, err := settings.SetInt(key, value); err != nil {
			t.Fatal(err)
		}
	}
	netnstest.Feed(t, tracked, place.rules(lan, wan), "nft", "-f", "-")
	g.kernel = conntrack.Open(tracked)
	t.Cleanup(g.close)
	return g
}

// set writes a value into files of /proc/sys/net, which follow the thread.
func set(t testing.TB, ns *netns.NS, value string, files ...string) {
	t.Helper()
	err := ns.Do(func() error {
		for _, file := range files {
			if err := os.WriteFile("/proc/sys/net/"+file, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Tracked is the namespace in which connections are tracked: the server at a
// host, else the router.
func (g *Gateway) Tracked() *netns.NS {
	if g.Place.Host() {
		return g.Server
	}
	return g.Router
}

// Kernel is the connection tracking of that namespace.
func (g *Gateway) Kernel() conntrack.Kernel { return g.kernel }

// close ends what is left of the streams.
func (g *Gateway) close() {
	g.mu.Lock()
	streams := g.streams
	g.streams = nil
	g.mu.Unlock()
	for _, s := range streams {
		s.Close()
	}
	_ = g.kernel.Close()
}
