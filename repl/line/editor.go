package line

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"

	"github.com/chzyer/readline"
	"golang.org/x/sys/unix"
)

// editor is a Reader on a terminal.
type editor struct {
	in, out  *os.File
	history  []string    // to be recalled, until the library has them
	empty    atomic.Bool // the line being edited has no text
	searched atomic.Bool // there is history to search
	reading  atomic.Bool // a line is being edited

	mu       sync.Mutex // guards what follows
	closed   bool
	keys     *keys
	instance *readline.Instance // nil before the first line
	resized  chan os.Signal
}

// Open returns an editor that takes keys from one terminal and draws on the
// other; most often both are the same. History holds the lines that may be
// recalled, oldest first; what is read is added to it in memory. The terminals
// stay open after Close.
func Open(in, out *os.File, history []string) (Reader, error) {
	if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err != nil {
		return nil, fmt.Errorf("open line editor: standard input is no terminal: %w", err)
	}
	e := &editor{in: in, out: out, history: history, resized: make(chan os.Signal, 1)}
	e.empty.Store(true)
	e.searched.Store(len(history) > 0)
	return e, nil
}

// start makes the instance of the library, once. Not in Open: an instance that
// never read a line cannot be closed without a race.
func (e *editor) start() (*readline.Instance, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, io.EOF
	}
	if e.instance != nil {
		return e.instance, nil
	}
	keys, err := newKeys(int(e.in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("open line editor: %w", err)
	}
	mode := &rawMode{fd: int(e.in.Fd())}
	instance, err := readline.NewEx(&readline.Config{
		Stdin:               keys,
		Stdout:              e.out,
		Stderr:              e.out,
		AutoComplete:        nothing{},
		InterruptPrompt:     "^C",
		EOFPrompt:           "\n", // means none
		HistoryLimit:        2000,
		FuncGetWidth:        func() int { return width(int(e.out.Fd())) },
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
	for _, entry := range e.history {
		// SaveHistory only fails on a history file, and there is none.
		_ = instance.SaveHistory(entry)
	}
	e.keys, e.instance, e.history = keys, instance, nil
	return instance, nil
}

// ReadLine implements Reader.
func (e *editor) ReadLine(prompt string) (string, error) {
	instance, err := e.start()
	if err != nil {
		return "", err
	}
	instance.SetPrompt(prompt)
	e.reading.Store(true)
	text, err := instance.Readline()
	e.reading.Store(false)
	switch {
	case e.isClosed(), errors.Is(err, io.EOF):
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

func (e *editor) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// Write implements Reader. The library has a notion of its own of whether a
// line is being edited, which lags behind.
func (e *editor) Write(p []byte) (int, error) {
	if !e.reading.Load() {
		return e.out.Write(p)
	}
	e.mu.Lock()
	instance := e.instance
	e.mu.Unlock()
	return instance.Stdout().Write(p)
}

// Close implements Reader. It ends the input first and takes the parts of the
// instance down one by one: Instance.Close would wait for a read that only the
// user can finish.
func (e *editor) Close() error {
	e.mu.Lock()
	done, instance := e.closed, e.instance
	e.closed = true
	e.mu.Unlock()
	if done || instance == nil {
		return nil
	}
	signal.Stop(e.resized)
	close(e.resized)
	<-e.keys.begun
	return errors.Join(
		e.keys.Close(),
		instance.Config.Stdin.Close(),
		instance.Terminal.Close(), // returns when the last Read has
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
