package scripttest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestUsage asks each script what it does, and calls each wrongly.
func TestUsage(t *testing.T) {
	many := map[string][]string{ // by script, arguments that are one too many
		"ban.lua":             {"198.51.100.66", "10", "m"},
		"keep-management.lua": {"22", "443", "https"}, // it takes any number of ports
		"restore-flows.lua":   {"no-such-file", "ready", "more"},
		"save-flows.lua":      {}, // all that follows the file is its filter
		"sweep.lua":           {"-v", "more"},
		"tour.lua":            {"more"},
		"udp-reconcile.lua":   {"no-such-file", "more"},
	}
	found, err := filepath.Glob(script(t, "*.lua"))
	if err != nil || len(found) != len(many) {
		t.Fatalf("%d scripts, %v, want %d", len(found), err, len(many))
	}
	ns := netnstest.New(t)
	t.Chdir(t.TempDir())
	for _, path := range found {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			words := many[name]
			for _, words := range [][]string{{"-h"}, {"--help"}, slices.Concat(words[:min(1, len(words))], []string{"--help"})} {
				r := ctsh(t, ns, append([]string{path}, words...)...)
				if r.code != 0 || r.errors != "" || !strings.HasPrefix(r.out, "usage: "+name) || !strings.Contains(r.out, "exit codes: 0 ") {
					t.Errorf("%q: %+v", words, r)
				}
			}
			ctsh(t, ns, path, "--no-such-flag").oneLine(t, 2, `unknown flag "--no-such-flag"`)
			ctsh(t, ns, path, "-Z").oneLine(t, 2, `usage: `+name)
			ctsh(t, ns, append([]string{path}, words...)...).oneLine(t, 2, `usage: `+name)
		})
	}
	if n := len(table(t, ns).flows); n != 0 {
		t.Errorf("asking for help made %d flows", n)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) != 0 {
		t.Errorf("asking for help wrote %v, %v", files, err)
	}
}

// TestArgs declares arguments of each kind.
func TestArgs(t *testing.T) {
	ns := netnstest.New(t)
	const declared = `
		local opt = require "args"{"does it",
			{"FILE", "text", "a file"}, {"[PORT...]", "port", "ports"},
			idle = {"duration", "3m", "how long"}, v = {"flag", false, "talks"}, n = {"flag", false, "looks"},
			on_host = {"address...", nil, "where"}, w = {"int", 7, "width"}}
		print(opt.file, table.concat(opt.port, ","), opt.idle, opt.v, opt.n, opt.w, opt.on_host and table.concat(opt.on_host, ","))`
	for said, words := range map[string][]string{
		"f\t\t3m\tfalse\tfalse\t7\tnil":             {"f"},
		"f\t1,65535\t3m\ttrue\ttrue\t7\tnil":        {"-vn", "f", "1", "65535"},
		"f\t80\t5s\ttrue\tfalse\t9\tnil":            {"f", "--idle", "5s", "80", "-v", "-w9"},
		"f\t\t5s\ttrue\tfalse\t9\t10.0.0.1,fd00::1": {"--idle=5s", "-vw", "9", "--on-host", "10.0.0.1", "--on-host=FD00:0::1", "f"},
		"--help\t\t3m\tfalse\ttrue\t7\tnil":         {"-n", "--", "--help"},
		"-\t\t3m\tfalse\tfalse\t7\tnil":             {"-"},
	} {
		ctsh(t, ns, append([]string{"-e", declared, "--"}, words...)...).want(t, 0, said, "")
	}
	for _, c := range []struct {
		want  string
		words []string
	}{
		{"FILE is missing", nil},
		{`FILE: "" is no text`, []string{""}},
		{`PORT: "0x16" is no port`, []string{"f", "0x16"}},
		{`PORT: "1e3" is no port`, []string{"f", "22", "1e3"}},
		{`PORT: " 22" is no port`, []string{"f", " 22"}},
		{`PORT: "65536" is no port`, []string{"f", "65536"}},
		{`PORT: "0" is no port`, []string{"f", "0"}},
		{`PORT: "2\0102" is no port`, []string{"f", "2\n2"}},
		{`--idle: "10x" is no duration`, []string{"f", "--idle", "10x"}},
		{`--idle wants a value`, []string{"f", "--idle"}},
		{`-w wants a value`, []string{"f", "-vw"}},
		{`-w: "v" is no whole number`, []string{"f", "-wv"}},
		{`--on-host: "10.0.0" is no address`, []string{"f", "--on-host=10.0.0"}},
		{`unknown flag "--idel"; did you mean "--idle"?`, []string{"f", "--idel", "5s"}},
		{`unknown flag "-x"; those of ctsh go before the script`, []string{"-nx", "f"}},
		{`unknown flag "--v"`, []string{"--v", "f"}},
	} {
		ctsh(t, ns, append([]string{"-e", declared, "--"}, c.words...)...).oneLine(t, 2, c.want)
	}
}

// TestParseAddress compares the module with what ctsh reads itself.
func TestParseAddress(t *testing.T) {
	ns := netnstest.New(t)
	ctsh(t, ns, "-e", `
		local addr = require "addr"
		local function own(text)
			local ok, p = pcall(ct.create, {proto = "udp", src = text, sport = 1, dst = text, dport = 1, timeout = 1})
			if ok then p:preview(0) end
			return ok and tostring(p):match("create udp %[?(.-)%]?:1 >") or nil
		end
		local list = {"FD00:0::3", "::ffff:10.0.0.1", "::ffff:1:2", "10.0.0.300", "10.0.0.1 ", "010.0.0.1", "1.2.3", "", "::", "::1", "1::",
			"fe80::1%lo", "10.0.0.0/8", "64:ff9b::1.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:0:2:3:4:5:6:7", "::127.0.0.1", "::ffff", "::ffff:0:1.2.3.4"}
		for _ = 1, 300 do -- zeros in every place
			local groups = {}
			for i = 1, 8 do groups[i] = math.random(3) == 1 and ("%X"):format(math.random(65535)) or "0" end
			list[#list + 1] = table.concat(groups, ":")
		end
		for _, text in ipairs(list) do
			if addr.parse(text) ~= own(text) then print(text, own(text), addr.parse(text)) end
		end
		assert(addr.parse(nil) == nil and addr.parse(5) == nil and addr.parse{} == nil)`).want(t, 0, "", "")
}
