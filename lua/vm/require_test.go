package vm

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// Whoever makes the state decides what require may read, and reads it only
// through what Open returned.
func TestRequireOpens(t *testing.T) {
	files := map[string]string{
		"script/mod.lua": "return 'mine'", "script/a/init.lua": "return require('a.b') .. '!'", "script/a/b.lua": "return 'b'",
		"lib/late.lua": "return 'late'", "script/long.lua": "return 1" + strings.Repeat(" ", maxSource),
	}
	var asked []string
	opened := 0
	open := func(path string) (io.ReadCloser, error) {
		asked = append(asked, path)
		if filepath.Base(path) == "secret.lua" {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
		}
		text, ok := files[path]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		opened++
		return closer{strings.NewReader(text), &opened}, nil
	}
	v := New(context.Background(), Options{Dir: "script", Path: []string{"", "lib"}, Open: open})
	v.Tasks.Lock()
	defer func() { v.Tasks.Unlock(); v.Close() }()
	for module, want := range map[string]string{"mod": "mine", "a": "b!", "late": "late"} {
		got, err := v.Eval("t", "require('"+module+"')")
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("%s: %v, %v", module, got, err)
		}
	}
	for module, code := range map[string]luaerr.Code{"secret": luaerr.EPERM, "none": luaerr.ENOENT, "long": luaerr.EPARSE, "../up": luaerr.ENOENT} {
		if _, err := v.Eval("t", "require('"+module+"')"); !errors.Is(err, code) {
			t.Errorf("%s: %v, want %s", module, err, code)
		}
	}
	if opened != 0 {
		t.Errorf("%d files were left open", opened)
	}
	for _, path := range asked {
		if strings.Contains(path, "..") {
			t.Errorf("asked for %q", path)
		}
	}
}

type closer struct {
	io.Reader
	open *int
}

func (c closer) Close() error { *c.open--; return nil }
