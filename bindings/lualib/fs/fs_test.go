package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

func TestExamples(t *testing.T) {
	luatest.Examples(t, []*registry.Family{module.Family, fileType.Family, lockType.Family}, func(t *testing.T, stdout io.Writer) *vm.VM {
		t.Chdir(t.TempDir())
		v := vm.New(context.Background(), vm.Options{Stdout: stdout})
		h := Open(v)
		t.Cleanup(h.Close)
		return v
	})
}

// run runs a script and returns what it printed.
func run(t *testing.T, ctx context.Context, script string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	v := vm.New(ctx, vm.Options{Stdout: &out, Stderr: &out})
	v.OpenTasks()
	h := Open(v)
	defer h.Close()
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	err := v.Run("t.lua", script)
	if err == nil {
		err = v.Wait()
	}
	return out.String(), err
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestScripts(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "crlf", "a\r\nb\r\n\r\nc\r")
	put(t, "empty", "")
	put(t, "newlines", "\n\n")
	put(t, "bytes", "\x00\xff\n\x80")
	put(t, "edge", strings.Repeat("x", maxRead))
	put(t, "over", strings.Repeat("x", maxRead+1))
	put(t, "many", strings.Repeat("\n", maxLines))
	put(t, "toomany", strings.Repeat("\n", maxLines)+"x")
	put(t, "longline", "short\n"+strings.Repeat("y", maxLine)+"\nend")
	put(t, "longerline", "short\n"+strings.Repeat("y", maxLine+2)+"\nend")
	put(t, "endless", strings.Repeat("y", 3*maxLine))
	put(t, "large", strings.Repeat(strings.Repeat("z", 99)+"\n", 10_000)+"tail")
	for _, c := range []struct{ script, want string }{
		{`for i, s in ipairs(fs.lines("crlf")) do print(i, ("%q"):format(s)) end`, "1\t\"a\"\n2\t\"b\"\n3\t\"\"\n4\t\"c\\r\"\n"},
		{`print(#fs.lines("empty"), #fs.lines("newlines"), #fs.read("empty"))`, "0\t2\t0\n"},
		{`local l = fs.lines("bytes") print(#l, #l[1], l[2]:byte(), fs.read("bytes") == "\0\255\n\128")`, "2\t2\t128\ttrue\n"},
		{`print(#fs.read("edge"), #fs.lines("many"))`, "16777216\t1000000\n"},
		{`fs.read("over")`, `"over" is larger than 16 MiB; fs.each_line`},
		{`fs.lines("toomany")`, `"toomany" has more than 1000000 lines`},
		{`fs.lines("/dev/zero")`, `"/dev/zero" is larger than 64 MiB`}, {`fs.each_line("/dev/zero", print)`, `line of more than 1048576 bytes: line 1`},
		{`print(fs.each_line("longline", function(s, n) print(n, #s) end))`, "1\t5\n2\t1048576\n3\t3\n3\n"},
		{`fs.each_line("longerline", function(s, n) end)`, `line 2`}, {`fs.each_line("endless", print)`, "line 1"},
		{`local n = 0 print(fs.each_line("large", function(s, i) n = n + #s assert(i == 10001 or s == ("z"):rep(99)) end), n)`, "10001\t990004\n"},
		{`print(fs.each_line("large", function(s, i) return i < 7 end))`, "7\n"}, {`print(fs.each_line("empty", error))`, "0\n"},
		{`print(pcall(fs.each_line, "large", function() error("x", 0) end))`, "false\tt.lua:1: x\n"},
		{`local co = coroutine.wrap(function() fs.each_line("large", coroutine.yield) end) co()`, "outside of a coroutine"},
		{`print(fs.read("/proc/self/status"):match("Name:\t(%S+)") ~= nil)`, "true\n"},
		{`fs.read(".")`, `cannot read ".": is a directory; fs.list`}, {`fs.list("empty")`, `cannot list "empty": not a directory`},
		{`fs.read("")`, "empty string"}, {`fs.read("a\0b")`, "NUL byte"}, {`fs.read("crfl")`, `did you mean "crlf"?`}, {`fs.read(7)`, "want a string"},
		{`fs.stat("loop")`, `too many levels`}, {`print(fs.stat("empty/x"), fs.exists("empty/x"), fs.remove("empty/x"))`, "nil\tfalse\tfalse\n"},
		{`fs.write("a", "b", {mode = "rw"})`, `"rw" is not a mode such as "0644"`}, {`fs.write("a", "b", {mode = "77777"})`, "is not a mode"}, {`fs.write("a", "b", {made = "600"})`, `did you mean "mode"?`},
		{`fs.write(".", "x")`, `cannot write ".": is a directory`}, {`fs.write("new/", "x")`, "directory"}, {`fs.write("empty/x", "x")`, "not a directory"},
		{`fs.write("/dev/null", "x")`, `"/dev/null" is a device, and only regular files are written`}, {`fs.write("/dev/null", "x", {append = true})`, "is a device"},
		{`fs.write("fifo", "x")`, `"fifo" is a fifo`}, {`fs.write("fifo", "x", {append = true})`, `"fifo" is a fifo`}, {`fs.lock("fifo")`, `"fifo" is a fifo`},
		{`fs.write("dangling", "x")`, `"dangling" is a link to what does not exist`}, {`fs.lock("no/dir")`, `make the directory first: fs.mkdir("no")`},
		{`fs.mkdir("full/x") fs.remove("full")`, `cannot remove "full": directory not empty; remove what is in it first`},
		{`fs.mkdir("empty")`, "file exists"}, {`fs.mkdir("empty/x")`, "not a directory"}, {`print(fs.mkdir("d1/"), fs.mkdir("d1"), fs.mkdir("/"))`, "true\tfalse\tfalse\n"},
		{`fs.write("link", "new") print(fs.read("target"))`, "new\n"}, {`fs.write("link", "er", {append = true}) print(fs.read("target"))`, "newer\n"},
		{`local l = fs.lock("l") print(l.held, l.path, fs.lock("l")) l:release() l:release() print(l.held, fs.lock("l"))`, "true\tl\tnil\nfalse\tlock \"l\", held\n"},
		{`local l = fs.lock("m") every("1ms", function() l:release() end) print(fs.lock("m", {wait = "30s"})) exit()`, "lock \"m\", held\n"},
	} {
		_ = os.Symlink("loop", "loop")
		_ = os.Symlink("nowhere", "dangling")
		_ = os.Symlink("target", "link")
		_ = unix.Mkfifo("fifo", 0o600)
		if _, err := os.Stat("target"); err != nil {
			put(t, "target", "old")
		}
		out, err := run(t, context.Background(), c.script)
		var exit *luaerr.Exit
		if err != nil && !errors.As(err, &exit) {
			out = err.Error()
		}
		if !strings.Contains(out, c.want) || err == nil && out != c.want {
			t.Errorf("%s: got %.300q, want %q", c.script, out, c.want)
		}
	}
	if st, err := os.Lstat("link"); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", st, err)
	}
	leftovers(t, ".")
}

// leftovers fails the test where a temporary file was left behind.
func leftovers(t *testing.T, dir string) {
	t.Helper()
	if names, _ := filepath.Glob(filepath.Join(dir, ".ctsh-*")); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// TestInterruption checks that nothing holds up the end of a script: a FIFO
// without a writer, one whose writer says nothing, a lock that another holds.
func TestInterruption(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"fifo", "quiet"} {
		if err := unix.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	quiet, err := os.OpenFile("quiet", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	other, err := hold(context.Background(), "test", "held", unix.O_RDWR, 0o600, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	put(t, "file", "x\n")
	for _, script := range []string{`fs.read("fifo")`, `fs.lines("quiet")`, `fs.each_line("quiet", print)`, `fs.lock("held", {wait = "1h"})`,
		`fs.write("held", "x", {append = true})`, `while true do pcall(fs.read, "/dev/zero") end`, `fs.each_line("file", function() while true do end end)`} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		begin := time.Now()
		_, err := run(t, ctx, script)
		cancel()
		if !errors.Is(err, luaerr.ETIMEDOUT) || time.Since(begin) > 8*time.Second {
			t.Errorf("%s: %v after %s", script, err, time.Since(begin))
		}
	}
}

// TestFIFO checks that reading a FIFO waits for its writers and ends with them,
// and that other tasks go on meanwhile: one of them starts the writer.
func TestFIFO(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"fifo", "start"} {
		if err := unix.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written := make(chan error, 1)
	go func() {
		start, err := os.Open("start") // waits for somebody to write to it
		if err == nil {
			_ = start.Close()
			var w *os.File
			if w, err = os.OpenFile("fifo", os.O_WRONLY, 0); err == nil {
				_, one := io.WriteString(w, "one\ntwo")
				time.Sleep(3 * patience)
				_, two := io.WriteString(w, "\nthree")
				err = errors.Join(one, two, w.Close())
			}
		}
		written <- err
	}()
	var out bytes.Buffer
	v := vm.New(context.Background(), vm.Options{Stdout: &out, Stderr: &out})
	v.OpenTasks()
	defer Open(v).Close()
	defer v.Close()
	v.Tasks.Lock()
	v.Tasks.Go("starter", func(context.Context) error {
		v.Tasks.Lock() // has to wait until the script does
		defer v.Tasks.Unlock()
		w, err := os.OpenFile("start", os.O_WRONLY, 0)
		return errors.Join(err, w.Close())
	})
	err := v.Run("t.lua", `for _, s in ipairs(fs.lines("fifo")) do print(s) end`)
	v.Tasks.Unlock()
	if err := errors.Join(err, <-written); err != nil || out.String() != "one\ntwo\nthree\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

// TestDescriptors checks that no call keeps a file open, however it ends.
func TestDescriptors(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "f", "x\ny\n")
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	script := `
		for i = 1, 100 do
			fs.read("f") fs.lines("f") fs.list(".") fs.stat("f") fs.write("g", "x") fs.write("g", "x", {append = true}) fs.mkdir("d") fs.remove("d")
			pcall(fs.each_line, "f", error) pcall(fs.read, ".") pcall(fs.write, "f/x", "") pcall(fs.write, ".", "", {append = true}) pcall(fs.read, "/dev/zero", 1)
			local l = fs.lock("l") fs.lock("l") l:release()
			fs.lock("kept" .. i) -- until the end
		end`
	if _, err := run(t, context.Background(), `fs.read("f")`); err != nil { // opens what Go keeps open
		t.Fatal(err)
	}
	before := count()
	if _, err := run(t, context.Background(), script); err != nil {
		t.Fatal(err)
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

func ExampleHost() {
	v := vm.New(context.Background(), vm.Options{Stdout: os.Stdout})
	h := Open(v)
	v.Tasks.Lock()
	err := v.Run("example.lua", `print(fs.exists("/proc/self"))`)
	v.Tasks.Unlock()
	v.Close()
	h.Close()
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
