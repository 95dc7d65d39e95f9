package nft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/lualib/ct"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// rules are those that the examples speak of.
const rules = `table inet filter {
	set synflood { type ipv4_addr; flags timeout; elements = { 192.0.2.1 timeout 1h comment "by hand" }; }
	set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
	set services { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90 }; }
	chain input { type filter hook input priority 0; ip saddr @synflood drop; ct state established,related accept; }
}`

// seed are the flows that the examples speak of.
const seed = `
	ct.create{proto = "udp", src = "10.0.0.7", sport = 4001, dst = "192.0.2.53", dport = 53, timeout = "1h"}:apply()
	ct.create{proto = "udp", src = "10.0.0.7", sport = 4002, dst = "192.0.2.53", dport = 53, timeout = "1h"}:apply()
	ct.create{proto = "udp", src = "10.0.0.8", sport = 4003, dst = "192.0.2.53", dport = 53, timeout = "1h"}:apply()`

// open makes what scripts run in.
func open(t testing.TB, ns *netns.NS, stdout, stderr io.Writer, opt Options) (v *vm.VM, end func() error) {
	v = vm.New(context.Background(), vm.Options{Stdout: stdout, Stderr: stderr, Name: "test"})
	v.Tasks.Lock()
	v.OpenTasks()
	table := ct.Open(v, ct.Options{NS: ns, Stdout: stdout, Stderr: stderr, DryRun: opt.DryRun, ReadOnly: opt.ReadOnly, Journal: t.TempDir()})
	opt.NS, opt.Stderr, opt.Plan, opt.Columns = ns, stderr, table.Plan, ct.Columns
	h := Open(v, opt)
	table.Reverts(NoteKind, h.Revert)
	return v, func() error { return errors.Join(h.Close(), table.Close()) }
}

func TestExamples(t *testing.T) {
	luatest.Examples(t, []*registry.Family{module.Family, setType.Family, usesType.Family}, func(t *testing.T, stdout io.Writer) *vm.VM {
		ns := netnstest.New(t)
		netnstest.Feed(t, ns, rules, "nft", "-f", "-")
		v, end := open(t, ns, stdout, stdout, Options{})
		defer v.Tasks.Unlock()
		t.Cleanup(func() { _ = end() })
		if err := v.Run("seed", seed); err != nil {
			t.Fatal(err)
		}
		return v
	})
}

// result is what a script did.
type result struct {
	stdout, stderr string
	err            error
}

// run runs a script in a namespace to its end.
func run(t testing.TB, ns *netns.NS, opt Options, source string) result {
	t.Helper()
	var out, errs bytes.Buffer
	v, end := open(t, ns, &out, &errs, opt)
	err := v.Run("test", source)
	if err == nil {
		err = v.Wait()
	}
	v.Tasks.Unlock()
	v.Close()
	if bad := end(); bad != nil {
		t.Error(bad)
	}
	var exit *luaerr.Exit
	if errors.As(err, &exit) && exit.Status == 0 {
		err = nil
	}
	return result{out.String(), errs.String(), err}
}

// must runs a script that has to succeed and returns what it printed.
func must(t testing.TB, ns *netns.NS, source string) string {
	t.Helper()
	r := run(t, ns, Options{}, source)
	if r.err != nil || r.stderr != "" {
		t.Fatalf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
	return r.stdout
}

// firewall makes the rules in a namespace.
func firewall(t testing.TB) *netns.NS {
	t.Helper()
	ns := netnstest.New(t)
	netnstest.Feed(t, ns, rules, "nft", "-f", "-")
	return ns
}

// listed is a set as the nft command lists it, without times that run.
func listed(t testing.TB, ns *netns.NS, set string) string {
	t.Helper()
	var kept []string
	out := netnstest.Run(t, ns, "nft", "list", "set", "inet", "filter", set)
	_, out, _ = strings.Cut(out, "elements = {")
	for e := range strings.SplitSeq(strings.Trim(strings.TrimSpace(out), "}\n\t "), ",") {
		e, _, _ = strings.Cut(e, " expires")
		if e = strings.TrimSpace(e); e != "" {
			kept = append(kept, e)
		}
	}
	return strings.Join(kept, ", ")
}

// The function takes what handlers get: text, flows, events, rows of groups.
func TestAdder(t *testing.T) {
	ns := firewall(t)
	netnstest.Feed(t, ns, `table inet filter { set pairs { type ipv4_addr . inet_service; flags timeout; }; set v6 { type ipv6_addr; }; }`, "nft", "-f", "-")
	r := run(t, ns, Options{}, seed+`
		local s, p = nft.set("inet filter synflood"), nft.set("inet filter pairs")
		flows:where("src == 10.0.0.8"):each(nft.adder(s))
		assert(s:has("10.0.0.8"))
		flows:by("src"):count():having("n > 1"):each(nft.adder("inet filter synflood", {timeout = "10m"}))
		assert(s:has("10.0.0.7") and #s == 3)
		flows:select("src, sport"):each(nft.adder(p, {timeout = 60}))
		assert(#p == 3 and p:has("10.0.0.7 . 4002"))
		flows:by("src, dport"):count():each(nft.adder(p))
		assert(#p == 5 and p:has{"10.0.0.8", 53})
		flows:where("src == 10.0.0.8"):select("src, sport"):each(nft.deleter(p))
		assert(#p == 4)
		for f in flows:iter() do nft.deleter(s)(f) end
		assert(#s == 1)
		local ok, err = pcall(function() flows:each(nft.adder("inet filter v6")) end)
		assert(not ok and err.msg:find("is an IPv4 address"), tostring(err))
		ok, err = pcall(function() flows:select("dport"):each(nft.adder(p)) end)
		assert(not ok and err.msg:find("want 2 values"), tostring(err))
		ok, err = pcall(function() flows:select("mark, src"):each(nft.adder(s)) end)
		assert(not ok and err.code == "ETYPE", tostring(err))
		on("new", "udp and dport == 99", nft.adder(s, {timeout = "1h"}))
		ct.create{proto = "udp", src = "10.0.0.99", sport = 1, dst = "192.0.2.53", dport = 99, timeout = "1h"}:apply()
		every("5ms", function() if s:has("10.0.0.99") then exit(0) end end)`)
	if r.err != nil {
		t.Errorf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
	if got := listed(t, ns, "synflood"); !strings.Contains(got, "10.0.0.99 timeout 1h") {
		t.Error(got)
	}
}

// What a prompt shows, names of others made harmless.
func TestShow(t *testing.T) {
	ns := netnstest.New(t)
	var list []string
	for i := range 12 {
		list = append(list, fmt.Sprintf("10.0.0.%d", i))
	}
	netnstest.Feed(t, ns, `table inet filter { set s { type ipv4_addr; flags timeout; size 100; timeout 10m; elements = { `+strings.Join(list, ", ")+` }; }; set e { type mark; }; map m { type mark : mark; }; }`, "nft", "-f", "-")
	var out bytes.Buffer
	v, end := open(t, ns, &out, &out, Options{})
	defer func() { v.Tasks.Unlock(); v.Close(); _ = end() }()
	for source, want := range map[string]string{
		`nft.set("filter s")`: "set inet filter s, ipv4_addr, flags timeout, timeout 10m0s, size 100: 12 elements\n  10.0.0.0  timeout 10m0s, expires in ",
		`nft.set("filter e")`: "set inet filter e, mark: 0 elements",
		`nft.set("filter m")`: "map inet filter m, mark: 0 elements",
	} {
		got, err := v.Show(context.Background(), "prompt", source)
		if err != nil || len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q, %v, want %q", source, got, err, want)
		}
	}
	got, err := v.Show(context.Background(), "prompt", `nft.set("filter s")`)
	if err != nil || !strings.HasSuffix(got[0], "\n  and 2 more") || strings.Count(got[0], "\n") != 11 {
		t.Errorf("%q, %v", got, err)
	}
}
