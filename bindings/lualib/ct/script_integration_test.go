package ct

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/vm"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// result is what a script did.
type result struct {
	stdout, stderr string
	err            error
	failed         int
}

// run runs a script in ns to its end.
func run(t *testing.T, ns *netns.NS, opt Options, source string) result {
	t.Helper()
	var out, errs bytes.Buffer
	v := vm.New(context.Background(), vm.Options{Stdout: &out, Stderr: &errs, Name: "test"})
	v.Tasks.Lock()
	v.OpenTasks()
	opt.NS, opt.Stdout, opt.Stderr = ns, &out, &errs
	h := Open(v, opt)
	err := v.Run("test", source)
	if err == nil {
		err = v.Wait()
	}
	v.Tasks.Unlock()
	v.Close()
	if closeErr := h.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	var exit *luaerr.Exit
	if errors.As(err, &exit) && exit.Status == 0 {
		err = nil
	}
	return result{out.String(), errs.String(), err, h.Failed()}
}

// must runs a script that has to succeed and returns what it printed.
func must(t *testing.T, ns *netns.NS, source string) string {
	t.Helper()
	r := run(t, ns, Options{}, source)
	if r.err != nil || r.stderr != "" || r.failed != 0 {
		t.Fatalf("%v, %d failed\n%s%s", r.err, r.failed, r.stdout, r.stderr)
	}
	return r.stdout
}

var rowForm = regexp.MustCompile(`src=(\S+) dst=\S+ sport=(\d+) .* mark=(\d+)`)

// listed is what the conntrack command says: source, port and mark a flow.
func listed(t *testing.T, ns *netns.NS) []string {
	t.Helper()
	var rows []string
	for _, line := range strings.Split(netnstest.Run(t, ns, "conntrack", "-L"), "\n") {
		if m := rowForm.FindStringSubmatch(line); m != nil {
			rows = append(rows, strings.Join(m[1:], " "))
		}
	}
	sort.Strings(rows)
	return rows
}

func TestThousandFlows(t *testing.T) {
	ns := netnstest.New(t)
	const show = `flows:each(function(f) print(f.src .. " " .. f.sport .. " " .. f.mark) end)`
	agree := func(want int) {
		t.Helper()
		ours := strings.Split(strings.TrimSuffix(must(t, ns, show), "\n"), "\n")
		sort.Strings(ours)
		theirs := listed(t, ns)
		if len(ours) != want || strings.Join(ours, "\n") != strings.Join(theirs, "\n") {
			t.Errorf("%d flows, the conntrack command lists %d, want %d", len(ours), len(theirs), want)
		}
	}
	must(t, ns, `
		for i = 1, 1000 do
			ct.create{proto = "udp", src = "10.0." .. math.floor(i / 250) .. "." .. i % 250 + 1, sport = i,
				dst = "192.0.2.1", dport = 53, timeout = "10m", mark = i % 4}:apply()
		end
		assert(flows:count() == 1000)`)
	agree(1000)
	must(t, ns, `
		local r = flows:where{mark = 2}:update{mark = "0x10/0xf0", timeout = "20m"}:apply()
		assert(r.applied == 250 and r.matched == 250, tostring(r))
		assert(flows:where{mark = 18}:count() == 250)`)
	agree(1000)
	must(t, ns, `
		local r = flows:where{mark = {1, 18}}:delete():apply()
		assert(r.applied == 500, tostring(r))`)
	agree(500)
	must(t, ns, `assert(ct.flush{yes = true}:apply().applied == 500); assert(#flows == 0)`)
	if rows := listed(t, ns); len(rows) != 0 {
		t.Errorf("%d flows left", len(rows))
	}
}

func TestFlowSurface(t *testing.T) {
	ns := netnstest.New(t)
	dir := t.TempDir()
	out := must(t, ns, `
		ct.create{proto = "tcp", src = "10.0.0.1", dst = "192.0.2.1", sport = 4000, dport = 443, state = "ESTABLISHED",
			assured = true, timeout = "1h", mark = 5, nat_src = "203.0.113.1", nat_sport = 6000}:apply()
		ct.create{proto = "icmp", src = "10.0.0.2", dst = "192.0.2.1", icmp_type = 8, icmp_id = 77, timeout = 60}:apply()
		ct.create{proto = "gre", src = "fd00::1", dst = "fd00::2", timeout = 60, zone = 7}:apply()
		local f = ct.get{proto = "tcp", src = "10.0.0.1", dst = "192.0.2.1", sport = 4000, dport = 443}
		print(f.proto, f.state, f.assured, f.snat, f.nat_src, f.nat_sport, f.rdst, f.mark, f.family, f.bytes)
		print(ct.get{proto = "tcp", src = "10.0.0.1", dst = "192.0.2.1", sport = 4001, dport = 443})
		print(flows:where{proto = "icmp"}:first().icmp_id, flows:where{zone = 7}:first().src)
		print(f:get() == f, f:update{timeout = "2h"}:apply().applied, f:get().timeout > 7000)
		print(#flows:list(), flows:limit(2):count(), flows:where{family = 6}:delete().n)
		local n = 0
		for x in flows:iter() do n = n + 1 end
		print(n, f:delete():apply().applied, f:delete():apply().gone, f:get())
		flows:export("`+dir+`/f.ndjson"); flows:export("`+dir+`/f.csv", "csv"); flows:export("`+dir+`/f.json", "json")
		print(ct.usage().count, ct.usage().max > 0, stats:total().found ~= nil, #stats:list() > 0, #expects)`)
	want := strings.Join([]string{
		"tcp\tESTABLISHED\ttrue\ttrue\t203.0.113.1\t6000\t203.0.113.1\t5\t4\tnil", "nil", "77\tfd00::1",
		"true\t1\ttrue", "3\t2\t1", "3\t1\t1\tnil", "2\ttrue\ttrue\ttrue\t0", ""}, "\n")
	if out != want {
		t.Errorf("printed\n%s\nwant\n%s", out, want)
	}
	for name, lines := range map[string]int{"f.ndjson": 2, "f.csv": 3, "f.json": 4} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if got := strings.Count(string(b), "\n"); err != nil || got != lines {
			t.Errorf("%s: %d lines, want %d (%v)\n%s", name, got, lines, err, b)
		}
	}
}

func TestExpectations(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `
		ct.create{proto = "tcp", src = "10.0.0.1", dst = "10.0.0.2", sport = 4000, dport = 21, state = "ESTABLISHED",
			assured = true, timeout = "1h", helper = "ftp"}:apply()
		local m = flows:first()
		assert(m.helper == "ftp")
		ct.expect{master = m, proto = "tcp", src = "10.0.0.2", dst = "10.0.0.1", dport = 2021}:apply()
		assert(#expects == 1)
		local e = expects:first()
		assert(e.dport == 2021 and e.helper == "ftp" and e.mask_dport == 65535 and e.mask_sport == 0, tostring(e))
		e:timeout_to("100s"):apply()
		assert(expects:first().timeout <= 100)
		e:delete():apply()
		assert(expects:count() == 0)
		m:update{helper = false}:apply()
		assert(m:get().helper == nil)`)
}

func TestNamespaces(t *testing.T) {
	here, there := netnstest.New(t), netnstest.New(t)
	path := "/proc/self/fd/" + strconv.Itoa(there.FD())
	must(t, here, `
		local there = ct.ns("`+path+`")
		there.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 2, timeout = 60}:apply()
		assert(#flows == 0 and #there.flows == 1)
		there.sys.set("nf_conntrack_acct", 1):apply()
		assert(there.sys.get("nf_conntrack_acct") == 1 and sys.get("nf_conntrack_acct") == 0)`)
}

func TestHandlers(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{}, `
		local seen = {}
		local function note(ev) seen[#seen + 1] = ev.type .. " " .. ev.src .. " " .. tostring(ev.lost) end
		on("new", {dport = 53}, note)
		events("update", "destroy"):where{proto = "udp"}:each(note)
		ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 53, timeout = 60}:apply()
		ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 54, timeout = 60}:apply()
		local f = flows:where{dport = 53}:first()
		f:update{mark = 9}:apply()
		f:delete():apply()
		every("5ms", function()
			if #seen < 3 then return end
			table.sort(seen)
			print(table.concat(seen, ", "))
			exit(0)
		end)`)
	if want := "destroy 10.0.0.1 false, new 10.0.0.1 false, update 10.0.0.1 false\n"; r.err != nil || r.stdout != want {
		t.Errorf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 2, timeout = 600}:apply()`)
	for _, c := range []struct {
		source string
		code   int
		want   string
	}{
		{`flows:where(nil):delete():apply()`, 2, `"filter"`},
		{`flows:where{}:delete():apply()`, 2, "empty"},
		{`flows:where(""):delete():apply()`, 2, `"filter"`},
		{`flows:where{srcc = "10.0.0.1"}:delete():apply()`, 2, `did you mean "src"`},
		{`flows:where{src = nil}:delete():apply()`, 2, "nil; leave the field out"},
		{`flows:where{dport = 65536}:delete():apply()`, 2, "out of range"},
		{`flows:where{state = "ESTABLISHD"}:delete():apply()`, 2, "ESTABLISHED"},
		{`local ip flows:where{proto = "udp", src = ip}:delete():apply{max = 1e6}`, 2, "nil; leave the field out"},
		{`local p flows:where{proto = "udp", dport = {53, p}}:delete():apply()`, 2, "item 2 of the list is nil"},
		{`local p on("new", {proto = "udp", dport = p}, print)`, 2, "nil; leave the field out"},
		{`flows:delete("x"):apply()`, 2, "takes no arguments"},
		{`flows:delete():apply()`, 2, "no filter; say flows:where(ct.all)"},
		{`flows:limit(5):update{mark = 1}:apply()`, 2, "no filter"},
		{`flows:where(ct.all):delete():apply{max = 0}`, 2, "out of range"},
		{`flows:where(ct.all):delete():apply{mx = 5}`, 2, `did you mean "max"`},
		{`flows:where(ct.all):update{}:apply()`, 2, "nothing to change"},
		{`flows:where(ct.all):update{mark = "1/0"}:apply()`, 2, "mask"},
		{`flows:where(ct.all):update{status = "EXPECTED"}:apply()`, 2, "cannot be set"},
		{`flows:where(ct.all):update{helper = "ftp"}:apply()`, 2, "helper"},
		{`flows:where(ct.all):update{labels = {128}}:apply()`, 2, `unknown label "128"`},
		{`ct.flush():apply()`, 2, "yes = true"},
		{`ct.flush{yes = false}:apply()`, 2, "yes = true"},
		{`ct.create{proto = "udp", src = "10.0.0.1", dst = "fd00::1", sport = 1, dport = 2, timeout = 5}:apply()`, 2, "different families"},
		{`ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 70000, timeout = 5}:apply()`, 2, `"dport"`},
		{`ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 7}:apply()`, 2, `"timeout"`},
		{`ct.create{proto = "nope", src = "10.0.0.1", dst = "10.0.0.2", timeout = 5}:apply()`, 2, "unknown protocol"},
		{`ct.create{proto = "icmp", src = "10.0.0.1", dst = "10.0.0.2", icmp_type = 3, timeout = 5}:apply()`, 2, "not tracked"},
		{`ct.create{proto = "tcp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 2, timeout = 5, helper = "nope"}:apply()`, 1, "no helper nope"},
		{`ct.create{proto = "tcp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 2, timeout = 5, zone = 65536}:apply()`, 2, `"zone"`},
		{`ct.get{proto = "udp", src = "10.0.0", dst = "10.0.0.2", sport = 1, dport = 2}`, 2, `"src"`},
		{`ct.ns("no-such-namespace")`, 2, "no-such-namespace"},
		{`ct.ns("")`, 2, "empty"},
		{`on("nwe", print)`, 2, `did you mean "new"`},
		{`flows:export("/no/such/dir/f")`, 1, "no such file"},
		{`flows:export("/tmp/x", "xls")`, 2, "want \"table\""},
		{`flows:first().bites = 1`, 2, "read-only"},
		{`print(flows:first().bites)`, 2, `did you mean "bytes"`},
		{`sys.set("nf_conntrack_udp_timeout", "soon")`, 2, "soon"},
		{`sys.get("nf_conntrack_udp_timout")`, 2, `did you mean`},
	} {
		r := run(t, ns, Options{}, c.source)
		if r.err == nil || luaerr.ExitCode(r.err) != c.code || !strings.Contains(r.err.Error(), c.want) {
			t.Errorf("%s\n  code %d, want %d: %v (want %q)", c.source, luaerr.ExitCode(r.err), c.code, r.err, c.want)
		}
		if n := must(t, ns, `print(#flows, flows:first().mark)`); n != "1\t0\n" {
			t.Fatalf("%s: the table is now %q", c.source, n)
		}
	}
	for name, opt := range map[string]Options{"read-only": {ReadOnly: true}, "dry run": {DryRun: true}} {
		for _, change := range []string{`flows:where(ct.all):delete():apply()`, `ct.flush{yes = true}:apply()`,
			`flows:first():update{mark = 3}:apply()`, `sys.set("nf_conntrack_acct", 1):apply()`} {
			r := run(t, ns, opt, change)
			if opt.ReadOnly && luaerr.ExitCode(r.err) != luaerr.ExitGuard {
				t.Errorf("%s: %s: %v", name, change, r.err)
			}
			if opt.DryRun && r.err != nil {
				t.Errorf("%s: %s: %v", name, change, r.err)
			}
		}
		if n := must(t, ns, `print(#flows, flows:first().mark, sys.get("nf_conntrack_acct"))`); n != "1\t0\t0\n" {
			t.Errorf("%s changed the table: %q", name, n)
		}
	}
	r := run(t, ns, Options{}, `flows:where(ct.all):delete():apply{max = 1}; for i = 1, 3 do
		ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = i, dport = 2, timeout = 600}:apply() end
		flows:where(ct.all):delete():apply{max = 2}`)
	if luaerr.ExitCode(r.err) != luaerr.ExitGuard || must(t, ns, `print(#flows)`) != "3\n" {
		t.Errorf("guard: %v", r.err)
	}
}

// TestSeveralNamespaces reads the flows of two namespaces as one, and makes
// changes only where it is clear in which.
func TestSeveralNamespaces(t *testing.T) {
	here, there := netnstest.New(t), netnstest.New(t)
	path := "/proc/self/fd/" + strconv.Itoa(there.FD())
	must(t, here, `
		local there = ct.ns("`+path+`")
		for i = 1, 3 do there.create{proto = "udp", src = "10.0.0." .. i, dst = "10.0.0.9", sport = i, dport = 53, timeout = 600}:apply() end
		ct.create{proto = "udp", src = "10.1.0.1", dst = "10.0.0.9", sport = 1, dport = 53, timeout = 600}:apply()
		local both = flows + there.flows
		assert(#both == 4 and #flows == 1 and #flows:in_ns("`+path+`") == 3)
		assert(both:where("has(netns)"):count() == 3 and both:by("netns"):count():count() == 2)
		local f = both:where("src == 10.0.0.2"):one()
		assert(f.netns == "`+path+`" and f:get() == f)
		f:delete():apply()
		assert(#there.flows == 2 and #flows == 1 and f:get() == nil)
		local ok, err = pcall(function() return both:where("udp"):delete() end)
		assert(not ok and err.msg:find("not those of one namespace"), tostring(err))
		assert(flows:in_ns("`+path+`"):where("udp"):delete():apply().applied == 2)
		assert(#there.flows == 0 and #flows == 1)`)
}

// TestFunctionsSeeWholeRows writes the same flows, chosen by a text and by a
// function that asks for one field only.
func TestFunctionsSeeWholeRows(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `for i = 1, 40 do ct.create{proto = "tcp", src = "10.0.0." .. i, dst = "10.0.1.1", sport = i, dport = 80, state = "ESTABLISHED",
		assured = i % 2 == 0, replied = true, timeout = 600 * i, mark = i, helper = i == 7 and "ftp" or nil}:apply() end`)
	for _, verb := range []string{`print()`, `print{format = "conntrack"}`, `export("-", "csv")`, `export("-", "json")`, `export("-", "ndjson")`, `select("src, mark, state, assured"):print()`} {
		for _, how := range []string{`function(sport) return sport > 3 end`, `function(f) return f.sport > 3 end`} {
			var want, sorted, plain, streamed string
			for range 5 { // the timeouts go down meanwhile
				want = must(t, ns, `flows:where("sport > 3"):sort("sport"):`+verb)
				sorted = must(t, ns, `flows:where(`+how+`):sort("sport"):`+verb)
				plain = must(t, ns, `flows:sort("sport"):where(`+how+`):`+verb)
				streamed = must(t, ns, `flows:where(`+how+`):`+verb)
				if sorted == want && plain == want && inOrder(streamed) == inOrder(want) {
					break
				}
			}
			if sorted != want || plain != want || inOrder(streamed) != inOrder(want) {
				t.Errorf("%s, %s:\n%s\nsorted:\n%s\nstreamed:\n%s\nwant:\n%s", how, verb, plain, sorted, streamed, want)
			}
		}
	}
}

// inOrder sorts the lines of a text, of which the last may lack a comma.
func inOrder(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "},", "}"), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// TestPlansOfQueries changes the flows of queries that are more than a filter.
func TestPlansOfQueries(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `
		for i = 1, 20 do ct.create{proto = "udp", src = "10.0.0." .. i, dst = "10.0.1.1", sport = i, dport = i % 2 + 53, timeout = 600 + i}:apply() end
		assert(flows:where(function(sport) return sport > 15 end):delete():apply().applied == 5)
		assert(flows:where("udp"):top(3, "timeout"):delete():preview().flows[1].sport == 15)
		assert(flows:where("udp"):top(3, "timeout"):delete():apply().applied == 3)
		assert(flows:max("timeout") <= 612 and #flows == 12)
		assert((flows:where("dport == 53") - flows:where("sport == 2")):update{mark = 7}:apply().applied == 5)
		assert(flows:where("mark == 7"):unless(flows:where("sport in {4, 6}")):snapshot():delete():apply().applied == 3)
		local r = flows:where(function(f) return f.sport < 3 end):delete():apply()
		assert(r.matched == 2 and r.applied == 2 and #flows == 7)`)
	r := run(t, ns, Options{}, `flows:where(function(f) return f.sport > 0 end):delete():apply{max = 3}`)
	if luaerr.ExitCode(r.err) != luaerr.ExitGuard || must(t, ns, `print(#flows)`) != "7\n" {
		t.Errorf("guard: %v", r.err)
	}
	if r := run(t, ns, Options{DryRun: true}, `flows:where(function(f) return f.sport > 0 end):delete():apply()`); r.err != nil || must(t, ns, `print(#flows)`) != "7\n" {
		t.Errorf("dry run: %v", r.err)
	}
}
