package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/ctsh/ctsh/cmd/internal/worker"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/repl"
)

// bounded runs fn: here, or where --memory asks for it in a worker, which is
// this program with the same arguments. what names the script in messages.
func (p *Program) bounded(opt *options, what string, fn func() error) error {
	if opt.memory == 0 || p.Worker {
		return fn()
	}
	stderr, ok := p.Stderr.(*os.File)
	if !ok {
		return errors.New("--memory: standard error is not a file")
	}
	restore := p.keepTerminal()
	end, err := worker.Run(worker.Spec{Memory: int64(opt.memory), Args: p.Args, Stdin: p.Stdin, Stdout: p.Stdout, Stderr: stderr})
	var limit *worker.LimitError
	switch {
	case errors.As(err, &limit):
		return usagef("--memory %s: %v", &opt.memory, limit)
	case err != nil:
		return err
	}
	what = escape.Terminal(what)
	switch {
	case end.Starved:
		restore()
		fmt.Fprintf(p.Stderr, "ctsh: %s needed more than %s (--memory); the script was ended\n", what, opt.memory.spaced())
		return &exitStatus{luaerr.ExitScript}
	case end.Fatal != "":
		restore()
		fmt.Fprintf(p.Stderr, "ctsh: %s: ctsh itself failed: %s; the script was ended%s\n", what, brief(end.Fatal), p.keepTrace(end.Trace))
		return &exitStatus{luaerr.ExitScript}
	case end.Signal == unix.SIGKILL:
		restore()
		fmt.Fprintf(p.Stderr, "ctsh: %s was killed from outside\n", what)
	}
	if end.Code != 0 {
		return &exitStatus{end.Code}
	}
	return nil
}

// keepTerminal returns what puts the terminal back as it is now, for when a
// worker ends in the middle of a prompt.
func (p *Program) keepTerminal() (restore func()) {
	in, ok := p.Stdin.(*os.File)
	if !ok || !p.StdinTTY {
		return func() {}
	}
	state, err := term.GetState(int(in.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(int(in.Fd()), state) }
}

// brief is what the runtime said, fit for one line of a terminal.
func brief(text string) string {
	const most = 200
	if text = escape.Terminal(text); len(text) > most {
		text = text[:most] + "..."
	}
	return text
}

// keepTrace writes the traces of a crash beside the history, in the place of
// the last one's, and returns the words that say where.
func (p *Program) keepTrace(trace []byte) string {
	history := string(repl.HistoryFile(p.Getenv))
	if history == "" {
		return ""
	}
	file := filepath.Join(filepath.Dir(history), "crash")
	head := fmt.Sprintf("%s\n%s\n\n", time.Now().UTC().Format(time.RFC3339), readBuild())
	if os.MkdirAll(filepath.Dir(file), 0o700) != nil || os.WriteFile(file, append([]byte(head), trace...), 0o600) != nil {
		return ""
	}
	return "; its trace is in " + escape.Terminal(file)
}
