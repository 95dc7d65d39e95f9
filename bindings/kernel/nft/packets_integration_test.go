package nft

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// A connection that is there goes on or does not as Uses says, once its client
// is in the set: on the machine that it ends at, and on one that routes it.
func TestUsesAgreeWithPackets(t *testing.T) {
	for _, c := range []struct {
		name, hook, rules string
		effective         bool
	}{
		{"input, the set first", "input", "ip saddr @s drop; ct state established,related accept;", true},
		{"input, established first", "input", "ct state established,related accept; ip saddr @s drop;", false},
		{"input, established first in a map", "input", "ct state vmap { established : accept, related : accept }; ip saddr @s drop;", false},
		{"input, new only", "input", "ct state new ip saddr @s drop;", false},
		{"input, in a chain", "input", "jump ban; ct state established accept;", true},
		{"forward, the set first", "forward", "ip saddr @s drop; ct state established,related accept;", true},
		{"forward, established first", "forward", "ct state { established, related } accept; ip saddr @s drop;", false},
		{"forward, to the client", "forward", "ip daddr @s reject; accept;", true},
		{"prerouting", "prerouting", "ip saddr @s drop;", true},
		{"nat", "prerouting", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind := "filter"
			if c.name == "nat" {
				kind, c.rules = "nat", "ip saddr @s drop;"
			}
			client, judge, to := topology(t, c.hook)
			feed(t, judge, "table inet t {\nset s { type ipv4_addr; flags timeout; }; chain ban { ip saddr @s drop; };\n"+
				"chain c { type "+kind+" hook "+c.hook+" priority 0; "+c.rules+" }; chain track { type filter hook prerouting priority 100; ct state new counter; }; }")
			conn := dial(t, client, to)
			if !answered(t, conn, 30*time.Second) {
				t.Fatal("no answer before anything was done")
			}
			nft := Open(judge)
			defer nft.Close()
			s := set(t, nft, "t s")
			add(t, s, time.Hour, conn.LocalAddr().(*net.TCPAddr).IP.String())
			u, err := nft.Uses(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			if u.Effective != c.effective {
				t.Errorf("effective %v: %s", u.Effective, u.Reason)
			}
			wait := 30 * time.Second
			if c.effective {
				wait = 300 * time.Millisecond // an answer that is late is one that may not come
			}
			if got := answered(t, conn, wait); got == c.effective {
				t.Errorf("answered %v: %s", got, u.Reason)
			}
		})
	}
}

// topology makes a client and a server that echoes, and returns the client, the
// namespace whose rules count and the address of the server. At forward a third
// one lies between.
func topology(t *testing.T, hook string) (client, judge *netns.NS, to string) {
	t.Helper()
	client, judge = netnstest.New(t), netnstest.New(t)
	server, to := judge, "10.9.1.1:7"
	netnstest.Veth(t, client, judge, "10.9.1.2/24", "10.9.1.1/24")
	if hook == "forward" {
		server, to = netnstest.New(t), "10.9.2.2:7"
		netnstest.Veth(t, server, judge, "10.9.2.2/24", "10.9.2.1/24")
		netnstest.Run(t, judge, "sysctl", "-qw", "net.ipv4.ip_forward=1")
		netnstest.Run(t, client, "ip", "route", "add", "default", "via", "10.9.1.1")
		netnstest.Run(t, server, "ip", "route", "add", "default", "via", "10.9.2.1")
	}
	err := server.Do(func() error {
		heard, err := net.Listen("tcp", to)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = heard.Close() })
		go func() {
			for {
				c, err := heard.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, judge, to
}

func dial(t *testing.T, ns *netns.NS, to string) (conn net.Conn) {
	t.Helper()
	err := ns.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", to, 30*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answered sends a byte and tells whether it comes back in time.
func answered(t *testing.T, conn net.Conn, wait time.Duration) bool {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(wait))
	b := []byte{'x'}
	if _, err := conn.Write(b); err != nil {
		return false
	}
	_, err := conn.Read(b)
	return err == nil
}
