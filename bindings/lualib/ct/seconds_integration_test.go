package ct

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestWholeSeconds rounds durations up: only 0 is 0.
func TestWholeSeconds(t *testing.T) {
	for d, want := range map[float64]uint32{0: 0, 1e-9: 1, 1e-6: 1, 0.9: 1, 1: 1, 1.5: 2, 2: 2, 3000 * 1e-3: 3, 4100 * 1e-3: 5, 8589933.5: 8589934, 8589934: 8589934} {
		if got := wholeSeconds(d); got != want {
			t.Errorf("%v: %d seconds, want %d", d, got, want)
		}
	}
}

// TestShortTimeouts gives flows less than a second: they must not go at once.
func TestShortTimeouts(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `
		for i = 1, 3 do ct.create{proto = "udp", src = "10.0.0." .. i, sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600}:apply() end
		local q = flows:where("udp")
		for _, p in ipairs{q:timeout("900ms"), q:update{timeout = "1ms"}, q:timeout(0.5)} do
			assert(tostring(p):find("timeout=1s", 1, true), tostring(p))
		end
		assert(tostring(q:timeout("1m1500ms")):find("timeout=62s", 1, true))
		local r = q:timeout("1.2s"):apply()
		assert(r.applied == 3 and q:count() == 3, tostring(r))
		r = q:timeout(0):apply()
		assert(r.applied == 3 and q:count() == 0, tostring(r))`)
}
