package line

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// console is a terminal with an editor on one side and the test on the other.
type console struct {
	t    *testing.T
	user *os.File // where keys go in and the picture comes out
	tty  *os.File
	ed   Reader

	mu   sync.Mutex
	seen strings.Builder
}

func newConsole(t *testing.T, cols uint16, history ...string) *console {
	t.Helper()
	user, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	if err := pty.Setsize(user, &pty.Winsize{Rows: cols / 3, Cols: cols}); err != nil {
		t.Fatal(err)
	}
	user = pollable(t, user)
	c := &console{t: t, user: user, tty: tty}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := user.Read(buf)
			c.mu.Lock()
			c.seen.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	c.ed, err = Open(tty, tty, history)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.ed.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		_ = tty.Close()
		_ = user.Close()
	})
	return c
}

// pollable returns the file in non-blocking mode: only then does Close take
// effect while another goroutine reads.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "pty")
}

// picture returns everything drawn so far.
func (c *console) picture() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.String()
}

// wait returns when the text has been drawn at least n times.
func (c *console) wait(text string, n int) {
	c.t.Helper()
	for end := time.Now().Add(patience); strings.Count(c.picture(), text) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%q not drawn %d times; the terminal shows %q", text, n, c.picture())
		}
	}
}

type outcome struct {
	text string
	err  error
}

// begin starts reading a line and returns once the prompt is there.
func (c *console) begin(prompt string) <-chan outcome {
	c.t.Helper()
	before := strings.Count(c.picture(), prompt)
	done := make(chan outcome, 1)
	go func() {
		text, err := c.ed.ReadLine(prompt)
		done <- outcome{text, err}
	}()
	c.raw(done)
	c.wait(prompt, before+1)
	return done
}

// raw returns when keys reach the editor, or the line was typed ahead and is
// done: before, Ctrl-C is a signal of the terminal's. The prompt does not tell,
// since what the last line drew may come as late.
func (c *console) raw(done <-chan outcome) {
	c.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
		switch {
		case err != nil:
			c.t.Fatal(err)
		case mode.Lflag&unix.ICANON == 0, len(done) > 0:
			return
		case time.Now().After(end):
			c.t.Fatalf("the terminal is not raw; it shows %q", c.picture())
		}
	}
}

func (c *console) press(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.user, keys); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) end(done <-chan outcome) outcome {
	c.t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(patience):
		buf := make([]byte, 1<<16)
		c.t.Fatalf("ReadLine did not return; the terminal shows %q\n%s", c.picture(), buf[:runtime.Stack(buf, true)])
		return outcome{}
	}
}

// read types keys at a fresh prompt and returns what ReadLine made of them.
func (c *console) read(keys string) (string, error) {
	c.t.Helper()
	done := c.begin("ct> ")
	c.press(keys)
	o := c.end(done)
	return o.text, o.err
}

func TestEditing(t *testing.T) {
	for _, tc := range []struct{ name, keys, want string }{
		{"plain", "flows:count()\r", "flows:count()"},
		{"backspace", "abx\x7fc\r", "abc"},
		{"left and insert", "ac\x1b[Db\r", "abc"},
		{"home of tmux", "bc\x1b[1~a\r", "abc"},
		{"end of tmux", "bc\x1b[1~a\x1b[4~d\r", "abcd"},
		{"delete to the right", "xabc\x1b[H\x1b[3~\r", "abc"},
		{"delete on an empty line is no end of file", "\x1b[3~abc\r", "abc"},
		{"delete twice on an empty line", "\x1b[3~\x1b[3~a\x7f\x1b[3~abc\r", "abc"},
		{"NUL is no end of file", "\x00a\x00bc\r", "abc"},
		{"Ctrl-Z does nothing", "a\x1abc\r", "abc"},
		{"tab types spaces", "a\tb\r", "a    b"},
		{"two tabs", "a\t\tb\r", "a        b"},
		{"unknown keys do nothing", "a\x1b[15~\x1b[200~b\x1bxc\r", "abc"},
		{"Ctrl-U", "junk\x15abc\r", "abc"},
		{"Ctrl-W", "abc junk\x17\r", "abc "},
		{"wide runes", "é漢\x1b[Dx\r", "éx漢"},
		{"longer than the terminal", strings.Repeat("0123456789", 12) + "\r", strings.Repeat("0123456789", 12)},
		{"history up", "\x1b[A\r", "second"},
		{"history up, up, down", "\x1b[A\x1b[A\x1b[B\r", "second"},
		{"history up and edit", "\x1b[A\x1b[A!\r", "first!"},
		{"search backwards", "\x12fir\r", "first"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newConsole(t, 80, "first", "second")
			if got, err := c.read(tc.keys); got != tc.want || err != nil {
				t.Errorf("%q gave %q, %v; want %q", tc.keys, got, err, tc.want)
			}
		})
	}
}

func TestEndOfFile(t *testing.T) {
	c := newConsole(t, 80)
	if got, err := c.read("\x04"); !errors.Is(err, io.EOF) {
		t.Errorf("Ctrl-D on an empty line: %q, %v", got, err)
	}
	if got, err := c.read("xabc\x1b[H\x04\r"); got != "abc" || err != nil {
		t.Errorf("Ctrl-D inside a line: %q, %v", got, err)
	}
}

func TestInterrupt(t *testing.T) {
	c := newConsole(t, 80)
	for range 3 {
		if got, err := c.read("half a li\x03"); !errors.Is(err, ErrInterrupt) || got != "" {
			t.Fatalf("Ctrl-C: %q, %v", got, err)
		}
	}
	if got, err := c.read("whole\r"); got != "whole" || err != nil {
		t.Errorf("after Ctrl-C: %q, %v", got, err)
	}
}

// TestSearchWithoutHistory: leaving a search with nothing to search panics in
// the library, so the search never starts.
func TestSearchWithoutHistory(t *testing.T) {
	c := newConsole(t, 80)
	if _, err := c.read("\x12\x03"); !errors.Is(err, ErrInterrupt) {
		t.Errorf("Ctrl-R, Ctrl-C: %v", err)
	}
	if got, err := c.read("\x13\x12abc\r"); got != "abc" || err != nil {
		t.Errorf("Ctrl-S, Ctrl-R, text: %q, %v", got, err)
	}
	if got, err := c.read("\x12ab\x03\x03"); !errors.Is(err, ErrInterrupt) {
		t.Errorf("search in one line of history, left by Ctrl-C: %q, %v", got, err)
	}
}

// TestZeroSize: a terminal that does not know its size must neither spin nor
// divide by zero.
func TestZeroSize(t *testing.T) {
	c := newConsole(t, 0, "first")
	if got, err := c.read("a\t\x12fi\r"); got != "first" || err != nil {
		t.Errorf("on a 0x0 terminal: %q, %v", got, err)
	}
}

func TestNarrow(t *testing.T) {
	c := newConsole(t, 3, "first")
	if got, err := c.read("abcdefgh\x1b[Hx\r"); got != "xabcdefgh" || err != nil {
		t.Errorf("on a 3 column terminal: %q, %v", got, err)
	}
}

// TestTypeAhead: what is typed while nobody reads waits for the next ReadLine.
func TestTypeAhead(t *testing.T) {
	c := newConsole(t, 80)
	if got, err := c.read("one\rtwo\rth"); got != "one" || err != nil {
		t.Fatalf("first line: %q, %v", got, err)
	}
	done := c.begin("ct> ")
	if o := c.end(done); o.text != "two" || o.err != nil {
		t.Fatalf("second line: %q, %v", o.text, o.err)
	}
	if got, err := c.read("ree\r"); got != "three" || err != nil {
		t.Fatalf("third line: %q, %v", got, err)
	}
}

// TestCloseWhileReading: Close ends a pending read at once, with and without
// text in the line.
func TestCloseWhileReading(t *testing.T) {
	for _, typed := range []string{"", "half"} {
		c := newConsole(t, 80)
		done := c.begin("ct> ")
		c.press(typed)
		if typed != "" {
			c.wait(typed, 1)
		}
		if err := c.ed.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		if o := c.end(done); !errors.Is(o.err, io.EOF) || o.text != "" {
			t.Errorf("after Close: %q, %v", o.text, o.err)
		}
		if _, err := c.ed.ReadLine("ct> "); !errors.Is(err, io.EOF) {
			t.Errorf("ReadLine after Close: %v", err)
		}
	}
}

func TestHangUp(t *testing.T) {
	c := newConsole(t, 80)
	done := c.begin("ct> ")
	_ = c.user.Close()
	if o := c.end(done); !errors.Is(o.err, io.EOF) {
		t.Errorf("after a hang-up: %q, %v", o.text, o.err)
	}
}

// TestModeRestored: outside ReadLine the terminal is as it was found.
func TestModeRestored(t *testing.T) {
	c := newConsole(t, 80)
	mode := func() unix.Termios {
		m, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return *m
	}
	before := mode()
	done := c.begin("ct> ")
	if mode() == before {
		t.Error("the terminal is not raw while a line is read")
	}
	c.press("abc\r")
	c.end(done)
	if got := mode(); got != before {
		t.Errorf("mode after reading: %+v, before: %+v", got, before)
	}
}

// TestWrite: what is printed while a line is being edited does not tear it.
func TestWrite(t *testing.T) {
	c := newConsole(t, 80)
	done := c.begin("ct> ")
	c.press("abc")
	c.wait("abc", 1)
	if _, err := io.WriteString(c.ed, "news\n"); err != nil {
		t.Fatal(err)
	}
	c.wait("news", 1)
	after := c.picture()[strings.LastIndex(c.picture(), "news"):]
	for end := time.Now().Add(patience); !strings.Contains(after, "ct> abc") && time.Now().Before(end); time.Sleep(time.Millisecond) {
		after = c.picture()[strings.LastIndex(c.picture(), "news"):]
	}
	if !strings.Contains(after, "ct> abc") {
		t.Errorf("the line was not drawn again: %q", after)
	}
	c.press("d\r")
	if o := c.end(done); o.text != "abcd" {
		t.Errorf("line after a print: %q, %v", o.text, o.err)
	}
}

// TestWriteBetweenReads: a print while nothing is edited is only itself.
func TestWriteBetweenReads(t *testing.T) {
	c := newConsole(t, 80)
	for range 50 {
		if _, err := c.read("abc\r"); err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		c.seen.Reset()
		c.mu.Unlock()
		for _, text := range []string{"half ", "a line", "\n"} {
			if _, err := io.WriteString(c.ed, text); err != nil {
				t.Fatal(err)
			}
		}
		c.wait("a line\r\n", 1)
		if _, rest, ok := strings.Cut(c.picture(), "half"); !ok || strings.Contains(rest, "\x1b") {
			t.Fatalf("the print came with more: %q", rest)
		}
	}
}

// TestCtrlZSparesTheParent runs an editor in a child process and presses
// Ctrl-Z: the library alone would stop this process.
func TestCtrlZSparesTheParent(t *testing.T) {
	if os.Getenv("LINE_TEST_CHILD") != "" {
		ed, err := Open(os.Stdin, os.Stdout, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := ed.ReadLine("ct> ")
		if text != "ab" || err != nil {
			t.Fatalf("child read %q, %v", text, err)
		}
		return
	}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, unix.SIGTSTP)
	defer signal.Stop(stopped)
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "LINE_TEST_CHILD=1")
	user, err := pty.Start(cmd)
	if err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	defer user.Close()
	buf := make([]byte, 4096)
	for seen := ""; !strings.Contains(seen, "ct> "); {
		n, err := user.Read(buf)
		if err != nil {
			t.Fatalf("child ended early: %v after %q", err, seen)
		}
		seen += string(buf[:n])
	}
	if _, err := io.WriteString(user, "a\x1ab\r"); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, user) }()
	if err := cmd.Wait(); err != nil {
		t.Errorf("child: %v", err)
	}
	select {
	case <-stopped:
		t.Error("Ctrl-Z sent SIGTSTP to the parent")
	default:
	}
}

// TestNothingLeaks: an editor leaves no goroutine and no descriptor behind,
// however it was closed.
func TestNothingLeaks(t *testing.T) {
	user, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	defer user.Close()
	defer tty.Close()
	go func() { _, _ = io.Copy(io.Discard, user) }()
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	goroutines, files := runtime.NumGoroutine(), descriptors()
	for i := range 20 {
		ed, err := Open(tty, tty, []string{"old"})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			done := make(chan error, 1)
			go func() {
				_, err := ed.ReadLine("ct> ")
				done <- err
			}()
			<-ed.(*editor).started(t)
			if err := ed.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, io.EOF) {
				t.Fatalf("ReadLine after Close: %v", err)
			}
		}
		if err := ed.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines+1 || descriptors() > files; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines and %d descriptors, before %d and %d\n%s", runtime.NumGoroutine(), descriptors(),
				goroutines, files, buf[:runtime.Stack(buf, true)])
		}
	}
}

// started returns what is closed once the editor waits for keys.
func (e *editor) started(t *testing.T) <-chan struct{} {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		e.mu.Lock()
		keys := e.keys
		e.mu.Unlock()
		if keys != nil {
			return keys.begun
		}
	}
	t.Fatal("the editor did not start")
	return nil
}

// TestNoTerminal: a pipe is refused, not drawn on.
func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := Open(r, w, nil); err == nil {
		t.Error("a pipe was taken for a terminal")
	}
}
