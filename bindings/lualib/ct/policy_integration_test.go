package ct

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestUndoOfPolicies takes changes of timeout policies back: to what was there
// when they were applied, and only where nobody has changed it since.
func TestUndoOfPolicies(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{Journal: t.TempDir()}, `
		local function policy(sec, more) return {proto = "udp", states = {replied = sec, unreplied = more}} end
		local function replied(name) local p = ct.timeouts.get(name) return p and p.states.replied end
		local function is(want, r, got) assert(got == want, tostring(r) .. ": " .. tostring(got) .. ", want " .. tostring(want)) end

		local added = ct.timeouts.add("dns", policy(20)):apply()
		local first, second = ct.timeouts.replace("dns", policy(40)), ct.timeouts.replace("dns", policy(60))
		first:apply()
		local r = second:apply()
		local back = r:undo():apply()
		is(40, back, replied("dns"))
		local again = r:undo():apply()
		assert(again.applied == 0 and again.exists == 1 and again.id == nil, tostring(again))
		is(60, back, (back:undo():apply() and replied("dns")))

		ct.timeouts.replace("dns", policy(77)):apply()
		local u = r:undo():apply()
		assert(u.applied == 0 and u.changed_meanwhile == 1, tostring(u))
		is(77, u, replied("dns"))
		u = added:undo():apply()
		assert(u.applied == 0, tostring(u))
		is(77, u, replied("dns"))

		local gone = ct.timeouts.delete("dns")
		ct.timeouts.replace("dns", policy(78)):apply()
		r = gone:apply()
		is(78, r, r:undo():apply() and replied("dns"))
		r = ct.timeouts.delete("dns"):apply()
		ct.timeouts.add("dns", policy(5)):apply()
		u = r:undo():apply()
		assert(u.applied == 0 and u.changed_meanwhile == 1, tostring(u))
		is(5, u, replied("dns"))

		-- One that was made anew by that name is another.
		r = ct.timeouts.add("x", policy(20)):apply()
		ct.timeouts.delete("x"):apply()
		ct.timeouts.add("x", {proto = "tcp", states = {established = 99}}):apply()
		u = r:undo():apply()
		assert(u.applied == 0 and ct.timeouts.get("x").states.established == 99, tostring(u))
		-- A state that was not named counts as well.
		r = ct.timeouts.add("y", policy(20)):apply()
		ct.timeouts.replace("y", policy(20, 7)):apply()
		u = r:undo():apply()
		assert(u.applied == 0 and ct.timeouts.get("y").states.unreplied == 7, tostring(u))
		r = ct.timeouts.add("z", policy(20)):apply()
		u = r:undo():apply()
		assert(u.applied == 1 and not ct.timeouts.get("z"), tostring(u))
		u = r:undo():apply()
		assert(u.applied == 0 and u.gone == 1, tostring(u))

		-- What goes before the change makes none.
		ct.timeouts.add("w", policy(20)):apply()
		local late = ct.timeouts.replace("w", policy(40))
		ct.timeouts.delete("w"):apply()
		local ok, err = pcall(late.apply, late)
		assert(not ok and err.code == "ENOENT" and not ct.timeouts.get("w"), tostring(err))`)
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.stderr)
	}
	for _, name := range []string{"dns", "x", "y"} {
		want(t, r.stderr, "timeout policy "+name+" was changed meanwhile")
	}
}

// TestUndoOfSysctls does the same with sysctls.
func TestUndoOfSysctls(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{Journal: t.TempDir()}, `
		local key = "nf_conntrack_udp_timeout"
		local first, second = sys.set(key, 61), sys.set(key, "62s")
		first:apply()
		local r = second:apply()
		local back = r:undo():apply()
		assert(back.applied == 1 and sys.get(key) == 61, tostring(back))
		local again = r:undo():apply()
		assert(again.applied == 0 and again.exists == 1 and again.id == nil, tostring(again))
		back:undo():apply()
		assert(sys.get(key) == 62)
		sys.set(key, 99):apply()
		local u = r:undo():apply()
		assert(u.applied == 0 and u.changed_meanwhile == 1 and sys.get(key) == 99, tostring(u))`)
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.stderr)
	}
	want(t, r.stderr, "udp_timeout was set to 1m39s meanwhile")
}
