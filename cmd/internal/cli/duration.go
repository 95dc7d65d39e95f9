package cli

import (
	"fmt"
	"time"

	"github.com/ctsh/ctsh/lua/unit"
)

// duration is the value of --timeout, written as scripts write durations:
// "90" and "90s" are seconds, and units may be chained, "1h30m", "2d".
type duration time.Duration

// Set parses text; no time at all is refused.
func (d *duration) Set(text string) error {
	seconds, err := unit.ParseDuration(text)
	if err != nil {
		return err
	}
	if *d = duration(seconds * float64(time.Second)); *d <= 0 {
		return fmt.Errorf("%q is no time at all", text)
	}
	return nil
}

// String writes the duration the way Set reads it.
func (d *duration) String() string { return time.Duration(*d).String() }

// Type names the kind of value in help texts.
func (d *duration) Type() string { return "DURATION" }
