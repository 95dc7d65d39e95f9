package nft

import (
	"errors"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// Each way to say an element.
func TestElements(t *testing.T) {
	ns := firewall(t)
	netnstest.Feed(t, ns, `table inet filter { set ports { type inet_service; }; set marks { type mark; }; set pairs { type ipv4_addr . inet_service; }; set devs { type ifname; }; }`, "nft", "-f", "-")
	must(t, ns, `
		local function add(set, e) return nft.set("inet filter " .. set):add(e):apply().applied end
		assert(add("ports", 80) == 1 and add("ports", "https") == 1 and add("ports", {22, "domain"}) == 2)
		assert(add("marks", "0x10") == 1 and add("marks", {17, 4294967295}) == 2)
		assert(add("devs", {"eth0", "wg-1"}) == 2)
		assert(add("pairs", "10.0.0.1 . 80") == 1)
		assert(add("pairs", {"10.0.0.1", 81}) == 1)
		assert(add("pairs", {"10.0.0.1 . 82", "10.0.0.1 . 83"}) == 2)
		assert(add("pairs", {{"10.0.0.1", 84}, {"10.0.0.1", "https"}, "10.0.0.1 . 86"}) == 3)
		assert(add("nets", {"11.0.0.0/8", "192.0.2.1", "198.51.100.1-198.51.100.9"}) == 3)
		local s = nft.set("filter pairs")
		assert(#s == 7 and s:has{"10.0.0.1", 80} and s:has("10.0.0.1 . 443") and not s:has("10.0.0.2 . 80"))
		assert(s:delete{{"10.0.0.1", 84}, {"10.0.0.1", 80}, {"10.0.0.9", 1}}:apply().gone == 1)
		local r = nft.set("filter ports"):list()
		assert(#r == 4 and r[1].element == "22" and r[1].timeout == nil)
		assert(nft.set("filter ports"):has(r[4].element))
		assert(nft == ct.nft and nft.set("filter ports").name == "inet filter ports" and not nft.set("filter ports").map)
		local n = nft.set("filter nets")
		assert(n.flags[1] == "interval" and n.timeout == nil and n.size == nil and n:has("198.51.100.5"))`)
	for set, want := range map[string]string{"ports": "22, 53, 80, 443", "marks": "0x00000010, 0x00000011, 0xffffffff", "devs": `"eth0", "wg-1"`,
		"nets": "10.0.0.0/8, 11.0.0.0/8, 192.0.2.1, 198.51.100.1-198.51.100.9"} {
		got := strings.Split(listed(t, ns, set), ", ")
		for _, e := range strings.Split(want, ", ") {
			if !strings.Contains(strings.Join(got, ", "), e) {
				t.Errorf("%s: nft lists %v, want %s", set, got, want)
			}
		}
		if len(got) != strings.Count(want, ",")+1 {
			t.Errorf("%s: nft lists %v, want %s", set, got, want)
		}
	}
}

// Bad input is an error that names it, and changes nothing.
func TestBadInput(t *testing.T) {
	ns := firewall(t)
	netnstest.Feed(t, ns, `table inet filter { map m { type ipv4_addr : mark; }; }; table ip other { set synflood { type ipv4_addr; }; }`, "nft", "-f", "-")
	before := netnstest.Run(t, ns, "nft", "list", "ruleset")
	for _, c := range []struct {
		source string
		code   luaerr.Code
		want   string
	}{
		{`nft.set()`, luaerr.ETYPE, `bad argument "name"`},
		{`nft.set("")`, luaerr.ETYPE, "empty string"},
		{`nft.set("inet filter synflod")`, luaerr.ENOENT, `did you mean "inet filter synflood"?`},
		{`nft.set("int filter synflood")`, luaerr.ETYPE, `unknown family "int"; did you mean "inet"?`},
		{`nft.set("synflood")`, luaerr.ETYPE, "want family, table and set"},
		{`local x nft.set(x)`, luaerr.ETYPE, `bad argument "name"`},
		{`s:add()`, luaerr.ETYPE, `bad argument "element"`},
		{`s:add(nil)`, luaerr.ETYPE, `bad argument "element"`},
		{`s:add("")`, luaerr.ETYPE, "empty string"},
		{`s:add("  ")`, luaerr.ETYPE, "empty string"},
		{`s:add{}`, luaerr.ETYPE, "empty list"},
		{`s:add{"10.0.0.1", ""}`, luaerr.ETYPE, "empty string"},
		{`s:add{nil, "10.0.0.1"}`, luaerr.ETYPE, "gaps"},
		{`s:add{"10.0.0.1", host = "10.0.0.2"}`, luaerr.ETYPE, "named fields"},
		{`s:add{{"10.0.0.1"}}`, luaerr.ETYPE, "want text or a number, got a table"},
		{`s:add(true)`, luaerr.ETYPE, `bad argument "element"`},
		{`s:add(7)`, luaerr.ETYPE, `"7" is no address`},
		{`s:add("10.0.0.0/8")`, luaerr.ETYPE, `the set has no "flags interval"`},
		{`s:add("fd00::1")`, luaerr.ETYPE, "fd00::1 is an IPv6 address, the set holds IPv4 addresses"},
		{`s:add{"10.0.0.1", "fd00::1"}`, luaerr.ETYPE, "fd00::1 is an IPv6 address"},
		{`s:add("10.0.0.1", {timeout = 0})`, luaerr.ETYPE, "want a duration above 0"},
		{`s:add("10.0.0.1", {timeout = "soon"})`, luaerr.ETYPE, `"soon"`},
		{`s:add("10.0.0.1", {timeot = "1m"})`, luaerr.EFIELD, `did you mean "timeout"?`},
		{`s:add("10.0.0.1", "10m")`, luaerr.ETYPE, `bad argument "options"`},
		{`nft.set("filter nets"):add("192.0.2.1", {timeout = "1m"})`, luaerr.ETYPE, `no "flags timeout"`},
		{`nft.set("filter nets"):add("10.1.0.0/16"):apply()`, "EEXIST", "10.1.0.0/16: it overlaps with 10.0.0.0/8"},
		{`nft.set("filter nets"):delete("10.1.0.0/16"):apply()`, luaerr.ENOENT, "but 10.0.0.0/8 is, which overlaps"},
		{`nft.set("filter m"):add("10.0.0.1")`, luaerr.ETYPE, "it is a map"},
		{`nft.set("filter m"):delete("10.0.0.1")`, luaerr.ETYPE, "it is a map"},
		{`nft.set("filter services"):add("10.0.0.1")`, luaerr.ETYPE, "want 2 values, ipv4_addr . inet_service, got 1 value"},
		{`nft.set("filter services"):add{"10.0.0.1", 80, 90}`, luaerr.ETYPE, "got 3 values"},
		{`nft.set("filter services"):add{"10.0.0.1", 80.5}`, luaerr.ETYPE, "want a whole number"},
		{`nft.set("filter services"):add{"10.0.0.1", -1}`, luaerr.ETYPE, "want a whole number"},
		{`s:has{"10.0.0.1", "10.0.0.2"}`, luaerr.ETYPE, "want one element, got a list of 2"},
		{`s.nme = 1`, luaerr.EFIELD, "read-only"},
		{`print(s.nme)`, luaerr.EFIELD, `did you mean "name"?`},
		{`nft.adder("inet filter synflod")`, luaerr.ENOENT, "did you mean"},
		{`nft.adder()`, luaerr.ETYPE, `bad argument "set"`},
		{`nft.adder(s, {timeout = -1})`, luaerr.ETYPE, "timeout"},
		{`nft.adder(s)()`, luaerr.ETYPE, "want text or a number, got nil"},
		{`nft.adder(s)("")`, luaerr.ETYPE, "nft.adder: empty string"},
		{`nft.adder(s)("fd00::1")`, luaerr.ETYPE, "nft.adder: element"},
		{`nft.adder("filter nets", {timeout = "1m"})("192.0.2.1")`, luaerr.ETYPE, `no "flags timeout"`},
		{`nft.adder(s)(s)`, luaerr.ETYPE, "want text or a number, got"},
		{`nft.deleter(s)(nil)`, luaerr.ETYPE, "got nil"},
		{`nft.uses("inet filter x")`, luaerr.ENOENT, `no set "inet filter x"`},
		{`nft.uses(7)`, luaerr.ETYPE, `bad argument "set"`},
	} {
		r := run(t, ns, Options{}, `local s = nft.set("inet filter synflood"); `+c.source)
		if r.err == nil || !errors.Is(r.err, c.code) || !strings.Contains(r.err.Error(), c.want) {
			t.Errorf("%s\n  %v, want %s %s", c.source, r.err, c.code, c.want)
		}
		after := netnstest.Run(t, ns, "nft", "list", "ruleset")
		if withoutTimes(after) != withoutTimes(before) {
			t.Fatalf("%s: the rules are now\n%s", c.source, after)
		}
	}
	if r := run(t, ns, Options{}, `nft.set("other synflood"):list(); nft.set("synflood synflood")`); r.err == nil {
		t.Error("no error")
	}
	netnstest.Feed(t, ns, `table ip filter { set synflood { type ipv4_addr; }; }`, "nft", "-f", "-")
	if r := run(t, ns, Options{}, `nft.set("filter synflood")`); !errors.Is(r.err, luaerr.ETYPE) || !strings.Contains(r.err.Error(), "there more than once") {
		t.Errorf("ambiguous: %v", r.err)
	}
}

// withoutTimes leaves out how long elements still have.
func withoutTimes(rules string) string {
	var words []string
	skip := false
	for _, w := range strings.Fields(rules) {
		if !skip && w != "expires" {
			words = append(words, w)
		}
		skip = w == "expires"
	}
	return strings.Join(words, " ")
}

// Nothing is changed in a dry run or read-only, and it is said.
func TestDryRunAndReadOnly(t *testing.T) {
	ns := firewall(t)
	before := withoutTimes(netnstest.Run(t, ns, "nft", "list", "ruleset"))
	changes := []string{`s:add("198.51.100.66"):apply()`, `s:delete("192.0.2.1"):apply()`,
		`nft.adder(s, {timeout = "1m"})("198.51.100.66")`, `nft.deleter(s)("192.0.2.1")`}
	for _, change := range changes {
		source := `local s = nft.set("inet filter synflood"); ` + change
		if r := run(t, ns, Options{ReadOnly: true}, source); luaerr.ExitCode(r.err) != luaerr.ExitGuard {
			t.Errorf("read-only: %s: %v", change, r.err)
		}
		if r := run(t, ns, Options{DryRun: true}, source); r.err != nil {
			t.Errorf("dry run: %s: %v", change, r.err)
		}
		if after := withoutTimes(netnstest.Run(t, ns, "nft", "list", "ruleset")); after != before {
			t.Fatalf("%s: the rules are now\n%s", change, after)
		}
	}
	r := run(t, ns, Options{DryRun: true}, `local s = nft.set("inet filter synflood")
		local add, out = nft.adder(s), nft.deleter(s)
		add("10.0.0.1") add{"10.0.0.2", "10.0.0.3"} out("192.0.2.1")
		local r = s:add{"10.0.0.1", "10.0.0.2"}:apply()
		print(r.matched, r.applied, s:has("192.0.2.1"))`)
	want := "ctsh: dry run: 3 elements would be added to set inet filter synflood, nothing changed\nctsh: dry run: 1 element would be deleted from set inet filter synflood, nothing changed\n"
	if r.err != nil || r.stdout != "2\t0\ttrue\n" || r.stderr != want {
		t.Errorf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
}
