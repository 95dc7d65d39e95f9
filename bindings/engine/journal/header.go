package journal

import (
	"os"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// format is that of the files.
var format = record.Format{Name: "journal", Magic: "ctshjrnl", Version: 1}

// Types of records besides those of changes.
const (
	typeHeader = 'H'
	typeBatch  = 'B'
	typeSettle = 'S'
	typeEnd    = 'E'
)

// Header says whose changes a journal holds. Its texts come from users and
// namespaces: they must be escaped where they are printed.
type Header struct {
	// What [Store.Begin] fills in.
	Version int    `json:"version"` // of the format
	ID      string `json:"id"`      // ten digits and letters; a later journal of its process has a greater one
	Boot    string `json:"boot"`    // see Here
	PID     int    `json:"pid"`
	Started Moment `json:"started"`
	// Beside are the IDs of the files that were still written to when that of this
	// journal was made: what they hold may be later.
	Beside []string `json:"beside,omitempty"`

	// What its caller says. Of each text the first 4 KiB are kept.
	Namespace string `json:"namespace"`         // identity of the network namespace, compared before an undo
	Name      string `json:"name"`              // of that namespace, in words
	Op        string `json:"op"`                // what is done: "delete"
	Target    string `json:"target"`            // to what: "tcp and dport == 22"
	Command   string `json:"command,omitempty"` // who asked for it
	User      string `json:"user,omitempty"`
	Undoes    string `json:"undoes,omitempty"` // ID of the journal that this one takes back
}

// Age is how long ago m was, for a moment that was noted in this journal: exact
// while the machine runs, by the wall clock after another boot, never negative.
func (h *Header) Age(m Moment) time.Duration {
	boot, err := Here()
	return m.age(Now(), err == nil && boot == h.Boot)
}

// fill adds what the package knows itself.
func (h *Header) fill(id string) (err error) {
	h.cut()
	h.Version, h.ID, h.PID, h.Started = int(format.Version), id, os.Getpid(), Now()
	h.Boot, err = Here()
	return err
}

// maxBeside is how many files a header names. Where it names so many there may be
// more.
const maxBeside = 1000

// cut shortens the texts that came from outside.
func (h *Header) cut() {
	for _, text := range []*string{&h.Namespace, &h.Name, &h.Op, &h.Target, &h.Command, &h.User, &h.Undoes} {
		*text = record.Cut(*text)
	}
}

// Outcome is how a change ended.
type Outcome struct {
	Applied int    `json:"applied"`
	Gone    int    `json:"gone"`    // were not there any more
	Failed  int    `json:"failed"`  // refused by the kernel
	Unknown int    `json:"unknown"` // sent, but the answer was lost
	Error   string `json:"error,omitempty"`
	At      Moment `json:"at"` // filled in by [Writer.End]
}
