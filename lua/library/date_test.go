package library

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// inZone makes the local time that of a place, here and for lua5.1.
func inZone(t *testing.T, name string) {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skip(err)
	}
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	time.Local = loc
	t.Setenv("TZ", name)
}

func TestDatesDifferential(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "Asia/Kolkata"} {
		t.Run(zone, func(t *testing.T) {
			inZone(t, zone)
			m := newMaker()
			var es []string
			conversions := strings.Split("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%", "")
			for range 400 {
				format := m.repeat(1+m.IntN(6), func() string { return m.pick(" ", "x", "-", ":") + "%" + m.pick(conversions...) })
				if m.IntN(2) == 0 && !strings.Contains(format, "%s") { // which C takes for local time
					format = "!" + format
				}
				at := m.Int64N(8e9) - 2e9
				es = append(es, fmt.Sprintf("os.date(%q, %d)", format, at))
				es = append(es, fmt.Sprintf("(function(d) return d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.isdst end)(os.date('%s*t', %d.9))", m.pick("", "!"), at))
				es = append(es, fmt.Sprintf("os.time{year = %d, month = %d, day = %s, hour = %s, min = %d, sec = %d, isdst = %s}", 1950+m.IntN(200), m.IntN(30)-5,
					m.pick("1", "31", "'15'", "0", "-40", "7.9"), m.pick("nil", "12", "14", "40"), m.IntN(120)-30, m.IntN(200)-50, m.pick("nil", "nil", "false", "true")))
			}
			es = append(es, "os.time{}", "os.time{year = 2020, month = 1}", "os.time(5)", "os.time{year = 2020, month = 'x', day = 1}", "os.date('%c', 0)", "os.date('!%x %X %p', 86399)",
				"os.difftime(10.9, 3.2)", "os.difftime(7)", "os.difftime()", "os.getenv('TZ')", "os.getenv('NO_SUCH_VARIABLE')", "os.getenv()", "os.date({})", "os.date('*t', 'x')", "type(os.clock()), type(os.time())")
			compare(t, es)
		})
	}
}

// TestDateErrors checks what C leaves open.
func TestDateErrors(t *testing.T) {
	L := state(t, nil, IO{})
	for source, want := range map[string]string{
		"os.date('%Q')":                                      `invalid conversion "%Q"`,
		"os.date('%')":                                       "a % at the end",
		"os.date('%c', 1e300)":                               "out of range",
		"os.date('%c', 0/0)":                                 "out of range",
		"os.date('*t', -1/0)":                                "out of range",
		"os.time{year = 1e18, month = 1, day = 1}":           "32 bits",
		"os.time{year = 0/0, month = 1, day = 1}":            "32 bits",
		"os.time{year = 2000, month = {}, day = 1}":          "want a whole number",
		"os.time{year = 2000, day = 1}":                      `"month"`,
		"os.date(('%c'):rep(2e6))":                           "longer than",
		"os.date('%Y', 2^51), os.date('%c %G %V %j', -2^51)": "",
		"os.time{year=2^31-1, month=2^31-1, day=-2^31+1}":    "",
		"assert(os.getenv('NO_SUCH_VARIABLE') == nil)":       "",
		"assert(os.exit == nil and os.execute == nil)":       "",
		"assert(os.date('%%'):len() == 1)":                   "",
		"assert(os.tmpname and os.remove(os.tmpname()))":     "",
		"assert(select(3, os.remove('/no/such/file')) == 2)": "",
		"assert(select(2, os.rename('/no/a', '/no/b')) == '/no/a: No such file or directory')": "",
	} {
		_, err := eval(L, "local _ = nil, "+source)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}
