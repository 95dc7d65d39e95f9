package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` says of one package.
type pkg struct {
	Dir          string
	ImportPath   string
	Name         string
	Doc          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// list returns every package of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list",
		"-json=Dir,ImportPath,Name,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Deps",
		module+"...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list output: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 3 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// TestArrows fails for every import that leads to a room above, or that takes
// a guarded library into a room that does not own it.
func TestArrows(t *testing.T) {
	for _, p := range list(t) {
		for _, msg := range violations(p) {
			t.Error(msg)
		}
	}
}

// violations lists what is wrong with the imports of one package.
func violations(p pkg) []string {
	path := strings.TrimPrefix(p.ImportPath, module)
	r, ok := roomOf(path)
	if !ok {
		return []string{path + ": lies in no known room"}
	}
	var bad []string
	direct := func(imports []string, test bool) {
		for _, imp := range imports {
			if why := forbidden(path, r, imp, test); why != "" {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", path, imp, why))
			}
		}
	}
	direct(p.Imports, false)
	direct(p.TestImports, true)
	direct(p.XTestImports, true)
	for _, dep := range p.Deps {
		for _, lib := range r.never {
			if library(dep, lib) {
				bad = append(bad, fmt.Sprintf("%s reaches %s through its imports, which %s may not", path, dep, r.prefix))
			}
		}
	}
	return bad
}

// forbidden says why a package of room r may not import imp, or "".
func forbidden(path string, r room, imp string, test bool) string {
	if rel, own := strings.CutPrefix(imp, module); own {
		allowed := under(rel, r.prefix)
		if to, ok := roomOf(rel); allowed && ok && to.prefix != r.prefix {
			allowed = len(to.prefix) > len(r.prefix) // a room inside this one
		}
		for _, prefix := range r.rooms {
			allowed = allowed || under(rel, prefix)
		}
		if !allowed {
			return "the arrows do not lead there from " + r.prefix
		}
		return ""
	}
	for _, lib := range guarded {
		if !library(imp, lib) {
			continue
		}
		if !slices.Contains(r.libs, lib) {
			return "that library belongs to another room"
		}
		if slices.Contains(peerLibs, lib) && !test && !strings.HasSuffix(path, "/peerbench") {
			return "a peer is only compared against, in tests and in peerbench"
		}
	}
	return ""
}

// TestViolations proves that the rules bite: each import below must be
// reported, and each of the allowed ones must not.
func TestViolations(t *testing.T) {
	for _, c := range []struct {
		from, imp string
		test      bool
		ok        bool
	}{
		{"lua/vm", gopherLua, false, true},
		{"lua/vm", gopherLua + "/parse", false, true},
		{"lua/vm", module + "lua/value", false, true},
		{"lua/vm", module + "bindings/kernel/conntrack", false, false},
		{"lua/vm", module + "repl", false, false},
		{"repl", module + "lua/vm", false, true},
		{"repl", module + "repl/line", false, true},
		{"repl", readline, false, false},
		{"repl", gopherLua, false, false},
		{"repl", module + "bindings/lualib/ct", false, false},
		{"repl/line", readline, false, true},
		{"repl/line", module + "repl", false, false},
		{"bindings/engine/query", "github.com/mdlayher/netlink", false, false},
		{"bindings/engine/query", module + "bindings/kernel/conntrack", false, true},
		{"bindings/engine/query", module + "bindings/lualib/ct", false, false},
		{"bindings/kernel/conntrack", "github.com/mdlayher/netlink/nlenc", false, true},
		{"bindings/kernel/conntrack", "github.com/ti-mo/conntrack", false, false},
		{"bindings/kernel/conntrack", "github.com/ti-mo/conntrack", true, true},
		{"bindings/kernel/conntrack/peerbench", "github.com/ti-mo/conntrack", false, true},
		{"bindings/kernel/conntrack", module + "bindings/engine/query", false, false},
		{"bindings/kernel/conntrack", module + "bindings/kernel/conntrack/wire", false, true},
		{"bindings/lualib/ct", gopherLua, false, true},
		{"bindings/lualib/ct", module + "lua/value", false, true},
		{"bindings/lualib/ct", module + "repl", false, false},
		{"bindings/lualib/ct", "github.com/ti-mo/netfilter", false, false},
		{"cmd/ctsh", module + "cmd/internal/cli", false, true},
		{"cmd/ctsh", module + "bindings/kernel/conntrack", false, false},
		{"cmd/internal/cli", cobra, false, true},
		{"cmd/internal/cli", module + "bindings/lualib", false, true},
		{"cmd/internal/cli", module + "bindings/kernel/netns", false, true},
		{"cmd/internal/cli", gopherLua, false, false},
		{"stdlib", module + "lua/vm", false, false},
	} {
		p := pkg{ImportPath: module + c.from, Imports: []string{c.imp}}
		if c.test {
			p.Imports, p.TestImports = nil, p.Imports
		}
		if got := violations(p); (len(got) == 0) != c.ok {
			t.Errorf("%s -> %s: allowed should be %v, got %q", c.from, c.imp, c.ok, got)
		}
	}
	p := pkg{ImportPath: module + "repl", Deps: []string{"fmt", "github.com/mdlayher/netlink"}}
	if len(violations(p)) != 1 {
		t.Errorf("repl reaching netlink indirectly was not reported: %q", violations(p))
	}
}
