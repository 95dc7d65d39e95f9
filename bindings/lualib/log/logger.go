package log

import (
	"io"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// Options say where lines go.
type Options struct {
	Stderr io.Writer           // nil discards
	TTY    bool                // Stderr is a terminal
	Getenv func(string) string // for JOURNAL_STREAM, NO_COLOR and TERM; nil knows none
	Now    func() time.Time    // nil is the clock of the machine
}

// logger is the module of one script.
type logger struct {
	stderr  io.Writer
	now     func() time.Time
	least   level // lines below it are left out
	tty     bool
	colour  bool
	journal bool
	send    func(message string, priority journal.Priority, fields map[string]string) error
}

func newLogger(opt Options) *logger {
	if opt.Stderr == nil {
		opt.Stderr = io.Discard
	}
	if opt.Getenv == nil {
		opt.Getenv = func(string) string { return "" }
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &logger{stderr: opt.Stderr, now: opt.Now, least: info, tty: opt.TTY,
		colour:  opt.TTY && opt.Getenv("NO_COLOR") == "" && opt.Getenv("TERM") != "dumb",
		journal: isJournal(opt.Stderr, opt.Getenv("JOURNAL_STREAM")),
		send:    journal.Send}
}

// write writes a line to where this logger's lines go. What the journal does
// not take goes to standard error.
func (l *logger) write(ln *line) error {
	if l.journal && l.send(ln.forJournal()) == nil {
		return nil
	}
	b := ln.text(l.now(), l.colour)
	if !l.tty {
		b = ln.json(l.now())
	}
	_, err := l.stderr.Write(b)
	return err
}
