package ct

import (
	"context"
	"io"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// seed is the table that the examples speak of.
const seed = `
	ct.create{proto = "udp", src = "10.0.0.1", sport = 4001, dst = "192.0.2.53", dport = 53, mark = 1, timeout = "1h"}:apply()
	ct.create{proto = "udp", src = "10.0.0.3", sport = 4003, dst = "192.0.2.53", dport = 5353, replied = true, timeout = "1h"}:apply()
	ct.create{proto = "tcp", src = "10.0.0.2", sport = 4002, dst = "192.0.2.1", dport = 21, state = "ESTABLISHED", assured = true, helper = "ftp", timeout = "1h"}:apply()`

// TestExamples runs the example of every function, method and type against a
// table of three flows.
func TestExamples(t *testing.T) {
	luatest.Examples(t, registry.Families(), func(t *testing.T, stdout io.Writer) *vm.VM {
		t.Chdir(t.TempDir()) // some write files
		ns := netnstest.New(t)
		v := vm.New(context.Background(), vm.Options{Stdout: stdout, Stderr: stdout})
		v.Tasks.Lock()
		defer v.Tasks.Unlock()
		v.OpenTasks()
		h := Open(v, Options{NS: ns, Stdout: stdout, Stderr: stdout, Journal: t.TempDir()})
		t.Cleanup(func() { _ = h.Close() })
		if err := v.Run("seed", seed); err != nil {
			t.Fatal(err)
		}
		return v
	})
}
