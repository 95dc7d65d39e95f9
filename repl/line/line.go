package line

import (
	"errors"
	"io"
)

// ErrInterrupt is returned by ReadLine when Ctrl-C gave up the line.
var ErrInterrupt = errors.New("interrupted")

// Reader reads lines the user may edit before sending them.
type Reader interface {
	// ReadLine shows the prompt and returns the line without its newline. The
	// error is ErrInterrupt after Ctrl-C, io.EOF after Ctrl-D on an empty line,
	// a hang-up or Close, and nil otherwise.
	ReadLine(prompt string) (string, error)

	// Write prints above the line that is being edited, then shows that line
	// again. Between two reads it is a plain write.
	io.Writer

	// Close ends a pending ReadLine and restores the terminal.
	Close() error
}
