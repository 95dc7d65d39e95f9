package ct

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestEndedBeforeItsEnd: a plan that ends half way says how far it came and how
// that is taken back, and its error is that of a part.
func TestEndedBeforeItsEnd(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{Journal: t.TempDir()}, `
		local made = {}
		for i = 1, 20 do
			made[i] = ct.create{proto = "udp", src = "10.0.0.1", sport = i, dst = "192.0.2.1", dport = 53, timeout = 600}
			made[i]:apply()
		end
		local ok, err = pcall(function() return (flows:where("udp"):mark(7) + made[3]):apply() end)
		assert(not ok and err.code == "EPARTIAL", tostring(err))
		assert(flows:where("mark == 7"):count() == 20)
		ct.undo():apply()
		assert(flows:where("mark == 0"):count() == 20)
		timeout(0.3, function() flows:where("udp"):delete():apply{rate = 20} end)
		`)
	if r.err == nil {
		t.Error("the deletion came to its end")
	}
	want(t, r.stderr, "ctsh: 2 steps: 21 matched, 20 applied, 1 failed in ")
	want(t, r.stderr, " applied in ")
	want(t, r.stderr, ", and ended before its end; ctsh undo ")
	want(t, r.stderr, "ctsh: delete: 20 matched, ")
}

// TestLabelsThatAreNotKept are told: the kernel says nothing.
func TestLabelsThatAreNotKept(t *testing.T) {
	r := run(t, netnstest.New(t), Options{}, `
		local r = ct.create{proto = "udp", src = "10.0.0.1", sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600, labels = {5}}:apply()
		assert(r.applied == 1 and #r.notes == 1, tostring(r))`)
	if r.err != nil {
		t.Error(r.err)
	}
	want(t, r.stderr, "the flow lacks its labels: the kernel keeps them only where a rule uses ct label")
}

// TestOwnUndoIsFree: what tripped the breaker can be taken back.
func TestOwnUndoIsFree(t *testing.T) {
	ns, dir := netnstest.New(t), t.TempDir()
	r := run(t, ns, Options{Journal: dir}, `
		for i = 1, 5 do ct.create{proto = "udp", src = "10.0.0.1", sport = i, dst = "192.0.2.1", dport = 53, timeout = 600}:apply{journal = false} end
		ct.breaker(5, "1h")
		local r = flows:where("udp"):mark(7):apply()
		local ok, err = pcall(function() return flows:where("udp"):mark(8):apply() end)
		assert(not ok and err.code == "EGUARD", tostring(err))
		r = r:undo():apply()
		assert(r.applied == 5, tostring(r))`)
	if r.err != nil {
		t.Error(r.err)
	}
}
