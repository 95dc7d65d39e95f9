package ct

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// sessions are three ways in which the table shows the connection that
// SSH_CONNECTION names as 198.51.100.7:50001 to 192.0.2.1:22, plain, behind a
// translation of its destination and of its source, and one that went out.
var sessions = map[string]string{
	"plain":                  `src = "198.51.100.7", sport = 50001, dst = "192.0.2.1", dport = 22`,
	"translated destination": `src = "198.51.100.7", sport = 50001, dst = "203.0.113.1", dport = 2222, nat_dst = "192.0.2.1", nat_dport = 22`,
	"translated source":      `src = "10.9.9.9", sport = 40000, dst = "192.0.2.1", dport = 22, nat_src = "198.51.100.7", nat_sport = 50001`,
	"from here":              `src = "192.0.2.1", sport = 22, dst = "198.51.100.7", dport = 50001`,
}

// TestOwnSession tries to change the flow by which the user is logged in.
func TestOwnSession(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "198.51.100.7 50001 192.0.2.1 22")
	for name, tuple := range sessions {
		t.Run(name, func(t *testing.T) {
			ns := netnstest.New(t)
			must(t, ns, `
				ct.create{proto = "tcp", `+tuple+`, state = "ESTABLISHED", assured = true, timeout = "1h"}:apply()
				for i = 1, 3 do ct.create{proto = "udp", src = "10.0.0." .. i, sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600}:apply() end
				assert(ct.me:count() == 1 and ct.me:one().proto == "tcp" and flows:unless(ct.me):count() == 3)
				local r = flows:where("tcp"):update{mark = 7}:apply()
				assert(r.matched == 1 and r.protected == 1 and r.applied == 0, tostring(r))
				r = ct.me:one():delete():apply()
				assert(r.protected == 1 and r.applied == 0, tostring(r))
				assert(flows:where(ct.all):delete().n == 3)
				assert(flows:where("tcp"):delete().n == 0)
				r = flows:where(ct.all):delete():apply{max = 3}
				assert(r.matched == 4 and r.protected == 1 and r.applied == 3 and #flows == 1, tostring(r))`)
			must(t, ns, `
				ct.create{proto = "udp", src = "10.0.0.9", sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600}:apply()
				local r = ct.flush{yes = true}:apply()
				assert(r.applied == 1 and r.protected == 1 and ct.me:one().mark == 0 and #flows == 1, tostring(r))
				local ok, err = pcall(function() return ct.flush{yes = true}:apply{fast = true} end)
				assert(not ok and err.code == "ENOTSUP" and #flows == 1, tostring(err))`)
			r := run(t, ns, Options{NoGuard: true}, `assert(flows:where("tcp"):delete():apply().applied == 1 and not ct.me:any())`)
			if r.err != nil {
				t.Error(r.err)
			}
		})
	}
}

// TestProtect keeps plans away from what a script names, and from what lacks
// what it asks for.
func TestProtect(t *testing.T) {
	ns := netnstest.New(t)
	must(t, ns, `
		for i = 1, 4 do ct.create{proto = "udp", src = "10.0.0." .. i, sport = i, dst = "192.0.2.1", dport = 53, timeout = 600, mark = i}:apply() end
		ct.protect("mark == 1")
		ct.protect{src = "10.0.0.2"}
		ct.protect("bytes > 1GB and sport == $1", 3)
		local r = flows:where("udp"):delete():apply()
		assert(r.protected == 3 and r.applied == 1, tostring(r))
		assert(flows:where(function(sport) return sport < 9 end):delete():apply().protected == 3)
		assert(#flows == 3 and flows:where("sport == 4"):count() == 0)
		for i = 5, 9 do ct.create{proto = "udp", src = "10.0.0." .. i, sport = i, dst = "192.0.2.1", dport = 53, timeout = 600, mark = i}:apply() end
		for _, q in ipairs{flows:where("udp"), flows:where(function(sport) return sport > 0 end)} do -- the protected do not count
			local ok, err = pcall(function() return q:delete():apply{max = 4} end)
			assert(not ok and err.code == "EGUARD" and #flows == 8, tostring(err))
			assert(#q:delete():preview(100).flows == 5 and #q:delete():preview(2).flows == 2)
		end
		r = flows:where(function(sport) return sport > 0 end):delete():apply{max = 5}
		assert(r.matched == 8 and r.applied == 5 and r.protected == 3 and #flows == 3, tostring(r))
		r = ct.flush{yes = true}:apply()
		assert(r.protected == 3 and #flows == 3, tostring(r))`)
	for _, bad := range []string{`ct.protect()`, `ct.protect("")`, `ct.protect{}`, `ct.protect("srcc == 10.0.0.1")`, `ct.protect(nil)`} {
		if r := run(t, ns, Options{}, bad); luaerr.ExitCode(r.err) != 2 {
			t.Errorf("%s: %v", bad, r.err)
		}
	}
}
