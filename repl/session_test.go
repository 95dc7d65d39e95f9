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
