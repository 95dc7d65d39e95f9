package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a prompt on a pseudo terminal.
type terminal struct {
	t    *testing.T
	tty  *os.File
	cmd  *exec.Cmd
	mu   sync.Mutex
	seen strings.Builder
}

func startPrompt(t *testing.T, args ...string) *terminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"ctsh"}, args...), Env: append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	term := &terminal{t: t, tty: tty, cmd: cmd}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			term.mu.Lock()
			term.seen.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = tty.Close() })
	return term
}

// expect waits until the picture of what came since the last call holds text.
func (c *terminal) expect(text string) {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		s := c.seen.String()
		c.mu.Unlock()
		if i := strings.Index(s, text); i >= 0 {
			c.mu.Lock()
			rest := c.seen.String()[i+len(text):]
			c.seen.Reset()
			c.seen.WriteString(rest)
			c.mu.Unlock()
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Fatalf("%q did not come, but:\n%q", text, c.seen.String())
}

func (c *terminal) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.tty, text); err != nil {
		c.t.Fatal(err)
	}
}

func TestPrompt(t *testing.T) {
	c := startPrompt(t)
	c.expect("ct> ")
	c.send("6 * 7\r")
	c.expect("42\r\n")
	c.send("x = 5\r")
	c.send("if x == 5 then\r")
	c.expect("..> ")
	c.send("print('five')\r")
	c.send("end\r")
	c.expect("five\r\n")
	c.send("prnt(1)\r")
	c.expect(`unknown global "prnt"`)
	c.send("while true do end\r")
	time.Sleep(100 * time.Millisecond) // let it spin; too early only makes Ctrl-C give up the line
	c.send("\x03")
	c.expect("interrupted")
	c.send("x + 1\r")
	c.expect("6\r\n")
	c.send("every('20ms', function() print('tick' .. 'tock') exit(3) end)\r")
	c.expect("ticktock")
	if err := c.cmd.Wait(); c.cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit code 3", err)
	}
	history, err := filepath.Glob(filepath.Join(env(c.cmd, "XDG_STATE_HOME"), "ctsh", "history"))
	if err != nil || len(history) != 1 {
		t.Fatalf("no history: %v %v", history, err)
	}
	info, err := os.Stat(history[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("history: %v %v, want 0600", info.Mode(), err)
	}
}

// What was shown last is "_", as the text below a plan says.
func TestPromptLast(t *testing.T) {
	if !canScratch() {
		t.Skip("namespaces cannot be made here")
	}
	c := startPrompt(t, "--scratch")
	c.expect("ct> ")
	c.send("ct.create{proto = 'udp', src = '10.0.0.1', dst = '10.0.0.2', sport = 1, dport = 53, timeout = '5m'}:apply()\r")
	c.expect("1 applied in")
	c.send("flows:where('udp'):delete()\r")
	c.expect("_:apply() does it\r\n")
	c.send("_:apply()\r")
	c.expect("delete: 1 matched, 1 applied in")
	c.send("flows:count() .. ' left'\r")
	c.expect("\n0 left\r\n")
	c.send("flows:where('tcp')\r") // a query, which shows rows
	c.send("tostring(_:count()) .. ' tcp'\r")
	c.expect("\n0 tcp\r\n")
	c.send("ct.undo()\r")
	c.expect("_:apply() does it\r\n")
	c.send("r = _:apply() print('undone', r.applied)\r")
	c.expect("\nundone\t1\r\n")
	c.send("flows:where('udp'):delete():apply()\r")
	c.expect("delete: 1 matched, 1 applied in")
	c.send("_:undo():apply()\r")
	c.expect("1 matched, 1 applied in")
	c.send("flows:count() .. ' back'\r")
	c.expect("\n1 back\r\n")
}

func TestPromptEnds(t *testing.T) {
	c := startPrompt(t)
	c.expect("ct> ")
	c.send("\x03") // gives up the line, not the session
	c.send("1 + 1\r")
	c.expect("2\r\n")
	c.send("\x04")
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-D: %v", err)
	}
}

func env(cmd *exec.Cmd, name string) string {
	value := ""
	for _, e := range cmd.Env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}
