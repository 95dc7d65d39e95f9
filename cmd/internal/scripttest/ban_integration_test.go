package scripttest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/gateway"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// banRules are those that the library asks for.
const banRules = `
table inet filter {
	set banned  { type ipv4_addr; flags timeout; }
	set banned6 { type ipv6_addr; flags timeout; }
	chain banned_in { type filter hook prerouting priority raw; ip saddr @banned drop; ip6 saddr @banned6 drop; }
	chain banned_out { type filter hook postrouting priority raw; ip daddr @banned drop; ip6 daddr @banned6 drop; }
}`

func rules(t *testing.T, ns *netns.NS, text string) { netnstest.Feed(t, ns, text, "nft", "-f", "-") }

// TestBanCounts bans addresses of a table.
func TestBanCounts(t *testing.T) {
	ns := mixed(t)
	path, before := script(t, "ban.lua"), table(t, ns)
	ctsh(t, ns, path, "198.51.100.66").want(t, 1, "", `no set "inet filter banned"`)
	rules(t, ns, banRules)
	ctsh(t, ns, path, "198.51.100").want(t, 1, "", `"198.51.100" is no address`)
	ctsh(t, ns, path, "").want(t, 1, "", "is no address")
	ctsh(t, ns, "--dry-run", path, "198.51.100.66", "10m").want(t, 0, "2 steps: dry run, 121 matched, nothing changed", "")
	ctsh(t, ns, path).want(t, 0, "", "")
	unchanged(t, ns, before)
	for _, c := range []struct{ address, said string }{
		{"198.51.100.66", "2 steps: 121 matched, 121 applied"},
		{"198.51.100.7", "2 steps: 3 matched, 3 applied"},
		{"203.0.113.250", "2 steps: 1 matched, 1 applied"}, // it has no flow
		{"2001:db8::7", "2 steps: 3 matched, 3 applied"},
	} {
		ctsh(t, ns, path, c.address, "10m").want(t, 0, c.said, "")
		ctsh(t, ns, path, c.address, "10m").want(t, 0, "2 steps: 1 matched, 1 applied", "")
	}
	if n := len(table(t, ns).flows); n != 179-120-2-2 {
		t.Errorf("%d flows are left, want 55", n)
	}
	if r := ctsh(t, ns, path); strings.Count(r.out, "\n") != 4 || !strings.Contains(r.out, "198.51.100.66") {
		t.Errorf("banned are %q", r.out)
	}
	ctsh(t, ns, path, "-d", "198.51.100.66").want(t, 0, "delete: 1 matched, 1 applied", "")
	ctsh(t, ns, path, "-d", "198.51.100.66").want(t, 0, "delete: 1 matched, 0 applied, 1 gone", "")
	ctsh(t, ns, "undo", "--yes").want(t, 0, "undo delete: 1 matched, 1 applied", "")
	if r := ctsh(t, ns, path); !strings.Contains(r.out, "198.51.100.66") {
		t.Errorf("after the undo banned are %q", r.out)
	}
}

// TestBanIsRefused where the rules let established connections through before.
func TestBanIsRefused(t *testing.T) {
	for name, chain := range map[string]string{
		"no rule":    `chain input { type filter hook input priority 0; ct state established,related accept; }`,
		"too late":   `chain input { type filter hook input priority 0; ct state established,related accept; ip saddr @banned drop; }`,
		"by a vmap":  `chain input { type filter hook input priority 0; ct state vmap { established : accept, related : accept }; ip saddr @banned drop; }`,
		"only ports": `chain input { type filter hook input priority 0; tcp dport 80 ip saddr @banned drop; ct state established accept; }`,
	} {
		t.Run(name, func(t *testing.T) {
			ns := mixed(t)
			before := table(t, ns)
			rules(t, ns, `table inet filter { set banned { type ipv4_addr; flags timeout; }; set banned6 { type ipv6_addr; flags timeout; }; `+chain+"\n}")
			ctsh(t, ns, script(t, "ban.lua"), "198.51.100.66").want(t, 1, "", "nothing is changed")
			unchanged(t, ns, before)
			if set := netnstest.Run(t, ns, "nft", "list", "set", "inet", "filter", "banned"); strings.Contains(set, "198.51.100.66") {
				t.Errorf("it is in the set: %s", set)
			}
		})
	}
}

// TestBanStopsTraffic bans a client that talks, in every place where flows are
// tracked: not a byte comes through either way from then on.
func TestBanStopsTraffic(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for _, place := range gateway.Places() {
		t.Run(place.String(), func(t *testing.T) {
			g := gateway.New(t, place)
			rules(t, g.Tracked(), banRules)
			var talks []gateway.Talk
			for _, ipv6 := range []bool{false, true} {
				talks = append(talks, gateway.Talk{IPv6: ipv6, Rate: 200}, gateway.Talk{IPv6: ipv6, Rate: 200, First: gateway.Server},
					gateway.Talk{IPv6: ipv6, Rate: 200, Proto: wire.ProtoUDP})
			}
			var streams []*gateway.Stream
			for _, talk := range talks {
				s, err := g.Stream(t.Context(), talk)
				if err != nil {
					t.Fatal(err)
				}
				if !s.Await(20) {
					t.Fatalf("%+v before the ban: %s", talk, s.Stats())
				}
				streams = append(streams, s)
			}
			path := script(t, "ban.lua")
			for i, ipv6 := range []bool{false, true} {
				r := ctsh(t, g.Tracked(), path, gateway.ClientAddr(ipv6).String(), "10m")
				if r.code != 0 || !strings.Contains(r.out, "4 matched, 4 applied") {
					t.Fatalf("%+v", r)
				}
				its := streams[3*i : 3*i+3]
				at := settled(t, its)
				time.Sleep(time.Second)
				for n, now := range came(its) {
					if now != at[n] {
						t.Errorf("%+v: %v bytes came after the ban", talks[3*i+n], [2]int64{now[0] - at[n][0], now[1] - at[n][1]})
					}
				}
			}
			for _, ipv6 := range []bool{false, true} {
				ctsh(t, g.Tracked(), path, "-d", gateway.ClientAddr(ipv6).String()).want(t, 0, "delete: 1 matched, 1 applied", "")
				s, err := g.Stream(t.Context(), gateway.Talk{IPv6: ipv6, Rate: 200})
				if err != nil || !s.Await(20) {
					t.Errorf("after the ban was lifted: %v", err)
				}
			}
		})
	}
}

// came is how many bytes the two ends of each stream have read.
func came(streams []*gateway.Stream) (n [][2]int64) {
	for _, s := range streams {
		n = append(n, s.Stats().Bytes)
	}
	return n
}

// settled waits until the ends have read what had come to them already, which on
// a busy machine is later than the ban. What still passes comes every 5 ms, and
// never settles.
func settled(t *testing.T, streams []*gateway.Stream) [][2]int64 {
	t.Helper()
	before := came(streams)
	for range 50 {
		time.Sleep(100 * time.Millisecond)
		now := came(streams)
		if slices.Equal(now, before) {
			return now
		}
		before = now
	}
	t.Error("bytes come on and on after the ban")
	return before
}
