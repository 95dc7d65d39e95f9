package syntax

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/ctsh/ctsh/lua/library"
)

var (
	programs = flag.Int("programs", 600, "random programs to compare")
	seed     = flag.Uint64("seed", 1, "seed of the first random program")
)

// reference runs each chunk with an interpreter of another make and returns
// what it returned as text, "error" where it failed.
func reference(t *testing.T, interpreter string, chunks []string) []string {
	t.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		t.Skipf("%s is not installed", interpreter)
	}
	var b strings.Builder
	b.WriteString("local load = loadstring or load\nlocal function try(source)\nlocal f, e = load(source)\nif not f then print('no chunk', e) return end\n" +
		"local ok, s = pcall(f)\nprint(ok and (tostring(s):gsub('%c', '?')) or 'error')\nend\n")
	for _, c := range chunks {
		fmt.Fprintf(&b, "try([=====[\n%s]=====])\n", c)
	}
	file := filepath.Join(t.TempDir(), "chunks.lua")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%.500s", interpreter, err, out)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(chunks) {
		t.Fatalf("%s printed %d lines for %d chunks", interpreter, len(lines), len(chunks))
	}
	return lines
}

// compiler makes a function of a chunk.
type compiler func([]ast.Stmt, string) (*lua.FunctionProto, error)

// result is what a chunk returns when a compiler made it, as text.
func result(compile compiler, source string) string {
	return resultWithin(20*time.Second, compile, source)
}

// resultWithin is "error" also for a chunk that takes longer.
func resultWithin(limit time.Duration, compile compiler, source string) (text string) {
	L := lua.NewState(lua.Options{RegistrySize: 1024, RegistryMaxSize: 1 << 16, RegistryGrowStep: 1024})
	L.OpenLibs()
	defer L.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	L.SetContext(ctx)
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint("panic: ", r)
		}
	}()
	chunk, err := parse.Parse(strings.NewReader(source), "t")
	if err != nil {
		return "no chunk"
	}
	proto, err := compile(chunk, "t")
	if err != nil {
		return "no chunk: " + err.Error()
	}
	L.Push(L.NewFunctionFromProto(proto))
	if err := L.PCall(0, 1, nil); err != nil {
		return "error"
	}
	return L.ToStringMeta(L.Get(-1)).String()
}

// ours compiles as the host does, "..", too, being a call.
func ours(chunk []ast.Stmt, name string) (*lua.FunctionProto, error) {
	return Compile(chunk, name, library.NewConcat(lua.NewState(lua.Options{SkipOpenLibs: true})))
}

// withoutConcat compiles with the instruction for "..".
func withoutConcat(chunk []ast.Stmt, name string) (*lua.FunctionProto, error) {
	return Compile(chunk, name, nil)
}

// TestPrograms compares random programs with another interpreter.
func TestPrograms(t *testing.T) {
	for _, c := range []struct {
		interpreter string
		labels      bool
	}{{"lua5.1", false}, {"lua5.2", true}} {
		t.Run(c.interpreter, func(t *testing.T) {
			var chunks []string
			for i := range *programs {
				chunks = append(chunks, newProgram(*seed+uint64(i), c.labels))
			}
			differ, failed, best := 0, 0, -1
			for i, want := range reference(t, c.interpreter, chunks) {
				if want == "error" {
					failed++
				}
				if got := result(ours, chunks[i]); got != want {
					differ++
					if best < 0 || len(chunks[i]) < len(chunks[best]) {
						best = i
					}
				}
			}
			if failed > len(chunks)/20 {
				t.Errorf("%d of %d programs fail, which says little", failed, len(chunks))
			}
			if best >= 0 {
				s := shrunk(t, c.interpreter, ours, chunks[best])
				t.Errorf("%d of %d programs differ, for example\n%s\nwant %s\ngot  %s", differ, len(chunks),
					strings.TrimPrefix(s, prelude), reference(t, c.interpreter, []string{s})[0], result(ours, s))
			}
		})
	}
}
