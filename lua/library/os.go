package library

import (
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// OpenOS makes the global os: the clock, the calendar and the environment, and
// with files allowed what changes names of them. Other programs are never run
// from here, and the process is not ended: exec and exit do that.
func OpenOS(L *lua.LState, allow Allow) {
	m := L.RegisterModule(lua.OsLibName, nil).(*lua.LTable)
	functions := map[string]lua.LGFunction{
		"clock": osClock, "date": osDate, "difftime": osDiffTime, "getenv": osGetEnv, "time": osTime,
	}
	if allow.FS {
		functions["remove"], functions["rename"], functions["tmpname"] = osRemove, osRename, osTmpName
	}
	for name, fn := range functions {
		m.RawSetString(name, L.NewFunction(fn))
	}
}

// osClock is the processor time that the process used, in seconds.
func osClock(L *lua.LState) int {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		stringArgs{L, "os.clock"}.raise(luaerr.ENOTSUP, "%w", err)
	}
	L.Push(lua.LNumber(time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()))
	return 1
}

// osDiffTime is the seconds between two times, without fractions.
func osDiffTime(L *lua.LState) int {
	a := stringArgs{L, "os.difftime"}
	later, earlier := a.float(1, "later"), 0.0
	if L.Get(2) != lua.LNil {
		earlier = a.float(2, "earlier")
	}
	L.Push(lua.LNumber(math.Trunc(later) - math.Trunc(earlier)))
	return 1
}

// osGetEnv is a variable of the environment, nil where there is none.
func osGetEnv(L *lua.LState) int {
	if v, ok := os.LookupEnv(stringArgs{L, "os.getenv"}.text(1, "name")); ok {
		L.Push(lua.LString(v))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// osTime is the seconds since 1970 now, or of a table with the fields year,
// month, day, hour, min, sec and isdst, which is local time. Fields may be out
// of the calendar: day 0 is the last of the month before.
func osTime(L *lua.LState) int {
	a := tableArgs{stringArgs{L, "os.time"}}
	if L.Get(1) == lua.LNil {
		L.Push(lua.LNumber(time.Now().Unix()))
		return 1
	}
	d := dateTable{a, a.table(1)}
	t := time.Date(d.field("year", -1), time.Month(d.field("month", -1)), d.field("day", -1),
		d.field("hour", 12), d.field("min", 0), d.field("sec", 0), 0, time.Local)
	if dst, ok := d.t.RawGetString("isdst").(lua.LBool); ok && bool(dst) != t.IsDST() {
		t = shifted(t, bool(dst))
	}
	L.Push(lua.LNumber(t.Unix()))
	return 1
}

// shifted reads the clock of t as daylight saving time, or as not. A zone that
// has none that year would be an hour ahead with it.
func shifted(t time.Time, dst bool) time.Time {
	for _, months := range []int{-3, 3, -6, 6} {
		if other := t.AddDate(0, months, 0); other.IsDST() == dst {
			_, is := t.Zone()
			_, asked := other.Zone()
			return t.Add(time.Duration(is-asked) * time.Second)
		}
	}
	if dst {
		return t.Add(-time.Hour)
	}
	return t.Add(time.Hour)
}

// dateTable is the argument of os.time.
type dateTable struct {
	tableArgs
	t *lua.LTable
}

// field returns a whole number of 32 bits. One that is -1 by default must be
// there.
func (d dateTable) field(name string, fallback int) int {
	v := d.t.RawGetString(name)
	f, ok := 0.0, false
	switch v := v.(type) {
	case lua.LNumber:
		f, ok = float64(v), true
	case lua.LString:
		f, ok = readNumber(string(v))
	case *lua.LNilType:
		if f, ok = float64(fallback), fallback >= 0; !ok {
			d.bad(1, name, "the field is missing")
		}
	}
	if f = math.Trunc(f); !ok || !(math.Abs(f) <= math.MaxInt32) {
		d.bad(1, name, "want a whole number of 32 bits, got %s", value.Describe(v))
	}
	return int(f)
}

func osRemove(L *lua.LState) int {
	path := stringArgs{L, "os.remove"}.text(1, "file")
	return outcome(L, os.Remove(path))
}

func osRename(L *lua.LState) int {
	a := stringArgs{L, "os.rename"}
	return outcome(L, os.Rename(a.text(1, "from"), a.text(2, "to")))
}

// osTmpName makes an empty file and returns its name.
func osTmpName(L *lua.LState) int {
	f, err := os.CreateTemp("", "lua_")
	if err != nil {
		stringArgs{L, "os.tmpname"}.raise(luaerr.EIO, "%w", err)
	}
	if err := f.Close(); err != nil {
		return outcome(L, err)
	}
	L.Push(lua.LString(f.Name()))
	return 1
}

// outcome pushes true, or nil, what went wrong and its number.
func outcome(L *lua.LState, err error) int {
	if err == nil {
		L.Push(lua.LTrue)
		return 1
	}
	var no syscall.Errno
	errors.As(err, &no)
	L.Push(lua.LNil)
	L.Push(lua.LString(reason(err)))
	L.Push(lua.LNumber(no))
	return 3
}

// reason is an error of the system as Lua words it, "name: No such file or
// directory".
func reason(err error) string {
	var p *os.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Path + ": " + capital(p.Err)
	case errors.As(err, &l):
		return l.Old + ": " + capital(l.Err)
	}
	return capital(err)
}

func capital(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):]
}
