package sysctl

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are the suffixes a kind takes, longest first where one ends another,
// each with what it multiplies by.
var units = map[Kind][]unit{
	Seconds: {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}},
	Bytes: {
		{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"g", 1e9}, {"G", 1e9}, {"m", 1e6}, {"M", 1e6}, {"k", 1e3}, {"K", 1e3}, {"B", 1},
	},
	Count: {{"M", 1e6}, {"m", 1e6}, {"k", 1e3}, {"K", 1e3}},
}

type unit struct {
	suffix string
	times  int64
}

var words = map[Kind]map[string]int64{
	Bool: {"on": 1, "yes": 1, "true": 1, "off": 0, "no": 0, "false": 0},
	Proto: {
		"off": 0, "all": 255, "icmp": 1, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "icmpv6": 58, "sctp": 132, "udplite": 136,
	},
}

// Parse reads a value for the key: a plain number, or a word or units of its
// kind. A number must be decimal, whole and within the key's bounds. The error
// is a [*ValueError].
func (k Key) Parse(text string) (int64, error) {
	n, ok := words[k.Kind][text]
	if !ok {
		n, ok = parseNumber(text)
	}
	if !ok {
		n, ok = parseUnits(text, units[k.Kind], k.Kind == Seconds)
	}
	if !ok {
		return 0, &ValueError{Key: k, Value: text, Reason: "want " + k.wants()}
	}
	return n, k.check(n, text)
}

// Format writes a value in the shortest form that [Key.Parse] reads back
// as the same value.
func (k Key) Format(v int64) string {
	switch {
	case k.Kind == Proto:
		for name, n := range words[Proto] {
			if n == v {
				return name
			}
		}
	case k.Kind == Bool && v == 0:
		return "off"
	case k.Kind == Bool && v == 1:
		return "on"
	case k.Kind == Seconds && v > 0:
		var b strings.Builder
		for _, u := range units[Seconds] {
			if n := v / u.times; n > 0 {
				fmt.Fprintf(&b, "%d%s", n, u.suffix)
				v %= u.times
			}
		}
		return b.String()
	case k.Kind == Bytes && v > 0:
		for _, u := range units[Bytes][:3] {
			if v%u.times == 0 {
				return fmt.Sprintf("%d%s", v/u.times, u.suffix)
			}
		}
	}
	return strconv.FormatInt(v, 10)
}

func (k Key) check(n int64, text string) error {
	if n < k.Min || n > k.Max {
		if k.Kind == Bool {
			return &ValueError{Key: k, Value: text, Reason: "want " + k.wants()}
		}
		return &ValueError{Key: k, Value: text, Reason: fmt.Sprintf("want %s from %d to %d", k.wants(), k.Min, k.Max)}
	}
	return nil
}

func (k Key) wants() string {
	return [...]string{
		`0, 1, "on" or "off"`, "a whole number", "a whole number", `seconds or a duration such as "5m" or "1h30m"`,
		`bytes or a size such as "4MiB"`, `a protocol number or name, "all" or "off"`,
	}[k.Kind]
}

// parseNumber accepts decimal digits only: no sign, no leading zero (which
// others would read as octal), nothing around.
func parseNumber(s string) (int64, bool) {
	if s == "" || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseUnits accepts a number with a unit, or with many several such parts
// whose units get smaller: 1h30m.
func parseUnits(s string, from []unit, many bool) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var sum int64
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n, ok := parseNumber(s[:digits])
		if !ok {
			return 0, false
		}
		s = s[digits:]
		at := -1
		for i, u := range from {
			if strings.HasPrefix(s, u.suffix) && (many || len(s) == len(u.suffix)) {
				at = i
				break
			}
		}
		if at < 0 || n > (math.MaxInt64-sum)/from[at].times {
			return 0, false
		}
		sum += n * from[at].times
		s, from = s[len(from[at].suffix):], from[at+1:]
	}
	return sum, true
}
