package filter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/unit"
)

// constant is a literal whose type is known.
type constant struct {
	kind   constKind
	num    float64
	unit   string // of a number: "s", "bytes", "share", "" for a plain one
	hi     float64
	addr   netip.Addr
	hiAddr netip.Addr
	prefix netip.Prefix
	mask   uint32
	text   string
}

type constKind uint8

const (
	constNumber constKind = iota
	constRange            // of numbers
	constMask             // value and mask
	constAddr
	constAddrRange
	constPrefix
	constText
	constBool
)

// what names the kind in messages.
func (c *constant) what() string {
	switch c.kind {
	case constNumber, constRange:
		switch c.unit {
		case "s":
			return "a duration"
		case "bytes":
			return "a size"
		case "share":
			return "a percentage"
		}
		return "a number"
	case constMask:
		return "a value with a mask"
	case constAddr, constAddrRange:
		return "an address"
	case constPrefix:
		return "a network"
	case constBool:
		return "true or false"
	}
	return "a text"
}

// readLiteral sorts a literal of a filter.
func readLiteral(raw string) (c constant, err error) {
	if lo, hi, ok := strings.Cut(raw, ".."); ok {
		return readRange(raw, lo, hi)
	}
	if value, mask, ok := strings.Cut(raw, "/"); ok {
		if strings.HasPrefix(value, "0x") || strings.HasPrefix(mask, "0x") {
			return readMask(raw, value, mask)
		}
		p, err := netip.ParsePrefix(raw)
		if err != nil {
			return c, fmt.Errorf("%s is not a network such as 10.0.0.0/8", show(raw))
		}
		if p != p.Masked() {
			return c, fmt.Errorf("%s has bits set behind its prefix; did you mean %s?", show(raw), show(p.Masked().String()))
		}
		return constant{kind: constPrefix, prefix: p}, nil
	}
	if strings.Count(raw, ".") >= 2 || strings.Contains(raw, ":") {
		a, err := netip.ParseAddr(raw)
		if err != nil || a.Zone() != "" {
			return c, fmt.Errorf("%s is not an IPv4 or IPv6 address", show(raw))
		}
		return constant{kind: constAddr, addr: a.Unmap()}, nil
	}
	return readNumber(raw)
}

// readNumber reads 80, 0x10, 10MB, 5m or 90%.
func readNumber(raw string) (c constant, err error) {
	switch {
	case strings.HasPrefix(raw, "0x"):
		n, err := strconv.ParseUint(raw[2:], 16, 53)
		if err != nil {
			return c, fmt.Errorf("%s is not a hexadecimal number", show(raw))
		}
		return constant{num: float64(n)}, nil
	case strings.HasSuffix(raw, "%"):
		n, err := unit.ParsePercent(raw)
		return constant{num: n, unit: "share"}, err
	}
	digits := strings.TrimRight(raw, "0123456789.") == ""
	if digits {
		n, err := strconv.ParseFloat(raw, 64)
		if err != nil || len(raw) > 1 && raw[0] == '0' && raw[1] != '.' {
			return c, fmt.Errorf("%s is not a number", show(raw))
		}
		return constant{num: n}, nil
	}
	if n, err := unit.ParseDuration(raw); err == nil {
		return constant{num: n, unit: "s"}, nil
	}
	if n, err := unit.ParseSize(raw); err == nil {
		if strings.HasSuffix(raw, "B") {
			return constant{num: n, unit: "bytes"}, nil
		}
		return constant{num: n}, nil // 250k of anything
	}
	return c, fmt.Errorf("%s is no number, duration (5m, 1h30m), size (10MB, 4KiB) or address", show(raw))
}

func readMask(raw, value, mask string) (c constant, err error) {
	v, err1 := strconv.ParseUint(value, 0, 32)
	m, err2 := strconv.ParseUint(mask, 0, 32)
	switch {
	case err1 != nil || err2 != nil || m == 0:
		return c, fmt.Errorf("%s is not a value with a mask such as 0x10/0xff", show(raw))
	case v&^m != 0:
		return c, fmt.Errorf("%s has bits outside its mask: no flow could match", show(raw))
	}
	return constant{kind: constMask, num: float64(v), mask: uint32(m)}, nil
}

func readRange(raw, lo, hi string) (c constant, err error) {
	from, err := readLiteral(lo)
	if err != nil {
		return c, err
	}
	to, err := readLiteral(hi)
	if err != nil {
		return c, err
	}
	switch {
	case from.kind == constNumber && to.kind == constNumber && (from.unit == to.unit || from.unit == ""):
		if from.num > to.num {
			return c, fmt.Errorf("the range %s is empty", show(raw))
		}
		return constant{kind: constRange, num: from.num, hi: to.num, unit: to.unit}, nil
	case from.kind == constAddr && to.kind == constAddr && from.addr.Is4() == to.addr.Is4():
		if to.addr.Less(from.addr) {
			return c, fmt.Errorf("the range %s is empty", show(raw))
		}
		return constant{kind: constAddrRange, addr: from.addr, hiAddr: to.addr}, nil
	}
	return c, fmt.Errorf("%s is no range: its ends differ in kind", show(raw))
}

// wholeNumber reads plain digits.
func wholeNumber(s string, limit uint64) (uint64, error) {
	if len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%s has a leading zero", show(s))
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > limit {
		return 0, fmt.Errorf("%s is not a number up to %d", show(s), limit)
	}
	return n, nil
}

func addrOf(a netip.Addr) wire.Addr { return wire.AddrFrom(a) }
