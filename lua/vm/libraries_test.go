package vm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ctsh/ctsh/lua/library"
)

// systemLibraries is where Debian puts libraries written in Lua 5.1.
const systemLibraries = "/usr/share/lua/5.1"

// TestLibraries loads libraries of other people as a script would, and uses
// each a little. They come from Debian's packages lua-penlight, lua-inspect,
// lua-dkjson, lua-argparse and lua-say.
func TestLibraries(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/libraries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			first := strings.ReplaceAll(strings.Fields(file.Name)[0], ".", "/")
			for _, path := range []string{first + ".lua", first + "/init.lua"} {
				if _, err = os.Stat(filepath.Join(systemLibraries, path)); err == nil {
					break
				}
			}
			if err != nil {
				t.Skipf("the library %s is not installed", first)
			}
			v := New(context.Background(), Options{Allow: library.AllowAll, Path: []string{systemLibraries}, Name: file.Name})
			defer v.Close()
			v.Tasks.Lock()
			defer v.Tasks.Unlock()
			if err := v.Run(file.Name, string(file.Data)); err != nil {
				t.Error(v.Explain(err))
			}
		})
	}
}
