package vm_test

import (
	"context"
	"io"
	"testing"

	"github.com/ctsh/ctsh/lua/keyed"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// TestExamples runs the examples of what the rooms of lua declare.
func TestExamples(t *testing.T) {
	var families []*registry.Family
	for _, f := range registry.Families() {
		if f.Name != "benchmark row" {
			families = append(families, f)
		}
	}
	luatest.Examples(t, families, func(_ *testing.T, stdout io.Writer) *vm.VM {
		v := vm.New(context.Background(), vm.Options{Stdout: stdout})
		v.OpenTasks()
		keyed.Open(v, nil)
		return v
	})
}
