package output

import (
	"math"
	"strconv"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// appendHuman appends a number as people read it: bytes in powers of 1000,
// seconds as a span or, of start and stop, as a moment of local time. Whole
// numbers without a unit stay as they are.
func appendHuman(b []byte, f *field.Field, n float64) []byte {
	switch {
	case f.Unit == "bytes":
		return appendSize(b, n)
	case f.Unit != "s":
		return appendRounded(b, n)
	case f.Name == "start" || f.Name == "stop":
		if n >= 0 && n < maxMoment {
			return time.Unix(int64(n), 0).AppendFormat(b, "2006-01-02 15:04:05")
		}
	}
	return appendSpan(b, n)
}

// maxMoment is the year 10000 in seconds since 1970.
const maxMoment = 253402300800

var sizeUnits = [...]string{" B", " kB", " MB", " GB", " TB", " PB", " EB"}

// appendSize appends bytes with one decimal: "512 B", "1.5 MB".
func appendSize(b []byte, n float64) []byte {
	unit := 0
	// What would be rounded up to 1000 belongs to the next unit.
	for math.Abs(n) >= 999.95 && unit < len(sizeUnits)-1 {
		n /= 1000
		unit++
	}
	return append(appendDecimal(b, n, 1), sizeUnits[unit]...)
}

// spans are the units of a span, longest first.
var spans = [...]struct {
	name    byte
	seconds float64
}{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}

// appendSpan appends seconds: "3.2 s" below a minute, the two largest units
// that are there above: "2h5m".
func appendSpan(b []byte, n float64) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	if n < 59.95 { // what would be rounded up to 60 is a minute
		decimals := 1
		if n < 1 {
			decimals = 3
		}
		return append(appendDecimal(b, n, decimals), " s"...)
	}
	n = math.Round(n)
	for i, u := range spans {
		count := math.Floor(n / u.seconds)
		if count == 0 {
			continue
		}
		b = append(strconv.AppendFloat(b, count, 'f', 0, 64), u.name)
		if i+1 < len(spans) {
			next := spans[i+1]
			if count = math.Floor(math.Mod(n, u.seconds) / next.seconds); count > 0 {
				b = append(strconv.AppendFloat(b, count, 'f', 0, 64), next.name)
			}
		}
		break
	}
	return b
}

// appendRounded appends a number with two decimals, a smaller one with three
// significant digits.
func appendRounded(b []byte, n float64) []byte {
	decimals := 2
	if size := math.Abs(n); size > 0 && size < 1 {
		decimals = min(2-int(math.Floor(math.Log10(size))), 12)
	}
	return appendDecimal(b, n, decimals)
}

// appendDecimal appends a number without zeros at the end of its decimals.
func appendDecimal(b []byte, n float64, decimals int) []byte {
	if n == math.Trunc(n) {
		return strconv.AppendFloat(b, n, 'f', 0, 64)
	}
	b = strconv.AppendFloat(b, n, 'f', decimals, 64)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}
