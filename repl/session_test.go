package repl

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ctsh/ctsh/lua/vm"
)

// screen is what was printed.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until a text was printed.
func (s *screen) await(text string) {
	for !strings.Contains(s.String(), text) {
		time.Sleep(time.Millisecond)
	}
}

// user types lines. Behind a line "^C" the next one is followed by as many
// interrupts, once something has printed "busy"; "..." waits for that.
type user struct {
	*screen
	lines     []string
	interrupt chan os.Signal
}

func (u *user) ReadLine(string) (string, error) {
	for len(u.lines) > 0 {
		text := u.lines[0]
		u.lines = u.lines[1:]
		if text == "..." {
			u.await("busy")
			continue
		}
		n := strings.Count(text, "^C")
		if n == 0 {
			return text, nil
		}
		go func() {
			u.await("busy")
			for range n {
				u.interrupt <- os.Interrupt
			}
		}()
	}
	return "", io.EOF
}

func (u *user) Close() error { return nil }

// session runs lines and returns what was printed, in words.
func session(t *testing.T, lines ...string) string {
	t.Helper()
	out, interrupt := &screen{}, make(chan os.Signal)
	v := vm.New(context.Background(), vm.Options{Stdout: out, Stderr: out})
	v.OpenTasks()
	s := &Session{VM: v, Lines: &user{out, lines, interrupt}, Out: out, Interrupt: interrupt}
	ended := make(chan error, 1)
	go func() {
		v.Tasks.Lock()
		err := s.Run()
		v.Tasks.Unlock()
		v.Close()
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("the prompt does not come back; it printed %q", out)
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func TestInterrupts(t *testing.T) {
	const spins = "t = spawn(function() print('busy') while true do end end)"
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"an evaluation", []string{"^C", "print('busy') while true do end", "1 + 1"}, "busy interrupted 2"},
		{"an evaluation, not the tasks", []string{"t = spawn(sleep, '1h')", "^C", "print('busy') sleep('1h')", "t.state"}, "busy interrupted running"},
		{"a task that keeps the turn", []string{spins, "...", "^C", "1 + 1", "t.state"}, "busy 2 cancelled"},
		{"a task that keeps an evaluation from its end", []string{"^C^C", spins + " sleep('1h')", "t.state"}, "busy interrupted cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := session(t, c.lines...); got != c.want {
				t.Errorf("printed %q, want %q", got, c.want)
			}
		})
	}
}

// What was shown last is "_".
func TestLast(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"nothing yet", []string{"_ == nil"}, "true"},
		{"a number", []string{"6 * 7", "_ + 1", "_ + 1"}, "42 43 44"},
		{"the first of several", []string{"1, 2, 3", "_"}, "1 2 3 1"},
		{"the first that is not nil", []string{"nil, 'why'", "_"}, "why why"},
		{"false", []string{"false", "_ == false"}, "false true"},
		{"not what shows nothing", []string{"7", "x = 8", "print(9)", "nil", "_"}, "7 9 7"},
		{"not what fails", []string{"7", "error('no', 0)", "_"}, "7 no 7"},
		{"not what is interrupted", []string{"7", "^C", "print('busy') while true do end", "_"}, "7 busy interrupted 7"},
		{"not what cannot be shown", []string{"7", "setmetatable({}, {__tostring = function() error('no', 0) end})", "_ == nil"}, "7 no true"},
		{"what the chunk sees", []string{"7", "(function() local old = _ sleep('1ms') return old * 10 + _ end)()"}, "7 77"},
		{"a variable of the user's, until then", []string{"_ = 5", "_ + 1", "_"}, "6 6"},
		{"seen by tasks", []string{"7", "t = spawn(function() while true do sleep('1ms') n = _ end end)", "sleep('20ms')", "n, type(n)"}, "7 7 number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := session(t, c.lines...); got != c.want {
				t.Errorf("printed %q, want %q", got, c.want)
			}
		})
	}
}

// Only a session has "_".
func TestNoLastInScripts(t *testing.T) {
	v := vm.New(context.Background(), vm.Options{})
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	if err := v.Run("script", "return _"); err == nil || !strings.Contains(err.Error(), `unknown global "_"`) {
		t.Errorf("a script reads _: %v", err)
	}
}

// What has no text of its own is shown as what it is, not by its address.
func TestShown(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"exit", "exit(code: int 0..255 = 0) ends the script, through every protected call, once its tasks have been told"},
		{"pcall", "function pcall"}, {"string.format", "function string.format"},
		{"function(a, b) end", "function(a, b) at prompt:1"}, {"function(...) end", "function(...) at prompt:1"},
		{"{}", "{}"}, {"{1, 'a\\n', true, nil, 2.5}", `{1, "a\n", true, [5] = 2.5}`},
		{"{x = 1, ['a b'] = 2, [10] = 3, [true] = 4, ['1'] = 5}", `{[10] = 3, ["1"] = 5, ["a b"] = 2, x = 1, [true] = 4}`},
		{"{{}, {1}, print, pcall, function() end, chan(2), coroutine.create(print)}",
			"{ {}, {...}, function print, function pcall, function() at prompt:1, chan 0/2, thread }"},
		{"{[print] = 1}", "{[function] = 1}"},
		{"setmetatable({}, {__tostring = function() return 'mine' end})", "mine"},
		{"{setmetatable({}, {__tostring = function() return 'mine' end})}", "{mine}"},
		{"{('x'):rep(100)}", `{"` + strings.Repeat("x", 59) + `...}`},
	} {
		if got := session(t, c.source); got != c.want {
			t.Errorf("%s shows %q, want %q", c.source, got, c.want)
		}
	}
	long := session(t, "t = {} for i = 1, 50 do t[i] = i t['k' .. i] = i end", "t")
	if !strings.HasPrefix(long, "{ 1, 2, ") || !strings.HasSuffix(long, " 20, ... 80 more }") {
		t.Errorf("a long table shows %q", long)
	}
	for _, source := range []string{"_G", "string", "coroutine", "arg", "bit", "package"} {
		if got := session(t, source); strings.Contains(got, ": 0x") || !strings.HasPrefix(got, "{") {
			t.Errorf("%s shows %q", source, got)
		}
	}
}
