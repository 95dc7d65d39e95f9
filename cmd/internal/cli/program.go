package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/ctsh/ctsh/cmd/internal/worker"
)

// Program is one run of the command: what it is given and where it writes.
type Program struct {
	Args   []string // arguments, without the name of the command
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	Getenv    func(name string) string // environment; "" for what is not set
	StdinTTY  bool                     // standard input is a terminal
	StdoutTTY bool                     // standard output is a terminal
	StderrTTY bool                     // standard error is a terminal
	Width     func() int               // columns of the terminal on standard output, nil for none

	// Worker says that the memory of this process is bounded already, as
	// --memory asks for.
	Worker bool

	// Signals delivers the interrupts and terminations meant for this run. The
	// first one stops the script, the second one ends the program without
	// waiting for it. Nil means none will come.
	Signals <-chan os.Signal

	unfit error // why this process cannot run anything
}

// FromOS returns the Program of this process.
func FromOS() *Program {
	inWorker, err := worker.Enter() // first, because it changes os.Stderr
	var room *worker.RoomError
	if errors.As(err, &room) {
		err = usagef("--memory: %v", room)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return &Program{
		Args:      os.Args[1:],
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Getenv:    os.Getenv,
		StdinTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		StdoutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		Width:     width,
		Worker:    inWorker,
		Signals:   signals,
		unfit:     err,
	}
}

// width is that of the terminal on standard output, 0 where that is none.
func width() int {
	w, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// Main runs the command to its end and returns the exit code of the process.
// Whatever went wrong has then been said on Stderr in one message.
func (p *Program) Main(ctx context.Context) int {
	err := p.unfit
	if err == nil {
		err = p.execute(ctx)
	}
	var status *exitStatus
	if err != nil && !errors.As(err, &status) {
		fmt.Fprintf(p.Stderr, "ctsh: %v\n", err)
	}
	return exitCode(err)
}
