package unit

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

// FormatDuration is the inverse of ParseDuration: "1h30m", "2d", "0.25s".
func FormatDuration(seconds float64) string {
	var b strings.Builder
	for _, u := range durationUnits[:3] {
		if n := math.Trunc(seconds / u.seconds); n > 0 {
			b.WriteString(plain(n))
			b.WriteString(u.name)
			seconds -= n * u.seconds
		}
	}
	if seconds > 0 || b.Len() == 0 {
		b.WriteString(plain(seconds))
		b.WriteByte('s')
	}
	return b.String()
}

// plain is the shortest decimal form of n that reads back as n.
func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// takeNumber splits "30m5s" into 30, "m" and "5s".
func takeNumber(s string) (n float64, unit, rest string, ok bool) {
	digits := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if digits < 0 {
		digits = len(s)
	}
	n, err := strconv.ParseFloat(s[:digits], 64)
	padded := digits > 1 && s[0] == '0' && s[1] != '.'
	if err != nil || digits == 0 || padded || s[0] == '.' || s[digits-1] == '.' {
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

// FormatSize is the inverse of ParseSize: "10MB", "64KiB", "1500B".
func FormatSize(bytes float64) string {
	best, unit := 1.0, "B"
	for _, name := range []string{"kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"} {
		if f := sizes[name]; f > best && bytes > 0 && math.Mod(bytes, f) == 0 {
			best, unit = f, name
		}
	}
	return plain(bytes/best) + unit
}

// ratePeriods are what a rate may be counted in, in seconds.
var ratePeriods = map[string]float64{"s": 1, "m": 60, "h": 3600, "d": 86400}

// ParseRate reads "5k/s", "10/m" or "1.5M/s" and returns what that is a second,
// more than 0.
func ParseRate(text string) (float64, error) {
	amount, period, ok := strings.Cut(text, "/")
	seconds, known := ratePeriods[period]
	n, unit, rest, number := takeNumber(amount)
	factor, suffix := sizes[unit]
	if !ok || !known || !number || rest != "" || !suffix || n*factor == 0 {
		return 0, fmt.Errorf(`%q is not a rate such as "500/s", "5k/s" or "10/m"`, text)
	}
	return n * factor / seconds, nil
}

// FormatRate is the inverse of ParseRate: "5k/s", "0.5/s".
func FormatRate(perSecond float64) string {
	for _, name := range []string{"T", "G", "M", "k"} {
		if f := sizes[name]; math.Mod(perSecond, f) == 0 {
			return plain(perSecond/f) + name + "/s"
		}
	}
	return plain(perSecond) + "/s"
}

// ParsePercent reads "90%" or "0.5%", up to "100%", and returns the share: 0.9.
func ParsePercent(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "%")
	n, unit, rest, number := takeNumber(digits)
	if !ok || !number || unit != "" || rest != "" || n > 100 {
		return 0, fmt.Errorf(`%q is not a share such as "90%%", from 0%% to 100%%`, text)
	}
	return strconv.ParseFloat(digits+"e-2", 64)
}

// FormatPercent is the inverse of ParsePercent. It moves the point in the text,
// because a multiplication by 100 would not be exact.
func FormatPercent(share float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(share, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exponent)
	digits := strings.Replace(mantissa, ".", "", 1)
	point := e + 3 // behind that many digits
	switch {
	case share == 0:
		return "0%"
	case point <= 0:
		return "0." + strings.Repeat("0", -point) + digits + "%"
	case point >= len(digits):
		return digits + strings.Repeat("0", point-len(digits)) + "%"
	}
	return digits[:point] + "." + digits[point:] + "%"
}

// FormatMasked is the inverse of ParseMasked: "0x10/0xff", or "0x10" where the
// mask is all ones.
func FormatMasked(value, mask uint32) string {
	if mask == ^uint32(0) {
		return fmt.Sprintf("%#x", value)
	}
	return fmt.Sprintf("%#x/%#x", value, mask)
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
