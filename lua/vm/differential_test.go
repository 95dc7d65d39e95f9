package vm

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// driver runs every program of a directory in plain Lua 5.1 and writes what it
// printed beside it.
const driver = `local dir, n = arg[1], tonumber(arg[2])
for i = 0, n - 1 do
  local out = assert(io.open(dir .. "/" .. i .. ".out", "wb"))
  local env = setmetatable({print = function(...)
    local t = {}
    for k = 1, select("#", ...) do t[k] = tostring((select(k, ...))) end
    out:write(table.concat(t, "\t"), "\n")
  end}, {__index = _G})
  local f, err = loadfile(dir .. "/" .. i .. ".lua")
  if not f then out:write("does not compile: ", err, "\n") else
    setfenv(f, env)
    local ok, err = pcall(f)
    if not ok then out:write("failed\n") if os.getenv("WHY") then io.stderr:write(tostring(err), "\n") end end
  end
  out:close()
end
`

// TestDifferential runs programs made at random here and in the lua5.1 of the
// system. What differs on purpose is in the package's documentation and not in
// the programs: the order of pairs, the words of errors, and how numbers of
// more than 14 digits print.
func TestDifferential(t *testing.T) {
	lua51, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("needs the command lua5.1")
	}
	n := 2000
	if testing.Short() {
		n = 200
	}
	dir := t.TempDir()
	p := &programs{Rand: rand.New(rand.NewPCG(5, 1))}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = p.program()
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".lua")), []byte(texts[i]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(dir, "driver.lua")
	if err := os.WriteFile(script, []byte(driver), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, lua51, script, dir, fmt.Sprint(n)).CombinedOutput(); err != nil {
		t.Fatalf("lua5.1: %v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	failed, wrong := 0, 0
	for i, text := range texts {
		theirs, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".out")))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasSuffix(theirs, []byte("failed\n")) {
			failed++
		}
		if strings.Contains(string(theirs), "does not compile") {
			t.Fatalf("program %d: %s\n%s", i, theirs, text)
		}
		ours, _, err := run(t, ctx, text)
		if err != nil {
			ours += "failed\n"
		}
		if ours == string(theirs) {
			continue
		}
		if wrong++; wrong <= 5 {
			t.Errorf("program %d (%v): %s\n%s", i, err, firstDifference(ours, string(theirs)), strings.TrimPrefix(text, preamble))
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d programs differ", wrong, n)
	}
	if failed > n/5 {
		t.Errorf("%d of %d programs only fail: the test tests too little", failed, n)
	}
	t.Logf("%d programs, %d of which end with an error", n, failed)
}

// firstDifference is the first line in which two outputs differ.
func firstDifference(ours, theirs string) string {
	a, b := strings.Split(ours, "\n"), strings.Split(theirs, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "(the end)", "(the end)"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("line %d is %q, in lua5.1 %q", i+1, x, y)
		}
	}
	return "no difference"
}
