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
	ctsh(t, ns, path, "198.51.100.66").want(t, 3, "", `no set "inet filter banned"`)
	rules(t, ns, banRules)
	ctsh(t, ns, path, "198.51.100").oneLine(t, 2, `"198.51.100" is no address`)
	ctsh(t, ns, path, "").oneLine(t, 2, "is no address")
	ctsh(t, ns, path, "198.51.100.66", "10x").oneLine(t, 2, `"10x" is no duration`)
	ctsh(t, ns, path, "198.51.100.66", "0").oneLine(t, 2, `want a duration above 0`)
	ctsh(t, ns, path, "198.51.100.66", "10", "m").oneLine(t, 2, `too many arguments: "m"`)
	ctsh(t, ns, path, "-d").oneLine(t, 2, "-d wants an ADDRESS")
	ctsh(t, ns, path, "-d", "198.51.100.66", "10").oneLine(t, 2, "-d takes no TIME")
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
			ctsh(t, ns, script(t, "ban.lua"), "198.51.100.66").want(t, 3, "", "nothing is changed")
			unchanged(t, ns, before)
			if set := netnstest.Run(t, ns, "nft", "list", "set", "inet", "filter", "banned"); strings.Contains(set, "198.51.100.66") {
				t.Errorf("it is in the set: %s", set)
			}
		})
	}
}

// TestBanSaysWhatItNeeds follows what it says where no set and no rule is there.
func TestBanSaysWhatItNeeds(t *testing.T) {
	ns := mixed(t)
	netnstest.Feed(t, ns, `table inet filter { set scanners { type ipv4_addr; flags timeout; }; }`, "nft", "-f", "-")
	path := script(t, "ban.lua")
	ctsh(t, ns, path).want(t, 3, "", `no set "inet filter banned"`)
	for _, address := range []string{"198.51.100.66", "2001:db8::7"} {
		r := ctsh(t, ns, path, address, "10m")
		first, commands, _ := strings.Cut(r.errors, "what it needs, once:\n")
		if r.code != 3 || strings.Count(first, "\n") != 1 || strings.Count(commands, "\n") != 6 || strings.Contains(r.errors, "scanners") {
			t.Fatalf("%+v", r)
		}
		made, _, _ := strings.Cut(commands, "nft add rule") // a set without its rules
		netnstest.Feed(t, ns, made, "sh")
		if r = ctsh(t, ns, path, address, "10m"); r.code != 3 || !strings.Contains(r.errors, "no rule uses set") || !strings.HasSuffix(r.errors, commands) {
			t.Fatalf("%+v", r)
		}
		netnstest.Feed(t, ns, commands, "sh")
		if r = ctsh(t, ns, path, address, "10m"); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	ctsh(t, ns, path, "198.51.100.7", "10m").want(t, 0, "2 steps: 3 matched, 3 applied", "")
}

// TestBanModule refuses what it would otherwise take for something else: in one
// line, by a code, at the line of the script.
func TestBanModule(t *testing.T) {
	ns := mixed(t)
	rules(t, ns, banRules)
	before := table(t, ns)
	for call, want := range map[string]string{
		`add("10.0.0.4", {timout = "1h"})`:                  `EFIELD -e:1: ban.add: unknown option "timout"; did you mean "timeout"?`,
		`add("10.0.0.4", {time = "1h"})`:                    `EFIELD -e:1: ban.add: unknown option "time"; options are timeout, sets, force, own`,
		`add("10.0.0.4", {[1] = "1h"})`:                     `EFIELD -e:1: ban.add: unknown option 1; options are timeout, sets, force, own`,
		`add("10.0.0.5", "1h")`:                             `ETYPE -e:1: ban.add: options: want a table, got "1h"`,
		`add("10.0.0.5", {timeout = true})`:                 `ETYPE -e:1: ban.add: timeout: want a duration above 0`,
		`add("10.0.0.5", {timeout = "10x"})`:                `ETYPE -e:1: ban.add: timeout: want a duration above 0`,
		`add("10.0.0.5", {timeout = 0})`:                    `ETYPE -e:1: ban.add: timeout: want a duration above 0`,
		`add("10.0.0.5", {force = "yes"})`:                  `ETYPE -e:1: ban.add: force: want true or false, got "yes"`,
		`add("10.0.0.5", {own = 1})`:                        `ETYPE -e:1: ban.add: own: want true or false, got 1`,
		`add("10.0.0.5", {sets = "inet filter banned"})`:    `ETYPE -e:1: ban.add: sets: want a list of names`,
		`add("10.0.0.5", {sets = {}})`:                      `ETYPE -e:1: ban.add: sets: want a list of names, as in {"inet filter banned"}, got an empty table`,
		`add("10.0.0.5", {sets = {5}})`:                     `ETYPE -e:1: ban.add: sets: want a list of names`,
		`add("10.0.0.5", {sets = {"inet filter baned"}})`:   `ENOENT -e:1: ban.add: no set "inet filter baned" of ipv4_addr; did you mean "inet filter banned"?`,
		`add("10.0.0.5", {sets = {"inet filter banned6"}})`: `ETYPE -e:1: ban.add: none of the sets inet filter banned6 holds addresses such as 10.0.0.5`,
		`add(nil)`:                           `ETYPE -e:1: ban.add: want an address, got nil; as in`,
		`add(7)`:                             `ETYPE -e:1: ban.add: want an address, got 7; as in`,
		`add("10.0.0.0/8")`:                  `ETYPE -e:1: ban.add: want an address, got "10.0.0.0/8"; networks`,
		`remove(nil)`:                        `ETYPE -e:1: ban.remove: want an address, got nil; as in`,
		`remove("10.0.0.5", {force = true})`: `EFIELD -e:1: ban.remove: unknown option "force"`,
		`list("inet filter banned")`:         `ETYPE -e:1: ban.list: options: want a table`,
		`check()`:                            `ETYPE -e:1: ban.check: want an address, got nil`,
		`add("127.0.0.53")`:                  `EGUARD -e:1: ban.add: 127.0.0.53 is this machine itself; nothing is changed; option own`,
		`add("::ffff:127.0.0.1", {force = true})`: `EGUARD -e:1: ban.add: 127.0.0.1 is this machine itself`,
		`add("0:0::1")`:  `EGUARD -e:1: ban.add: ::1 is this machine itself`,
		`add("0.0.0.0")`: `EGUARD -e:1: ban.add: 0.0.0.0 is no single address`,
		`add("::")`:      `EGUARD -e:1: ban.add: :: is no single address`,
	} {
		r := ctsh(t, ns, "-e", `local ok, err = pcall(function() local _ = require("ban").`+call+` end) print(err.code, err)`)
		if said := strings.Replace(r.out, "\t", " ", 1); r.code != 0 || r.errors != "" || !strings.HasPrefix(said, want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %+v\nwant %s", call, r, want)
		}
	}
	unchanged(t, ns, before)
	ctsh(t, ns, "-e", `print(#require("ban").list())`).want(t, 0, "0", "")
	ctsh(t, ns, "-e", `local ban = require "ban"
		ban.add("2001:DB8:0::7", {timeout = "1h"}):apply() ban.add("198.51.100.7", {timeout = 60, sets = {"inet filter banned"}}):apply()
		for _, e in ipairs(ban.list()) do print(e.element, e.timeout) end`).want(t, 0, "198.51.100.7\t60\n2001:db8::7\t3600", "")
}

// TestBanOfOneself needs a flag, also by the script.
func TestBanOfOneself(t *testing.T) {
	ns := mixed(t)
	rules(t, ns, banRules)
	netnstest.Address(t, ns, "lo", "192.0.2.1/32")
	path, before := script(t, "ban.lua"), table(t, ns)
	for _, address := range []string{"127.0.0.1", "::1", "0.0.0.0", "192.0.2.1"} {
		ctsh(t, ns, path, address).oneLine(t, 3, "nothing is changed; option own bans it all the same")
		ctsh(t, ns, path, "--force", address).oneLine(t, 3, "nothing is changed")
	}
	unchanged(t, ns, before)
	ctsh(t, ns, path, "--own", "127.0.0.1", "10m").want(t, 0, "2 steps: 1 matched, 1 applied", "")
	ctsh(t, ns, path, "198.51.100.7", "10m").want(t, 0, "2 steps: 3 matched, 3 applied", "") // it talks to this machine
	// Of addresses without a flow ip knows, where it is the namespace of ctsh.
	child := inside(t, "--scratch", "-e", `exec("ip", "addr", "add", "192.0.2.9/24", "dev", "lo"):check()
		local ok, err = pcall(require("ban").add, "192.0.2.9") print(err)`)
	if !strings.Contains(child.out, "192.0.2.9 is an address of this machine") {
		t.Errorf("%+v", child)
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
