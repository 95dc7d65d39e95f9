package vm

import (
	"context"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/lua/luaerr"
)

func TestTimers(t *testing.T) {
	for _, c := range []struct{ name, source, stdout string }{
		{"no overlap, missed periods are counted", `
			local inside, sum, t = false, 0
			t = every("2ms", function(missed)
				if inside then print("overlap") end
				inside = true
				sum = sum + missed
				sleep("9ms")
				inside = false
				if t.runs == 4 then t:stop() end
			end)
			repeat sleep("1ms") until t.runs == 4 and not inside
			print(t.runs, sum > 3, sum == t.missed, tostring(t):match("^timer every 2ms: 4 runs, %d+ missed, over$") ~= nil)`, "4\ttrue\ttrue\ttrue\n"},
		{"stop from outside", `
			local n = 0
			local t = every("1ms", function() n = n + 1 end)
			repeat sleep("1ms") until n > 2
			t:stop() t:stop()
			local before = n
			sleep("20ms")
			print(n == before, t.missed >= 0)`, "true\ttrue\n"},
		{"stop of a call that sleeps", `
			local t
			t = every("1ms", function() t:stop() sleep("5ms") print("to its end") end)`, "to its end\n"},
		{"after", `
			local t = after("2ms", function(...) print("late", select("#", ...)) end)
			print(t, t.runs)
			sleep("50ms")
			print(t)`, "timer after 2ms: 0 runs\t0\nlate\t0\ntimer after 2ms: 1 runs, over\n"},
		{"after, stopped", `after("1ms", print):stop()`, ""},
		{"seconds as a number", `local t = every(3600, print) print(t) t:stop()`, "timer every 3600: 0 runs\n"},
		{"a line of times", `
			local t = every("cron: * * * * * *", function() print("second") exit() end)
			print(t)`, "timer every cron: * * * * * *: 0 runs\nsecond\n"},
		{"refused", `
			for _, f in ipairs{function() every("cron: 0 99 * * *", print) end, function() every("cron:", print) end, function() every(0, print) end,
				function() every("0.5ms", print) end, function() every("5x", print) end, function() every({}, print) end, function() after("1s", nil) end, function() every("1s") end} do
				print((tostring(select(2, pcall(f))):gsub("^test.lua:%d+: ", "")))
			end`, `bad argument "period" of every: "99" is not a hour, in "0 99 * * *"
bad argument "period" of every: "" is not a line of times such as "0 3 * * *": minute, hour, day, month, day of the week
bad argument "period" of every: shorter than a millisecond
bad argument "period" of every: shorter than a millisecond
bad argument "period" of every: "5x" is not a duration such as "90", "5s", "1h30m" or "2d"
bad argument "period" of every: want a duration such as 90 or "1h30m", got a table
bad argument "function" of after: want a function, got nil
bad argument "function" of every: want a function, got nil
`},
		{"the longest sleep does not end at once", `pcall(timeout, "5ms", sleep, 9.2e9) print(select(2, pcall(timeout, "5ms", sleep, 9223372036.8547758)).code)`, "ETIMEDOUT\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := within(t, context.Background(), c.source)
			if code := luaerr.ExitCode(err); code != 0 || stdout != c.stdout || stderr != "" {
				t.Errorf("%v, printed\n%s%s want\n%s", err, stdout, stderr, c.stdout)
			}
		})
	}
}

// TestTimerThatRecovers checks that errors are reported and end a timer only
// in a row.
func TestTimerThatRecovers(t *testing.T) {
	_, stderr, err := within(t, context.Background(), `
		local t
		t = every("1ms", function() if t.runs == 15 then t:stop() elseif t.runs ~= 8 then error("no") end end)`)
	if err != nil || strings.Count(stderr, "ctsh: every 1ms: test.lua:3: no") != 13 {
		t.Errorf("%v\n%s", err, stderr)
	}
}
