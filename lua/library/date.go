package library

import (
	"fmt"
	"math"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// maxTime is how far from 1970 a date may be, in seconds: about the year
// 100 000 000, well below where the calendar of Go goes wrong.
const maxTime = 1 << 51

// universal is the zone of times that a "!" asks for, under its name in C.
var universal = time.FixedZone("GMT", 0)

// osDate writes a time, now if none is given, as a format of strftime says, in
// the C locale; or makes a table of it for the format "*t". A "!" before the
// format asks for universal time.
func osDate(L *lua.LState) int {
	a := stringArgs{L, "os.date"}
	format, t := "%c", time.Now()
	if L.Get(1) != lua.LNil {
		format = a.text(1, "format")
	}
	if L.Get(2) != lua.LNil {
		f := math.Trunc(a.float(2, "time"))
		if !(math.Abs(f) <= maxTime) {
			a.bad(2, "time", "%s is out of range", FormatNumber(f))
		}
		t = time.Unix(int64(f), 0)
	}
	if strings.HasPrefix(format, "!") {
		format, t = format[1:], t.In(universal)
	}
	if strings.HasPrefix(format, "*t") {
		L.Push(dateFields(L, t))
		return 1
	}
	d := date{Time: t}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		s := format[i : i+1]
		if s == "%" {
			if i++; i == len(format) {
				a.raise(luaerr.EPARSE, `bad argument "format" of os.date: a %% at the end`)
			}
			var ok bool
			if s, ok = d.conversion(format[i]); !ok {
				a.raise(luaerr.EPARSE, `bad argument "format" of os.date: invalid conversion %q`, "%"+format[i:i+1])
			}
		}
		if len(s) > MaxString-b.Len() {
			a.tooLong()
		}
		b.WriteString(s)
	}
	L.Push(lua.LString(b.String()))
	return 1
}

// dateFields is the table for "*t".
func dateFields(L *lua.LState, t time.Time) *lua.LTable {
	fields := L.CreateTable(0, 9)
	for name, n := range map[string]int{"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(),
		"min": t.Minute(), "sec": t.Second(), "wday": int(t.Weekday()) + 1, "yday": t.YearDay()} {
		fields.RawSetString(name, number(n))
	}
	fields.RawSetString("isdst", lua.LBool(t.IsDST()))
	return fields
}

// date is a time that strftime writes.
type date struct{ time.Time }

// layouts are conversions that package time knows.
var layouts = map[byte]string{'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05",
	'D': "01/02/06", 'x': "01/02/06", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'P': "pm",
	'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'X': "15:04:05", 'Z': "MST", 'z': "-0700"}

// conversion is what stands for %c.
func (d date) conversion(c byte) (string, bool) {
	if layout, ok := layouts[c]; ok {
		s := d.Format(layout)
		if c == 'c' {
			s += fmt.Sprintf(" %d", d.Year())
		}
		return s, true
	}
	isoYear, isoWeek := d.ISOWeek()
	hour12 := (d.Hour()+11)%12 + 1
	monday := (int(d.Weekday()) + 6) % 7
	switch c {
	case 'C':
		return fmt.Sprintf("%02d", floorDiv(d.Year(), 100)), true
	case 'F':
		return fmt.Sprintf("%d-%02d-%02d", d.Year(), d.Month(), d.Day()), true
	case 'g':
		return fmt.Sprintf("%02d", isoYear-100*floorDiv(isoYear, 100)), true
	case 'G':
		return fmt.Sprint(isoYear), true
	case 'j':
		return fmt.Sprintf("%03d", d.YearDay()), true
	case 'k':
		return fmt.Sprintf("%2d", d.Hour()), true
	case 'l':
		return fmt.Sprintf("%2d", hour12), true
	case 'n':
		return "\n", true
	case 's':
		return fmt.Sprint(d.Unix()), true
	case 't':
		return "\t", true
	case 'u':
		return fmt.Sprint(monday + 1), true
	case 'U':
		return fmt.Sprintf("%02d", (d.YearDay()-1+7-int(d.Weekday()))/7), true
	case 'V':
		return fmt.Sprintf("%02d", isoWeek), true
	case 'w':
		return fmt.Sprint(int(d.Weekday())), true
	case 'W':
		return fmt.Sprintf("%02d", (d.YearDay()-1+7-monday)/7), true
	case 'y':
		return fmt.Sprintf("%02d", d.Year()-100*floorDiv(d.Year(), 100)), true
	case 'Y':
		return fmt.Sprint(d.Year()), true
	case '%':
		return "%", true
	}
	return "", false
}

func floorDiv(x, y int) int { return int(math.Floor(float64(x) / float64(y))) }
