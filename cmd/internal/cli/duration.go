package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// duration is the value of --timeout: "90" and "90s" are seconds, and units
// may be chained, "1h30m", "2d".
type duration time.Duration

// units of a duration, longest first, as they must be chained.
var units = []struct {
	name string
	size time.Duration
}{
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
	{"us", time.Microsecond},
}

// Set parses text strictly: no sign, no repeated unit, units in falling order,
// a result above zero.
func (d *duration) Set(text string) error {
	if secs, err := strconv.ParseUint(text, 10, 32); err == nil {
		text = strconv.FormatUint(secs, 10) + "s"
	}
	var sum float64
	next := 0 // index into units of the next unit that may come
	for rest := text; rest != "" || sum == 0; {
		digits := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if digits <= 0 {
			return badDuration(text)
		}
		n, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return badDuration(text)
		}
		rest = rest[digits:]
		unit := rest
		if end := strings.IndexAny(rest, "0123456789."); end >= 0 {
			unit = rest[:end]
		}
		for next < len(units) && units[next].name != unit {
			next++
		}
		if next == len(units) {
			return badDuration(text)
		}
		sum += n * float64(units[next].size)
		rest = rest[len(unit):]
		next++
		if rest == "" && sum < 1 {
			return fmt.Errorf("%q is no time at all", text)
		}
	}
	if sum > math.MaxInt64 {
		return fmt.Errorf("%q is longer than 292 years", text)
	}
	*d = duration(sum)
	return nil
}

func badDuration(text string) error {
	return fmt.Errorf("%q is not a duration such as 90, 5s, 1h30m or 2d", text)
}

// String writes the duration the way Set reads it.
func (d *duration) String() string { return time.Duration(*d).String() }

// Type names the kind of value in help texts.
func (d *duration) Type() string { return "DURATION" }
