package registry

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/unit"
	"github.com/ctsh/ctsh/lua/value"
)

// maxWhole is the largest number up to which every whole one is exact.
const maxWhole = 1 << 53

// ranged are the bases that may be followed by a range.
var ranged = []string{"int", "number", "duration", "size", "rate", "percent"}

// units are the bases whose values are numbers or text in a unit: what to say
// that is wanted, the bounds of a plain number, and how text is read.
var units = map[string]struct {
	want   string
	lo, hi float64
	parse  func(string) (float64, error)
}{
	"duration": {`a duration such as 90 or "1h30m"`, 0, unit.MaxDuration, unit.ParseDuration},
	"size":     {`a size such as 1500 or "10MB"`, 0, maxWhole, unit.ParseSize},
	"rate":     {`a rate such as 500 or "5k/s"`, math.SmallestNonzeroFloat64, maxWhole, unit.ParseRate},
	"percent":  {`a share such as 0.9 or "90%"`, 0, 1, unit.ParsePercent},
}

// plain are the bases that are one Lua type, and how they are called.
var plain = map[string]struct {
	typ  lua.LValueType
	want string
}{
	"string": {lua.LTString, "a string"}, "text": {lua.LTString, "a string"}, "bool": {lua.LTBool, "true or false"},
	"function": {lua.LTFunction, "a function"}, "table": {lua.LTTable, "a table"}, "nil": {lua.LTNil, "nil"},
}

// mismatch is why a value does not fit a kind.
type mismatch struct {
	text string
	deep bool // the value is of the right kind, but not in order: no other kind will do better
}

func wrong(format string, args ...any) *mismatch {
	return &mismatch{text: fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) *mismatch {
	return &mismatch{text: fmt.Sprintf(format, args...), deep: true}
}

// fit checks a value against the alternatives.
func (ks Kinds) fit(v lua.LValue) *mismatch {
	var first *mismatch
	for i := range ks {
		m := ks[i].fit(v)
		if m == nil || m.deep {
			return m
		}
		if first == nil {
			first = m
		}
	}
	if len(ks) == 1 {
		return first
	}
	return wrong("want %s, got %s", ks.want(), value.Describe(v))
}

// want names the alternatives: `"a", "b" or a number`.
func (ks Kinds) want() string {
	words := make([]string, len(ks))
	for i := range ks {
		words[i] = ks[i].want()
	}
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return words[0]
}

func (k *Kind) want() string {
	switch k.Base {
	case "any":
		return "a value"
	case "literal":
		return strconv.Quote(k.Word)
	case "int":
		return "a whole number"
	case "number":
		return "a number"
	case "address":
		return "an address"
	case "prefix":
		return `a network such as "10.0.0.0/8"`
	case "mask":
		return `a number or text such as "0x10/0xff"`
	case "list":
		return "a list of which each item is " + k.Item.want()
	case "fields":
		return "a table of fields"
	}
	if u, ok := units[k.Base]; ok {
		return u.want
	}
	if p, ok := plain[k.Base]; ok {
		return p.want
	}
	return article(k.Base)
}

// article puts a or an before a word.
func article(word string) string {
	if strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

func (k *Kind) fit(v lua.LValue) *mismatch {
	got := func() *mismatch { return wrong("want %s, got %s", k.want(), value.Describe(v)) }
	switch k.Base {
	case "any":
		if v == lua.LNil {
			return got()
		}
		return nil
	case "literal":
		if s, ok := v.(lua.LString); ok && string(s) == k.Word {
			return nil
		}
		return got()
	case "list":
		return k.fitList(v)
	case "fields":
		if _, ok := v.(*lua.LTable); !ok {
			return got()
		}
		return nil // its fields are checked where they can be named
	case "string":
		if v == lua.LString("") {
			return bad("empty string")
		}
	case "address", "prefix", "mask":
		return k.fitText(v)
	case "int", "number":
		n, ok := v.(lua.LNumber)
		if !ok {
			return got()
		}
		return k.fitNumber(float64(n))
	}
	if u, ok := units[k.Base]; ok {
		n, err := number(k.Base, v)
		if err != nil {
			return bad("%s", err)
		}
		if k.Ranged && (n < k.Lo || n > k.Hi) {
			return bad("%s is out of range %s", value.Describe(v), k.bounds())
		}
		if n >= u.lo && n <= u.hi {
			return nil
		}
		return got()
	}
	if p, ok := plain[k.Base]; ok {
		if v.Type() == p.typ {
			return nil
		}
		return got()
	}
	if TypeName(v) == k.Base {
		return nil
	}
	return got()
}

// bounds renders the range.
func (k *Kind) bounds() string {
	lo := strconv.FormatFloat(k.Lo, 'f', -1, 64)
	if k.Hi == maxWhole {
		return lo + " or more"
	}
	return lo + " to " + strconv.FormatFloat(k.Hi, 'f', -1, 64)
}

func (k *Kind) fitNumber(n float64) *mismatch {
	switch {
	case math.IsNaN(n) || k.Base == "int" && (n != math.Trunc(n) || math.IsInf(n, 0)):
		return bad("want %s, got %s", k.want(), lua.LNumber(n))
	case k.Ranged && (n < k.Lo || n > k.Hi):
		return bad("%s is out of range %s", lua.LNumber(n), k.bounds())
	}
	return nil
}

// fitText checks what has a grammar of its own.
func (k *Kind) fitText(v lua.LValue) *mismatch {
	if n, ok := v.(lua.LNumber); ok && k.Base == "mask" {
		whole := Kind{Base: "int", Ranged: true, Hi: math.MaxUint32}
		return whole.fitNumber(float64(n))
	}
	s, ok := v.(lua.LString)
	if !ok {
		return wrong("want %s, got %s", k.want(), value.Describe(v))
	}
	var err error
	switch k.Base {
	case "mask":
		_, _, err = unit.ParseMasked(string(s))
	case "address":
		_, err = parseAddr(string(s))
	case "prefix":
		_, err = parsePrefix(string(s))
	}
	if err != nil {
		return wrong("%s", err)
	}
	return nil
}

func (k *Kind) fitList(v lua.LValue) *mismatch {
	t, ok := v.(*lua.LTable)
	if !ok {
		return wrong("want %s, got %s", k.want(), value.Describe(v))
	}
	n := t.Len()
	for i := 1; i <= n; i++ {
		if m := k.Item.fit(t.RawGetInt(i)); m != nil {
			return bad("item %d: %s", i, m.text)
		}
	}
	items := 0
	t.ForEach(func(lua.LValue, lua.LValue) { items++ })
	if items > n {
		return bad("want a list, got a table with named fields or gaps")
	}
	return nil
}

// number reads a value of a base that has a unit.
func number(base string, v lua.LValue) (float64, error) {
	u := units[base]
	switch v := v.(type) {
	case lua.LNumber:
		if f := float64(v); f >= u.lo && f <= u.hi {
			if base == "size" && f != math.Trunc(f) {
				return 0, fmt.Errorf("want whole bytes, got %s", value.Describe(v))
			}
			return f, nil
		}
	case lua.LString:
		return u.parse(string(v))
	}
	return 0, fmt.Errorf("want %s, got %s", u.want, value.Describe(v))
}

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return a, fmt.Errorf("%q is not an IPv4 or IPv6 address", s)
	}
	return a.Unmap(), nil
}

// parsePrefix reads a network or, as one that holds only it, an address.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := parseAddr(s)
		return netip.PrefixFrom(a, a.BitLen()), err
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf(`%q is not a network such as "10.0.0.0/8"`, s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%q has bits set behind its prefix; did you mean %q?", s, p.Masked())
	}
	return p, nil
}
