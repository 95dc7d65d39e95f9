package ct

import (
	"fmt"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestUndoOfOtherNamespaces takes a change back in the namespace that it was made
// in, whichever way that was reached.
func TestUndoOfOtherNamespaces(t *testing.T) {
	here, other := netnstest.New(t), netnstest.New(t)
	must(t, other, `ct.create{proto = "udp", src = "10.0.0.1", sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600, mark = 5}:apply()`)
	path := fmt.Sprintf("/proc/self/fd/%d", other.FD())
	r := run(t, here, Options{Journal: t.TempDir()}, fmt.Sprintf(`
		local blue = ct.ns(%[1]q)
		for _, q in ipairs{blue.flows:where("udp"), flows:in_ns(%[1]q):where("udp")} do
			local r = q:delete():apply()
			assert(r.applied == 1 and #blue.flows == 0, tostring(r))
			r = r:undo():apply()
			assert(r.applied == 1 and blue.flows:one().mark == 5 and #flows == 0, tostring(r))
		end
		local ok, err = pcall(ct.undo)
		assert(not ok and err.code == "ENOENT", tostring(err)) -- both are undone
		local r = blue.flows:where("udp"):mark(6):apply()
		ok, err = pcall(ct.undo)
		assert(not ok and err.code == "ENOENT", tostring(err)) -- it is of blue
		ok, err = pcall(ct.undo, r.id)
		assert(not ok and err.code == "EGUARD", tostring(err))
		blue.undo():apply()
		assert(blue.flows:one().mark == 5)`, path))
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.stderr)
	}
}

// TestUndoOfNoTime brings flows back that were given a timeout of 0.
func TestUndoOfNoTime(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{Journal: t.TempDir()}, `
		for i = 1, 3 do ct.create{proto = "udp", src = "10.0.0." .. i, sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600, mark = i}:apply() end
		local r = flows:where("udp"):timeout(0):apply()
		assert(r.applied == 3 and #flows == 0, tostring(r))
		r = r:undo():apply()
		assert(r.applied == 3 and flows:where("mark == 2 and timeout > 500"):count() == 1, tostring(r))`)
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.stderr)
	}
}
