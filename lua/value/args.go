package value

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// Args are the arguments of one call. The methods return the n-th one (from 1,
// the object of a method not counted) or raise an error in Lua that names it.
type Args struct {
	L    *lua.LState
	Op   string // as the script writes it: "flows:where"
	skip int    // 1 for a method, whose first argument is the object
}

// Func makes a Lua function of fn, which returns what it pushed.
func Func(L *lua.LState, op string, fn func(*Args) int) *lua.LFunction {
	return L.NewFunction(func(L *lua.LState) int { return fn(&Args{L: L, Op: op}) })
}

// Len is the number of arguments given.
func (a *Args) Len() int { return max(0, a.L.GetTop()-a.skip) }

// Get returns an argument, nil where none was given.
func (a *Args) Get(n int) lua.LValue { return a.L.Get(n + a.skip) }

// Missing tells whether an argument was left out or is nil.
func (a *Args) Missing(n int) bool { return a.Get(n) == lua.LNil }

// Return pushes results and returns their number.
func (a *Args) Return(vs ...lua.LValue) int {
	for _, v := range vs {
		a.L.Push(v)
	}
	return len(vs)
}

// Raise raises err unless it is nil.
func (a *Args) Raise(err error) {
	if err == nil {
		return
	}
	var exit *luaerr.Exit
	if errors.As(err, &exit) {
		luaerr.Raise(a.L, exit)
	}
	luaerr.Raise(a.L, luaerr.From(a.Op, err))
}

// Bad raises an error of the type of an argument.
func (a *Args) Bad(name, format string, args ...any) {
	luaerr.Raise(a.L, luaerr.New(luaerr.ETYPE, a.Op, "bad argument %q of %s: %s", name, a.Op, fmt.Sprintf(format, args...)))
}

// AtMost refuses more than n arguments, which are most often a mistake.
func (a *Args) AtMost(n int) {
	if got := a.Len(); got > n {
		luaerr.Raise(a.L, luaerr.New(luaerr.ETYPE, a.Op, "%s takes at most %d arguments, got %d", a.Op, n, got))
	}
}

// Describe says what a value is, for messages: `nil`, `"text"`, `number 5`.
func Describe(v lua.LValue) string {
	switch v := v.(type) {
	case *lua.LNilType:
		return "nil"
	case lua.LString:
		if len(v) > 40 {
			return strconv.Quote(string(v[:40])) + "..."
		}
		return strconv.Quote(string(v))
	case lua.LNumber:
		return "number " + v.String()
	case lua.LBool:
		return v.String()
	}
	return "a " + v.Type().String()
}

// String returns a string that is not empty.
func (a *Args) String(n int, name string) string {
	s, ok := a.Get(n).(lua.LString)
	if !ok {
		a.Bad(name, "want a string, got %s", Describe(a.Get(n)))
	}
	if s == "" {
		a.Bad(name, "empty string")
	}
	return string(s)
}

// Text returns a string that may be empty.
func (a *Args) Text(n int, name string) string {
	s, ok := a.Get(n).(lua.LString)
	if !ok {
		a.Bad(name, "want a string, got %s", Describe(a.Get(n)))
	}
	return string(s)
}

// Int returns a whole number between lo and hi.
func (a *Args) Int(n int, name string, lo, hi int64) int64 {
	return a.wholeNumber(a.Get(n), name, lo, hi)
}

func (a *Args) wholeNumber(v lua.LValue, name string, lo, hi int64) int64 {
	f, ok := v.(lua.LNumber)
	if !ok {
		a.Bad(name, "want a number, got %s", Describe(v))
	}
	if float64(f) != math.Trunc(float64(f)) || math.IsInf(float64(f), 0) {
		a.Bad(name, "want a whole number, got %s", f)
	}
	if float64(f) < float64(lo) || float64(f) > float64(hi) {
		a.Bad(name, "%s is out of range %d to %d", f, lo, hi)
	}
	return int64(f)
}

// Func returns a function.
func (a *Args) Func(n int, name string) *lua.LFunction {
	fn, ok := a.Get(n).(*lua.LFunction)
	if !ok {
		a.Bad(name, "want a function, got %s", Describe(a.Get(n)))
	}
	return fn
}

// Duration returns seconds, given as a number or as text like "1h30m".
func (a *Args) Duration(n int, name string) float64 {
	return a.duration(a.Get(n), name)
}

func (a *Args) duration(v lua.LValue, name string) float64 {
	return a.unit(v, name, `a duration such as 90 or "1h30m"`, 0, MaxDuration, ParseDuration)
}

// unit reads a value that is a number from lo to hi or text in a unit.
func (a *Args) unit(v lua.LValue, name, want string, lo, hi float64, parse func(string) (float64, error)) float64 {
	switch v := v.(type) {
	case lua.LNumber:
		if f := float64(v); f >= lo && f <= hi {
			return f
		}
		a.Bad(name, "want %s, got %s", want, Describe(v))
	case lua.LString:
		n, err := parse(string(v))
		if err != nil {
			a.Bad(name, "%s", err)
		}
		return n
	}
	a.Bad(name, "want %s, got %s", want, Describe(v))
	return 0
}

// Size returns bytes, given as a whole number or as text like "10MB".
func (a *Args) Size(v lua.LValue, name string) float64 {
	n := a.unit(v, name, `a size such as 1500 or "10MB"`, 0, 1<<53, ParseSize)
	if n != math.Trunc(n) {
		a.Bad(name, "want whole bytes, got %s", Describe(v))
	}
	return n
}

// Rate returns what happens in a second, given as a number or as text like
// "5k/s". It is more than 0.
func (a *Args) Rate(v lua.LValue, name string) float64 {
	return a.unit(v, name, `a rate such as 500 or "5k/s"`, math.SmallestNonzeroFloat64, 1<<53, ParseRate)
}

// Percent returns a share from 0 to 1, given as such or as text like "90%".
func (a *Args) Percent(v lua.LValue, name string) float64 {
	return a.unit(v, name, `a share such as 0.9 or "90%"`, 0, 1, ParsePercent)
}

// Masked returns a value and its mask, given as a number (all bits count) or
// as text like "0x10/0xff".
func (a *Args) Masked(v lua.LValue, name string) (value, mask uint32) {
	if s, ok := v.(lua.LString); ok {
		value, mask, err := ParseMasked(string(s))
		if err != nil {
			a.Bad(name, "%s", err)
		}
		return value, mask
	}
	return uint32(a.wholeNumber(v, name, 0, math.MaxUint32)), math.MaxUint32
}

// Prefix returns a network, given as "10.0.0.0/8" or as one address.
func (a *Args) Prefix(v lua.LValue, name string) netip.Prefix {
	s, _ := v.(lua.LString)
	if !strings.Contains(string(s), "/") {
		addr := a.Addr(v, name)
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	p, err := netip.ParsePrefix(string(s))
	if err != nil {
		a.Bad(name, "%q is not a network such as \"10.0.0.0/8\"", string(s))
	}
	if p != p.Masked() {
		a.Bad(name, "%q has bits set behind its prefix; did you mean %q?", string(s), p.Masked())
	}
	return p
}

// Addr returns an IPv4 or IPv6 address.
func (a *Args) Addr(v lua.LValue, name string) netip.Addr {
	s, ok := v.(lua.LString)
	if !ok {
		a.Bad(name, "want an address, got %s", Describe(v))
	}
	addr, err := netip.ParseAddr(string(s))
	if err != nil || addr.Zone() != "" {
		a.Bad(name, "%q is not an IPv4 or IPv6 address", string(s))
	}
	return addr.Unmap()
}

// Table returns a table with named fields, or nil where it was left out.
func (a *Args) Table(n int, name string) *Table {
	v := a.Get(n)
	if v == lua.LNil {
		return nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		a.Bad(name, "want a table, got %s", Describe(v))
	}
	return &Table{Args: a, T: t, Name: name, read: map[string]bool{}}
}

// Table is an argument with named fields. Each field that a binding knows is
// asked for once; Done refuses the rest.
type Table struct {
	*Args
	T    *lua.LTable
	Name string
	read map[string]bool
}

// Field returns a field, nil where it is not there.
func (t *Table) Field(key string) lua.LValue {
	t.read[key] = true
	return t.T.RawGetString(key)
}

// Has tells whether a field is there.
func (t *Table) Has(key string) bool { return t.Field(key) != lua.LNil }

// Int returns a whole number between lo and hi.
func (t *Table) Int(key string, lo, hi int64) int64 {
	return t.wholeNumber(t.Field(key), key, lo, hi)
}

// Text returns a string that is not empty.
func (t *Table) Text(key string) string {
	s, ok := t.Field(key).(lua.LString)
	if !ok || s == "" {
		t.Bad(key, "want a string that is not empty, got %s", Describe(t.Field(key)))
	}
	return string(s)
}

// Bool returns a boolean, false where it is not there.
func (t *Table) Bool(key string) bool {
	v := t.Field(key)
	if v == lua.LNil {
		return false
	}
	b, ok := v.(lua.LBool)
	if !ok {
		t.Bad(key, "want true or false, got %s", Describe(v))
	}
	return bool(b)
}

// Seconds returns a duration in seconds.
func (t *Table) Seconds(key string) float64 { return t.duration(t.Field(key), key) }

// Done refuses fields that nobody asked for.
func (t *Table) Done() {
	known := make([]string, 0, len(t.read))
	for k := range t.read {
		known = append(known, k)
	}
	sort.Strings(known)
	t.T.ForEach(func(k, _ lua.LValue) {
		s, ok := k.(lua.LString)
		if !ok {
			t.Bad(t.Name, "unexpected item %s", k)
		}
		if !t.read[string(s)] {
			e := luaerr.New(luaerr.EFIELD, t.Op, "%s: unknown field %q", t.Op, string(s))
			luaerr.Raise(t.L, e.WithHint(luaerr.DidYouMean(string(s), known)))
		}
	})
}
