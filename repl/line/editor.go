package line

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/chzyer/readline"
	"golang.org/x/sys/unix"
)

// editor is a Reader on a terminal.
type editor struct {
	keys     *keys
	instance *readline.Instance
	out      io.Writer
	resized  chan os.Signal
	empty    atomic.Bool // the line being edited has no text
	searched atomic.Bool // there is history to search
	closed   atomic.Bool
}

// Open starts an editor that takes keys from one terminal and draws on the
// other; most often both are the same. History holds the lines that may be
// recalled, oldest first; what is read is added to it in memory.
func Open(in, out *os.File, history []string) (Reader, error) {
	keys, err := newKeys(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("open line editor: %w", err)
	}
	e := &editor{keys: keys, resized: make(chan os.Signal, 1)}
	e.empty.Store(true)
	mode := &rawMode{fd: int(in.Fd())}
	e.instance, err = readline.NewEx(&readline.Config{
		Stdin:               keys,
		Stdout:              out,
		Stderr:              out,
		AutoComplete:        nothing{},
		InterruptPrompt:     "^C",
		EOFPrompt:           "\n", // means none
		HistoryLimit:        2000,
		FuncGetWidth:        func() int { return width(int(out.Fd())) },
		FuncIsTerminal:      func() bool { return true },
		FuncMakeRaw:         mode.enter,
		FuncExitRaw:         mode.exit,
		FuncOnWidthChanged:  e.watchSize,
		FuncFilterInputRune: e.filter,
		Listener:            readline.FuncListener(e.changed),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open line editor: %w", err), keys.Close(), keys.release())
	}
	e.out = e.instance.Stdout()
	for _, entry := range history {
		// SaveHistory only fails on a history file, and there is none.
		_ = e.instance.SaveHistory(entry)
		e.searched.Store(true)
	}
	return e, nil
}

// ReadLine implements Reader.
func (e *editor) ReadLine(prompt string) (string, error) {
	if e.closed.Load() {
		return "", io.EOF
	}
	e.instance.SetPrompt(prompt)
	text, err := e.instance.Readline()
	switch {
	case e.closed.Load(), errors.Is(err, io.EOF):
		return "", io.EOF
	case errors.Is(err, readline.ErrInterrupt):
		return "", ErrInterrupt
	case err != nil:
		return "", err
	}
	if text != "" {
		e.searched.Store(true)
	}
	return text, nil
}

// Write implements Reader.
func (e *editor) Write(p []byte) (int, error) { return e.out.Write(p) }

// Close implements Reader. It ends the input first and takes the parts of the
// instance down one by one: Instance.Close would wait for a read that only the
// user can finish.
func (e *editor) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	signal.Stop(e.resized)
	close(e.resized)
	return errors.Join(
		e.keys.Close(),
		e.instance.Config.Stdin.Close(),
		e.instance.Terminal.Close(), // returns when the last Read has
		e.keys.release(),
	)
}

// changed is told the text of the line after every key.
func (e *editor) changed(text []rune, _ int, _ rune) ([]rune, int, bool) {
	e.empty.Store(len(text) == 0)
	return nil, 0, false
}

// filter drops the keys that would do harm in the state the line is in. It is
// called after the line has taken the previous key.
func (e *editor) filter(r rune) (rune, bool) {
	switch r {
	case keyEOF: // Delete on an empty line is not the end of the session
		if e.keys.deleted.Load() && e.empty.Load() {
			return r, false
		}
	case keySearch, keySearchFwd: // leaving an empty search panics
		if !e.searched.Load() {
			return readline.CharBell, true
		}
	}
	return r, true
}

// watchSize calls f whenever the terminal changes its size, until Close.
func (e *editor) watchSize(f func()) {
	signal.Notify(e.resized, unix.SIGWINCH)
	go func() {
		for range e.resized {
			f()
		}
	}()
}

// nothing completes nothing.
type nothing struct{}

func (nothing) Do([]rune, int) ([][]rune, int) { return nil, 0 }
