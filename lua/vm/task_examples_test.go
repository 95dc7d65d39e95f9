package vm_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// TestTaskExamples runs the examples of what this package declares.
func TestTaskExamples(t *testing.T) {
	var families []*registry.Family
	for _, f := range registry.Families() {
		if slices.Contains([]string{"", "task", "timer", "chan"}, f.Name) {
			families = append(families, f)
		}
	}
	luatest.Examples(t, families, func(_ *testing.T, stdout io.Writer) *vm.VM {
		v := vm.New(context.Background(), vm.Options{Stdout: stdout})
		v.OpenTasks()
		return v
	})
}
