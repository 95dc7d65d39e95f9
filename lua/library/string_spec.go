package library

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// spec is a conversion of string.format: %-05.2f and such.
type spec struct {
	minus, plus, space, alternate, zero bool
	width                               int
	precision                           int // -1 for none
	verb                                byte
}

// verbs are the conversions that there are.
const verbs = "cdeEfFgGioqsuxX"

// read reads a conversion behind its % and returns its length, or what is
// wrong with it. The limits are those of Lua: five flags, two digits.
func (sp *spec) read(f string) (n int, fault string) {
	sp.precision = -1
	for ; n < len(f) && sp.flag(f[n]); n++ {
		if n == 5 {
			return 0, "invalid format (repeated flags)"
		}
	}
	sp.width, n = twoDigits(f, n)
	if n < len(f) && f[n] == '.' {
		sp.precision, n = twoDigits(f, n+1)
	}
	switch {
	case n < len(f) && f[n] >= '0' && f[n] <= '9':
		return 0, "invalid format (width or precision too long)"
	case n == len(f):
		return 0, "invalid option '%' at the end"
	case strings.IndexByte(verbs, f[n]) < 0:
		return 0, fmt.Sprintf("invalid option %q", "%"+f[n:n+1])
	}
	sp.verb = f[n]
	return n + 1, ""
}

func (sp *spec) flag(c byte) bool {
	switch c {
	case '-':
		sp.minus = true
	case '+':
		sp.plus = true
	case ' ':
		sp.space = true
	case '#':
		sp.alternate = true
	case '0':
		sp.zero = true
	default:
		return false
	}
	return true
}

// twoDigits reads a number of at most two digits at f[n].
func twoDigits(f string, n int) (value, next int) {
	for range 2 {
		if n < len(f) && f[n] >= '0' && f[n] <= '9' {
			value = value*10 + int(f[n]-'0')
			n++
		}
	}
	return value, n
}

// pad adds text in a field of the width.
func (sp *spec) pad(out []byte, text string) []byte {
	return sp.field(out, "", 0, []byte(text))
}

// field adds prefix, zeros and text, and spaces up to the width.
func (sp *spec) field(out []byte, prefix string, zeros int, text []byte) []byte {
	spaces := sp.width - len(prefix) - zeros - len(text)
	if !sp.minus {
		out = repeat(out, ' ', spaces)
	}
	out = append(out, prefix...)
	out = repeat(out, '0', zeros)
	out = append(out, text...)
	if sp.minus {
		out = repeat(out, ' ', spaces)
	}
	return out
}

func repeat(out []byte, c byte, n int) []byte {
	for ; n > 0; n-- {
		out = append(out, c)
	}
	return out
}

// sign is what stands before a number.
func (sp *spec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case sp.plus:
		return "+"
	case sp.space:
		return " "
	}
	return ""
}

func (sp *spec) signed(out []byte, n int64) []byte {
	magnitude := uint64(n)
	if n < 0 {
		magnitude = -magnitude
	}
	var scratch [24]byte
	return sp.whole(out, sp.sign(n < 0), magnitude, strconv.AppendUint(scratch[:0], magnitude, 10))
}

func (sp *spec) unsigned(out []byte, n uint64) []byte {
	var scratch [24]byte
	switch sp.verb {
	case 'o':
		digits := strconv.AppendUint(scratch[:0], n, 8)
		switch {
		case !sp.alternate:
		case n == 0:
			if sp.precision == 0 {
				sp.precision = 1 // a digit, though none was asked for
			}
		default:
			digits = append([]byte{'0'}, digits...)
		}
		return sp.whole(out, "", n, digits)
	case 'u':
		return sp.whole(out, "", n, strconv.AppendUint(scratch[:0], n, 10))
	}
	digits := strconv.AppendUint(scratch[:0], n, 16)
	prefix := ""
	if sp.alternate && n > 0 {
		prefix = "0x"
	}
	if sp.verb == 'X' {
		prefix = strings.ToUpper(prefix)
		for i, c := range digits {
			if c >= 'a' {
				digits[i] = c - 'a' + 'A'
			}
		}
	}
	return sp.whole(out, prefix, n, digits)
}

// whole adds the digits of a whole number. A precision is the least number of
// digits, and makes the flag 0 void.
func (sp *spec) whole(out []byte, prefix string, n uint64, digits []byte) []byte {
	if n == 0 && sp.precision == 0 {
		digits = digits[:0]
	}
	zeros := sp.precision - len(digits)
	if sp.precision < 0 {
		zeros = sp.zeros(prefix, digits)
	}
	return sp.field(out, prefix, max(0, zeros), digits)
}

// zeros is how many the flag 0 asks for.
func (sp *spec) zeros(prefix string, digits []byte) int {
	if !sp.zero || sp.minus {
		return 0
	}
	return max(0, sp.width-len(prefix)-len(digits))
}

func (sp *spec) float(out []byte, f float64) []byte {
	sign := sp.sign(math.Signbit(f) && f == f)
	if math.IsInf(f, 0) || f != f {
		text := "inf"
		if f != f {
			text = "nan"
		}
		if sp.verb < 'a' {
			text = strings.ToUpper(text)
		}
		return sp.field(out, sign, 0, []byte(text))
	}
	verb, precision := sp.verb, sp.precision
	if verb == 'F' {
		verb = 'f'
	}
	if precision < 0 {
		precision = 6
	}
	var scratch [64]byte
	digits := scratch[:0]
	if sp.alternate {
		digits = fmt.Appendf(digits, "%#.*"+string(verb), precision, math.Abs(f))
	} else {
		digits = strconv.AppendFloat(digits, math.Abs(f), verb, precision, 64)
	}
	return sp.field(out, sign, sp.zeros(sign, digits), digits)
}
