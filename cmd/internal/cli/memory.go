package cli

import (
	"fmt"
	"strings"

	"github.com/ctsh/ctsh/cmd/internal/worker"
	"github.com/ctsh/ctsh/lua/unit"
)

// memory is the value of --memory in bytes, written as scripts write sizes:
// "256MiB", "1GB". 0 is no bound.
type memory int64

// Set parses text; less than what the program needs to run is refused.
func (m *memory) Set(text string) error {
	bytes, err := unit.ParseSize(text)
	if err != nil {
		return err
	}
	if bytes < worker.Least {
		return fmt.Errorf("%q is too little to run in; at least %s", text, unit.FormatSize(worker.Least))
	}
	*m = memory(bytes)
	return nil
}

// String writes the size the way Set reads it.
func (m *memory) String() string {
	if *m == 0 {
		return ""
	}
	return unit.FormatSize(float64(*m))
}

// spaced writes the size for people: "256 MiB".
func (m *memory) spaced() string {
	s := m.String()
	digits := strings.TrimRight(s, "kKMGTiB")
	return digits + " " + s[len(digits):]
}

// Type names the kind of value in help texts.
func (m *memory) Type() string { return "SIZE" }
