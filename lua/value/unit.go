package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxDuration is the longest duration in seconds, about 292 years.
const MaxDuration = float64(math.MaxInt64) / 1e9

var durationUnits = []struct {
	name    string
	seconds float64
}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}}

// ParseDuration reads "90", "5s", "1h30m" or "2d" and returns seconds. Units
// stand in falling order, each at most once; a number alone is seconds.
func ParseDuration(text string) (float64, error) {
	bad := func() (float64, error) {
		return 0, fmt.Errorf(`%q is not a duration such as "90", "5s", "1h30m" or "2d"`, text)
	}
	sum, next := 0.0, 0
	for rest := text; rest != ""; {
		n, unit, tail, ok := takeNumber(rest)
		if !ok {
			return bad()
		}
		if unit == "" && rest == text {
			unit = "s"
		}
		for next < len(durationUnits) && durationUnits[next].name != unit {
			next++
		}
		if next == len(durationUnits) {
			return bad()
		}
		sum += n * durationUnits[next].seconds
		next++
		rest = tail
	}
	if text == "" {
		return bad()
	}
	if sum > MaxDuration {
		return 0, fmt.Errorf("%q is longer than 292 years", text)
	}
	return sum, nil
}

// takeNumber splits "30m5s" into 30, "m" and "5s".
func takeNumber(s string) (n float64, unit, rest string, ok bool) {
	digits := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if digits < 0 {
		digits = len(s)
	}
	n, err := strconv.ParseFloat(s[:digits], 64)
	if err != nil || digits == 0 || s[0] == '.' || s[digits-1] == '.' {
		return 0, "", "", false
	}
	end := strings.IndexAny(s[digits:], "0123456789.")
	if end < 0 {
		end = len(s) - digits
	}
	return n, s[digits : digits+end], s[digits+end:], true
}

// sizes are the suffixes of sizes: decimal ones and, with i, binary ones.
var sizes = map[string]float64{
	"": 1, "B": 1, "k": 1e3, "kB": 1e3, "KB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// ParseSize reads "1500", "10MB" (10^6) or "10MiB" (2^20) and returns bytes, a
// whole number up to 2^53.
func ParseSize(text string) (float64, error) {
	n, unit, rest, ok := takeNumber(text)
	factor, known := sizes[unit]
	if !ok || rest != "" || !known {
		return 0, fmt.Errorf(`%q is not a size such as "1500", "64k", "10MB" or "10MiB"`, text)
	}
	if n *= factor; n != math.Trunc(n) || n > 1<<53 {
		return 0, fmt.Errorf("%q is not a whole number of bytes up to 2^53", text)
	}
	return n, nil
}

// ParseMasked reads "0x10/0xff", "16" or "0x10"; without a mask it is all ones.
func ParseMasked(text string) (value, mask uint32, err error) {
	v, m, masked := strings.Cut(text, "/")
	if value, err = parseUint32(v); err != nil {
		return 0, 0, err
	}
	mask = ^uint32(0)
	if masked {
		if mask, err = parseUint32(m); err != nil {
			return 0, 0, err
		}
	}
	if value&^mask != 0 {
		return 0, 0, fmt.Errorf("%q: the value has bits outside the mask", text)
	}
	return value, mask, nil
}

func parseUint32(s string) (uint32, error) {
	digits, base := s, 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || base == 10 && len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%q is not a number from 0 to 0xffffffff", s)
	}
	return uint32(n), nil
}
