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

	// Signals delivers the interrupts and terminations meant for this run. The
	// first one stops the script, the second one ends the program without
	// waiting for it. Nil means none will come.
	Signals <-chan os.Signal
}

// FromOS returns the Program of this process.
func FromOS() *Program {
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
		Signals:   signals,
	}
}

// Main runs the command to its end and returns the exit code of the process.
// Whatever went wrong has then been said on Stderr in one message.
func (p *Program) Main(ctx context.Context) int {
	err := p.execute(ctx)
	var status *exitStatus
	if err != nil && !errors.As(err, &status) {
		fmt.Fprintf(p.Stderr, "ctsh: %v\n", err)
	}
	return exitCode(err)
}
