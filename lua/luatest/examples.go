package luatest

import (
	"bytes"
	"io"
	"testing"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Examples runs the example of every function, method, type and module of the
// families as a test of its own, in a state from newVM, and fails where one
// has none. Fields and values need none, and neither does a module without a
// name. What the state prints must go to stdout. newVM may prepare more, and
// undo it in a cleanup of t; the state itself is closed before that.
func Examples(t *testing.T, families []*registry.Family, newVM func(t *testing.T, stdout io.Writer) *vm.VM) {
	t.Helper()
	for _, f := range families {
		for _, e := range examples(f) {
			t.Run(e.path, func(t *testing.T) {
				steps, err := parse(e.text)
				if err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				v := newVM(t, &out)
				defer v.Close()
				v.Tasks.Lock()
				defer v.Tasks.Unlock()
				for _, s := range steps {
					if diff := s.check(v, &out); diff != "" {
						t.Error(diff)
					}
				}
				if n := v.Panics(); n > 0 {
					t.Errorf("%d panics", n)
				}
			})
		}
	}
}

// example is the transcript of what a path names.
type example struct{ path, text string }

// examples lists what of a family must have an example, and what else has one.
func examples(f *registry.Family) []example {
	var all []example
	if f.Name != "" || f.Example != "" {
		all = append(all, example{f.Name, f.Example})
	}
	for _, d := range f.Members {
		optional := d.Kind == registry.KindField || d.Kind == registry.KindValue
		if !optional || d.Example != "" {
			all = append(all, example{d.Path, d.Example})
		}
	}
	return all
}
