package task

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

// places have changes of an hour, of half an hour, of the other half of the
// year, and none.
var places = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "UTC"}

func place(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func cronOf(t interface{ Fatal(...any) }, expr string, loc *time.Location) *Cron {
	c, err := ParseCron(expr, loc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseCron(t *testing.T) {
	for _, good := range []string{"* * * * *", "0 3 * * *", "*/5 * * * * *", "@daily", "@Hourly", "30 4 1,15 * 5", "0 3 * * mon-fri", "0 0 29 2 *", "0 0 L * *", "0 9 * * 1#2", "  0  3 * * * "} {
		if _, err := ParseCron(good, time.UTC); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"": "not a line of times", "0 3 * *": "not a line of times", "* * * * * * * *": "not a line of times", "@reboot": "not a line of times",
		strings.Repeat("1,", 200) + "1 * * * *": "not a line of times", "99 3 * * *": `"99" is not a minute`, "3,99 3 * * *": `"99" is not a minute`,
		"0 24 * * *": `"24" is not a hour`, "0 3 32 * *": `"32" is not a day`, "0 3 * 13 *": "month", "0 3 * * 8": "day of the week",
		"*/0 * * * *": "minute", "5/ * * * *": "minute", "1,,2 * * * *": "minute", "a b c d e": "minute", "0 0 30 2 *": "never comes", "0 0 1 1 * 1999": "never comes",
	} {
		if _, err := ParseCron(bad, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", bad, err, want)
		}
	}
}

// The clock in Berlin goes from 2:00 to 3:00 on 2026-03-29 and from 3:00 back
// to 2:00 on 2026-10-25.
func TestChangesOfTheClock(t *testing.T) {
	loc := place(t, "Europe/Berlin")
	for _, c := range []struct{ expr, from, want string }{
		{"30 2 * * *", "2026-03-28 00:00", "28 02:30 CET, 29 03:00 CEST, 30 02:30 CEST"},
		{"0 3 * * *", "2026-03-28 12:00", "29 03:00 CEST, 30 03:00 CEST"},
		{"0,30 2,3 * * *", "2026-03-29 00:00", "29 03:00 CEST, 29 03:30 CEST, 30 02:00 CEST"},
		{"*/30 * * * *", "2026-03-29 01:10", "29 01:30 CET, 29 03:00 CEST, 29 03:30 CEST"},
		{"*/20 2 * * *", "2026-03-28 23:00", "30 02:00 CEST, 30 02:20 CEST"},
		{"30 2 * * *", "2026-10-24 12:00", "25 02:30 CEST, 26 02:30 CET"},
		{"30 2 * * *", "2026-10-25 02:35", "26 02:30 CET"},
		{"0 3 * * *", "2026-10-24 12:00", "25 03:00 CET, 26 03:00 CET"},
		{"*/30 * * * *", "2026-10-25 01:40", "25 02:00 CEST, 25 02:30 CEST, 25 02:00 CET, 25 02:30 CET, 25 03:00 CET"},
		{"0 */2 * * *", "2026-10-25 01:00", "25 02:00 CEST, 25 02:00 CET, 25 04:00 CET"},
		{"0 0 29 2 *", "2026-10-25 01:00", "29 00:00 CET, 29 00:00 CET"},
		{"0 3 * * *", "2028-12-30 12:00", "31 03:00 CET, 01 03:00 CET"},
		{"*/30 * * * *", "2028-12-31 00:10", "31 00:30 CET, 31 01:00 CET, 31 01:30 CET"},
		{"0 0 1 7 * 2090", "2026-10-25 01:00", "01 00:00 CEST"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.from, loc)
		if err != nil {
			t.Fatal(err)
		}
		cron := cronOf(t, c.expr, loc)
		var got []string
		for range strings.Count(c.want, ",") + 1 {
			at = cron.Next(at)
			got = append(got, at.Format("02 15:04 MST"))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%q from %s:\n got %s\nwant %s", c.expr, c.from, s, c.want)
		}
	}
}

// What has an hour and minute of its own comes once a day, whatever the clock
// does; what follows the clock comes whenever it shows that time.
func TestCronComesOnceADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc := place(t, rapid.SampledFrom(places).Draw(t, "place"))
		hour, minute := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")
		c := cronOf(t, fmt.Sprintf("%d %d * * *", minute, hour), loc)
		start := time.Date(2025, 1, 1, 12, 0, 0, 0, loc).AddDate(0, 0, rapid.IntRange(0, 5000).Draw(t, "day"))
		at := start
		for day := 1; day <= 10; day++ {
			at = c.Next(at)
			date := start.AddDate(0, 0, day)
			if hour >= 12 && (hour > 12 || minute > 0) {
				date = start.AddDate(0, 0, day-1)
			}
			if at.Day() != date.Day() || at.Month() != date.Month() {
				t.Fatalf("%s came on %s, want a time on %s", c.expr, at, date.Format("2006-01-02"))
			}
			if shown := at.Hour()*60 + at.Minute(); shown != hour*60+minute && shown-(hour*60+minute) > 60 {
				t.Fatalf("%s came at %s", c.expr, at)
			}
		}
	})
}

func TestCronFollowsTheClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc := place(t, rapid.SampledFrom(places).Draw(t, "place"))
		step, hours := rapid.SampledFrom([]int{7, 10, 15, 30}).Draw(t, "step"), rapid.SampledFrom([]string{"*", "*/2", "1-3"}).Draw(t, "hours")
		c := cronOf(t, fmt.Sprintf("*/%d %s * * *", step, hours), loc)
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, loc).Add(time.Duration(rapid.IntRange(0, 10*365*24*60).Draw(t, "minute")) * time.Minute)
		for range 30 {
			next := c.Next(at)
			due := func(x time.Time) bool {
				h := x.Hour()
				return x.Minute()%step == 0 && (hours == "*" || hours == "*/2" && h%2 == 0 || hours == "1-3" && h >= 1 && h <= 3)
			}
			want := at.Add(time.Minute)
			for !due(want) {
				want = want.Add(time.Minute)
			}
			if !next.Equal(want) {
				t.Fatalf("%s after %s: %s, want %s", c.expr, at, next, want)
			}
			at = next
		}
	})
}

func TestMissedTimes(t *testing.T) {
	c := cronOf(t, "* * * * * *", time.UTC)
	due := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if next, missed := c.after(due, due.Add(5*time.Second)); missed != 5 || !next.Equal(due.Add(6*time.Second)) {
		t.Errorf("%s, %d missed", next, missed)
	}
	if next, missed := c.after(due, due.Add(1000*time.Hour)); missed != maxCounted || !next.Equal(due.Add(1000*time.Hour+time.Second)) {
		t.Errorf("%s, %d missed", next, missed)
	}
	daily := cronOf(t, "0 3 * * *", time.UTC)
	due = daily.Next(due)
	for back, want := range map[time.Duration]time.Time{time.Hour: due, 365 * 24 * time.Hour: due.AddDate(-1, 0, 0)} {
		if got := daily.review(due, due.Add(-time.Minute-back)); !got.Equal(want) {
			t.Errorf("set back by %s: %s, want %s", back, got, want)
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "0 3 * * *", "1-9223372036854775807/9223372036854775807 * * * *", "@daily", "0 0 L-3 2W 5#2", "-5/1 1-2-3 */* 0/0 7#7 9999"} {
		f.Add(seed)
	}
	loc := place(f, "Australia/Lord_Howe")
	f.Fuzz(func(t *testing.T, expr string) {
		c, err := ParseCron(expr, loc)
		if err != nil {
			return
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, loc)
		for range 5 {
			next := c.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: %s after %s", expr, next, at)
			}
			at = next
		}
	})
}
