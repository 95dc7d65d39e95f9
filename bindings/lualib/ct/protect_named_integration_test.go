package ct

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestProtectNamed protects by what only the kernel can tell of a flow that a
// plan names itself.
func TestProtectNamed(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `
		ct.create{proto = "tcp", src = "10.0.0.1", dst = "10.0.0.2", sport = 4000, dport = 21, state = "ESTABLISHED", timeout = 600}:apply()
		local m = flows:one()
		ct.create{proto = "tcp", src = "10.0.0.2", dst = "10.0.0.1", sport = 20, dport = 2021, state = "ESTABLISHED", timeout = 600, master = m}:apply()
		local f = flows:where("has(master)"):one()
		ct.protect("has(master)")
		for _, p in ipairs{f:delete(), f:update{mark = 7}} do
			local r = p:apply()
			assert(r.matched == 1 and r.protected == 1 and r.applied == 0, tostring(r))
		end
		assert(f:get().mark == 0 and f:get().master == f.master)
		local r = m:delete():apply()
		assert(r.applied == 1 and r.protected == 0, tostring(r))`)
}
