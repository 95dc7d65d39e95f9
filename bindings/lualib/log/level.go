package log

import (
	"slices"

	"github.com/coreos/go-systemd/v22/journal"
)

// level says how much a line matters.
type level int

const (
	debug level = iota
	info
	warn
	failure
)

// levels are the names of the levels, as scripts and JSON have them.
var levels = []string{"debug", "info", "warn", "error"}

func levelOf(name string) level { return level(slices.Index(levels, name)) }

func (lv level) name() string { return levels[lv] }

// label is the level in a line of text, all of one width.
func (lv level) label() string { return [...]string{"DEBUG", "INFO ", "WARN ", "ERROR"}[lv] }

// colour is the escape sequence in front of the label.
func (lv level) colour() string {
	return [...]string{"\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m"}[lv]
}

func (lv level) priority() journal.Priority {
	return [...]journal.Priority{journal.PriDebug, journal.PriInfo, journal.PriWarning, journal.PriErr}[lv]
}
