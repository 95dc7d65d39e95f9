package gateway

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// End says how a stream ended.
type End uint8

// The ends.
const (
	Alive   End = iota // it did not: it runs, pauses, or was closed by us
	Reset              // one side was told that there is no connection
	Timeout            // what was sent stayed without an answer
	Broken             // wrong content, or an end that is none of these
)

// String is "alive", "reset", "timeout" or "broken".
func (e End) String() string { return [...]string{"alive", "reset", "timeout", "broken"}[e] }

// Stats are how a stream fares.
type Stats struct {
	Sent   int      // blocks that were sent
	Heard  int      // of them, those that came whole to the other side
	Blocks int      // of them, those that came back whole
	Bytes  [2]int64 // that came in at each end, by Side, of blocks whole or not
	// Stall is the longest time between two blocks that came back, or since
	// the last, while one side spoke. It counts the pause that the rate makes
	// between blocks.
	Stall time.Duration
	End   End
	Err   error // what ended it, nil while alive
}

// String is one line: "512 blocks, stall 22ms, alive".
func (s Stats) String() string {
	text := fmt.Sprintf("%d blocks, stall %v, %s", s.Blocks, s.Stall.Round(time.Millisecond), s.End)
	if s.Err != nil {
		text += ": " + s.Err.Error()
	}
	return text
}

// ending is the End that an error of a socket stands for.
func ending(err error) End {
	for _, errno := range []syscall.Errno{syscall.ECONNRESET, syscall.ECONNREFUSED} {
		if errors.Is(err, errno) {
			return Reset
		}
	}
	// The routes of a connection that timed out may have said why (linux
	// tcp_write_err).
	for _, errno := range []error{syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, os.ErrDeadlineExceeded} {
		if errors.Is(err, errno) {
			return Timeout
		}
	}
	return Broken
}
