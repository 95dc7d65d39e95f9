package archive

import (
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/record"
)

// format is that of the files.
var format = record.Format{Name: "file of saved flows", Magic: "ctshflow", Version: 1}

// Types of records.
const (
	typeHeader = 'H'
	typeFlow   = 'F'
	typeEnd    = 'E'
)

// Header says where the flows of a file come from.
type Header struct {
	// What [Create] fills in.
	Version int            `json:"version"` // of the format
	Saved   journal.Moment `json:"saved"`   // when the file was begun
	Boot    string         `json:"boot"`    // of the machine, see journal.Here
	Kernel  string         `json:"kernel"`  // its release

	// What its caller says. Of each text the first 4 KiB are kept.
	Namespace  string `json:"namespace"`  // identity of the network namespace
	Name       string `json:"name"`       // of that namespace, in words
	Query      string `json:"query"`      // which flows: "tcp and dport == 22"
	Accounting bool   `json:"accounting"` // whether flows were being counted
	Timestamps bool   `json:"timestamps"` // whether their start was being noted
}

// Age is how long ago the flows were read: exact while the machine runs, by the
// wall clock after another boot or elsewhere, never negative.
func (h *Header) Age() time.Duration { return (&journal.Header{Boot: h.Boot}).Age(h.Saved) }

// fill says what is the same for every file of now.
func (h *Header) fill() error {
	boot, err := journal.Here()
	if err != nil {
		return err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("ask for the kernel's release: %w", err)
	}
	h.Version, h.Saved, h.Boot = int(format.Version), journal.Now(), boot
	h.Kernel = unix.ByteSliceToString(name.Release[:])
	for _, text := range []*string{&h.Namespace, &h.Name, &h.Query} {
		*text = record.Cut(*text)
	}
	return nil
}

// parseHeader reads the first record. The reason for a bad one is in words.
func parseHeader(typ byte, payload []byte) (h Header, reason string) {
	switch {
	case typ != typeHeader:
		return h, "the first record is not a header"
	case len(payload) > record.MaxHeader:
		return h, "the header is longer than any"
	case json.Unmarshal(payload, &h) != nil:
		return h, "the header is not the JSON that it should be"
	}
	return h, ""
}
