package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// TestFilesDifferential does the same to a file here and with lua5.1.
func TestFilesDifferential(t *testing.T) {
	dir := t.TempDir()
	with := func(mode, body string) string {
		return fmt.Sprintf("(function() local n = %q local p = assert(io.open(n, 'w')) p:write('one\\ntwo 2.5\\n\\n 0x1F -7e2 x end') p:close() local f = assert(io.open(n, '%s')) local r = {n = 12, (function() %s end)()} pcall(f.close, f) for i = 1, 12 do r[i] = io.type(r[i]) or r[i] end f = io.open(n) r[13] = f:read('*a') f:close() r.n = 13 return r end)()",
			filepath.Join(dir, "file"), mode, body)
	}
	var es []string
	for _, body := range []string{"return f:read()", "return f:read('*l', '*l', '*l', '*l', '*l')", "return f:read('*a', '*a', '*l')", "return f:read(3, 1, 0, 100, 0, 1)", "f:read() return f:read('*l'), f:read('*n', '*n', '*n')",
		"f:read('*l', '*l', '*l') return f:read('*n', '*n', '*n', '*l')", "return f:read('x')", "return f:read({})", "return f:seek(), f:seek('set', 4), f:read(3), f:seek('cur', -1), f:read(), f:seek('end'), f:read()",
		"return f:seek('set', -5)", "return (pcall(f.seek, f, 'top'))", "local t = {} for l in f:lines() do t[#t + 1] = l end return table.concat(t, '|'), f:read()", "f:close() return (pcall(f.read, f))", "return f:close(), io.type(f), tostring(f)",
		"return f:setvbuf('no'), f:flush()", "return io.type(f), io.type(5), io.type(io.stdout)", "return f:write('x', 5, 2.5)", "return (pcall(f.write, f, {}))", "return (pcall(f.read, 5))", "local i = io.input(f) return io.read(), io.read('*n'), io.lines()()",
		"io.output(f) return io.write('zz'), io.output() == f", "f:read() return f:write('W'), f:seek(), f:read()", "return f:seek('set', 2), f:write('WW'), f:read(1)"} {
		for _, mode := range []string{"r", "r+", "a+", "rb"} {
			if strings.Contains(body, ":read() return f:write") || strings.Contains(body, "WW") { // needs a seek between in C
				continue
			}
			es = append(es, with(mode, body))
		}
	}
	name := fmt.Sprintf("%q", filepath.Join(dir, "file"))
	es = append(es, "io.open('/no/such/file')", "(pcall(io.lines, '/no/such/file'))", "io.type()", "(function() local t = {} for l in io.lines("+name+") do t[#t + 1] = l end return table.concat(t, ',') end)()",
		"(function() local f = io.tmpfile() f:write('abc') f:seek('set') return f:read('*a') end)()", "io.open("+name+", 'w'):write('1\\r\\n2\\n'):close()", "io.stdout:close()",
		"(function() local f = io.open("+name+", 'w') local r = f:write(0.1, ' ', 1e15, ' ', -2) f:close() return r, io.open("+name+"):read('*a') end)()")
	compare(t, es)
}

func TestStreams(t *testing.T) {
	var out, errs bytes.Buffer
	L := state(t, nil, IO{Stdin: strings.NewReader("first\n12 rest\nlast"), Stdout: &out, Stderr: &errs})
	got, err := eval(L, "io.write('a', 1, '\\n') io.stdout:write('b') io.stderr:write('c') local a, n, rest = io.read(), io.read('*n', '*l') local all = io.read('*a') return a .. '|' .. n .. '|' .. rest .. '|' .. all .. '|' .. tostring(io.read())")
	if err != nil || got != "first|12| rest|last|nil" || out.String() != "a1\nb" || errs.String() != "c" {
		t.Errorf("%q %v, printed %q and %q", got, err, &out, &errs)
	}
	if got, err := eval(state(t, nil, IO{}), "io.write('x') return tostring(io.read()) .. tostring(io.popen)"); err != nil || got != "nilnil" {
		t.Errorf("%q %v", got, err)
	}
}

func TestFileErrors(t *testing.T) {
	L := state(t, nil, IO{})
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, bytes.Repeat([]byte("x"), MaxString+1), 0o600); err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf("io.open(%q)", big)
	for source, want := range map[string]string{
		file + ":read('*a')": "at once", file + ":read('*l')": "at once", file + ":read(2^24 + 1)": "at once", file + ":lines()()": "at once", "io.open('/x', 'z')": `"mode" of io.open: "z"`,
		"io.open({})": "want a string", "io.lines('/no/such/file')": "No such file or directory", "io.input('/no/such/file')": "No such file", "io.close(5)": "want a file",
		"io.stdout.write()": "want a file, got nil", "io.write({})": "want a string or number", "io.stdout:seek('x')": "want set, cur or end", "io.read('*x')": "want *l, *a, *n",
		"io.stdout:lines()()": "not opened to be read", "(function() local f = io.tmpfile() f:close() f:read() end)()": "the file is closed",
		"(function() local f = io.tmpfile() local l = f:lines() f:close() l() end)()": "the file is closed", "io.write(('x'):rep(2^24), 'x')": "longer than",
	} {
		if _, err := eval(L, "local _ = nil, "+source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
	if got, err := eval(L, fmt.Sprintf("local f = %s return #f:read(2^24) .. ' ' .. f:read(5) .. tostring(f:read(1))", file)); err != nil || got != "16777216 xnil" {
		t.Errorf("%s %v", got, err)
	}
}

// TestFilesThatWait checks that a reader is interrupted while nobody writes,
// and loses nothing of what comes later; and that others run meanwhile.
func TestFilesThatWait(t *testing.T) {
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	for _, fifo := range []string{in, out} {
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Skip(err)
		}
	}
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	var turn sync.Mutex
	blocked := 0
	turn.Lock()
	L := state(t, nil, IO{Stdin: r, Block: func(fn func()) {
		turn.Unlock()
		fn()
		turn.Lock()
		blocked++
	}})
	for _, source := range []string{"io.read()", fmt.Sprintf("io.open(%q)", in), fmt.Sprintf("io.open(%q, 'w')", out), "for l in io.lines() do end", "io.stdin:read('*a')"} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		L.SetContext(ctx)
		if _, err := eval(L, source); !errors.Is(err, luaerr.ETIMEDOUT) {
			t.Errorf("%s: %v", source, err)
		}
		cancel()
		L.RemoveContext()
	}
	if blocked != 5 {
		t.Errorf("blocked %d times", blocked)
	}
	go func() { _, _ = io.WriteString(w, "late\nmore\n") }()
	if got, err := eval(L, "return io.read() .. io.read()"); err != nil || got != "latemore" {
		t.Errorf("%q %v", got, err)
	}
	// A file in use belongs to the task that waits for it.
	th, _ := L.NewThread()
	done := make(chan error, 1)
	go func() {
		turn.Lock()
		defer turn.Unlock()
		th.Push(L.GetField(L.GetGlobal("io"), "read"))
		done <- th.PCall(0, 0, nil)
	}()
	turn.Unlock()
	time.Sleep(20 * time.Millisecond)
	turn.Lock()
	_, err := eval(L, "io.read()")
	if err == nil || !strings.Contains(err.Error(), "another task") {
		t.Errorf("%v", err)
	}
	turn.Unlock()
	_, _ = io.WriteString(w, "end\n")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
