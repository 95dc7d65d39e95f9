package ct

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/vm"
)

func want(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not say %q", text, part)
	}
}

// masters are flows of a helper that allows each one expectation, and a function
// that makes it.
const masters = `
	local function master(host, zone)
		ct.create{zone = zone, proto = "tcp", src = host, sport = 1000, dst = "10.0.0.9", dport = 21, timeout = 600, helper = "ftp", state = "ESTABLISHED", assured = true}:apply()
		return flows:where("src == $1", host):one()
	end
	local function expect(m, port) return ct.expect{master = m, proto = "tcp", dst = "10.0.0.9", dport = port}:apply() end
	local function ports()
		local list = {}
		for e in expects:iter() do list[#list + 1] = e.dport end
		table.sort(list)
		return table.concat(list, " ")
	end
`

// TestUndoOfDeletedExpectations makes again what was deleted, and nothing that
// was gone before.
func TestUndoOfDeletedExpectations(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{Journal: t.TempDir()}, masters+`
		local one, two = master("10.0.0.1"), master("10.0.0.2")
		expect(one, 2021) expect(two, 2022)
		local all, single = expects:where(ct.all):delete(), expects:where("dport == 2022"):one():delete()
		expects:where("dport == 2022"):delete():apply{journal = false}
		local r = all:apply()
		assert(r.matched == 2 and r.applied == 1 and r.gone == 1 and ports() == "", tostring(r))
		local u = r:undo():apply()
		assert(u.applied == 1 and ports() == "2021", tostring(u) .. ports())
		u = r:undo():apply()
		assert(u.applied == 0 and u.exists == 1 and ports() == "2021", tostring(u) .. ports())
		r = single:apply()
		assert(r.gone == 1 and r.id == nil, tostring(r))

		expect(two, 2022)
		r = expects:where(ct.all):delete():apply()
		assert(r.applied == 2 and ports() == "", tostring(r))
		u = r:undo():apply()
		assert(u.applied == 2 and ports() == "2021 2022", tostring(u) .. ports())
		u = u:undo():apply()
		assert(u.applied == 2 and ports() == "", tostring(u) .. ports())
		r = expects:where(ct.all):delete():apply()
		assert(r.matched == 0, tostring(r))`)
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.stderr)
	}
}

// snatching is a kernel in which somebody else deletes each expectation of a port
// just before we do.
type snatching struct {
	conntrack.Kernel
	port uint16
}

func (k snatching) Do(ctx context.Context, req wire.Request) error {
	if _, deletes := req.(wire.ExpectDelete); deletes && req.Target().DstPort == k.port {
		if err := k.Kernel.Do(ctx, req); err != nil {
			return err
		}
	}
	return k.Kernel.Do(ctx, req)
}

// TestSnatchedExpectations is about expectations that go after they were taken
// down, and before the kernel is asked to delete them.
func TestSnatchedExpectations(t *testing.T) {
	ns := netnstest.New(t)
	var out bytes.Buffer
	v := vm.New(context.Background(), vm.Options{Stdout: &out, Stderr: &out, Name: "test"})
	v.Tasks.Lock()
	v.OpenTasks()
	h := Open(v, Options{NS: ns, Stdout: &out, Stderr: &out, Journal: t.TempDir()})
	h.kernel = snatching{h.kernel, 2022}
	h.space.Kernel = h.kernel
	err := v.Run("test", masters+`
		local one, two = master("10.0.0.1"), master("10.0.0.2")
		expect(one, 2021) expect(two, 2022)
		local r = expects:where(ct.all):delete():apply()
		assert(r.applied == 1 and r.gone == 1 and ports() == "", tostring(r))
		local u = r:undo():apply()
		assert(u.applied == 1 and ports() == "2021", tostring(u) .. ports())`)
	v.Tasks.Unlock()
	v.Close()
	if closeErr := h.Close(); err != nil || closeErr != nil {
		t.Errorf("%v %v\n%s", err, closeErr, out.String())
	}
}

// TestEvictedExpectations makes more expectations than the helper allows: the
// one that has to go is named, and comes back.
func TestEvictedExpectations(t *testing.T) {
	ns := netnstest.New(t)
	r := run(t, ns, Options{Journal: t.TempDir()}, masters+`
		local one, two = master("10.0.0.1"), master("10.0.0.2")
		expect(two, 2020)
		expect(one, 2021)
		local r = expect(one, 2022)
		assert(r.applied == 1 and ports() == "2020 2022", ports())
		local u = r:undo():apply()
		assert(ports() == "2020 2021", tostring(u) .. ports())
		u = u:undo():apply()
		assert(ports() == "2020 2022", tostring(u) .. ports())

		-- What was made anew since by hand is there already.
		r = expect(one, 2023)
		expect(one, 2022)
		u = r:undo():apply()
		assert(u.applied == 0 and u.gone == 1 and u.exists == 1 and ports() == "2020 2022", tostring(u) .. ports())

		-- An undo that has to remove another says so, and can be taken back.
		r = expects:where("dport == 2022"):delete():apply()
		expect(one, 2024)
		u = r:undo():apply()
		assert(u.applied == 1 and ports() == "2020 2022", tostring(u) .. ports())
		u = u:undo():apply()
		assert(ports() == "2020 2024", tostring(u) .. ports())

		local zoned = master("10.0.0.3", 7)
		expect(zoned, 2121)
		r = expect(zoned, 2122)
		assert(ports() == "2020 2024 2122", ports())
		u = r:undo():apply()
		assert(u.applied == 2 and ports() == "2020 2024 2121", tostring(u) .. ports())
		r = zoned:delete():apply()

		-- One whose time has run out by then would not be there either.
		expects:where("dport == 2024"):first():timeout_to(1):apply()
		r = expect(one, 2025)
		sleep(2.5)
		u = r:undo():apply()
		assert(u.applied == 1 and u.gone == 1 and ports() == "2020", tostring(u) .. ports())`)
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.stderr)
	}
	for _, part := range []string{
		"10.0.0.9:2021 had to go for that of tcp 0.0.0.0:0 > 10.0.0.9:2022", "10.0.0.9:2024 had to go for that of tcp 0.0.0.0:0 > 10.0.0.9:2022",
		"10.0.0.9:2024 has run out since",
	} {
		want(t, r.stderr, part)
	}
	if strings.Contains(r.stderr, ":2020") {
		t.Errorf("%q is about another master", r.stderr)
	}
}
