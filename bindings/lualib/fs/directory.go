package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// maxNames bounds what is read of a directory.
const maxNames = 1_000_000

func list(h *Host, c *registry.Call) int {
	path, ctx := pathArg(c, 1, "dir"), h.vm.Context()
	var names []string
	var err error
	h.vm.Tasks.Block(func() {
		var fd int
		if fd, err = open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0); err != nil {
			err = failed(c.Op(), "list", path, err)
			return
		}
		dir := os.NewFile(uintptr(fd), path)
		defer dir.Close()
		for {
			var some []string
			some, err = dir.Readdirnames(4096)
			names = append(names, some...)
			if errors.Is(err, io.EOF) {
				err = nil
				break
			}
			switch {
			case err != nil:
				err = failed(c.Op(), "list", path, err)
			case len(names) > maxNames:
				err = tooLarge(c.Op(), path, "holds more than %d names", maxNames)
			default:
				err = luaerr.Interrupted(ctx)
			}
			if err != nil {
				return
			}
		}
		slices.Sort(names)
	})
	c.Raise(err)
	return c.Return(value.ToLua(c.L, names))
}

func mkdir(h *Host, c *registry.Call) int {
	path := pathArg(c, 1, "path")
	mode, given := modeArg(c.Table(2))
	var made bool
	var err error
	h.vm.Tasks.Block(func() {
		perm := os.FileMode(0o755)
		if given {
			perm = 0o700 // until it has its mode
		}
		made, err = makeDirectory(path, perm)
		if err == nil && made && given {
			err = unix.Chmod(path, mode)
		}
	})
	c.Raise(failed(c.Op(), "make directory", path, err))
	return c.Return(lua.LBool(made))
}

// makeDirectory makes a directory and those above it. It tells whether it was
// this call that made the last one.
func makeDirectory(path string, perm os.FileMode) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(path)), 0o755); err != nil {
		return false, err
	}
	err = os.Mkdir(path, perm)
	if errors.Is(err, os.ErrExist) {
		if st, look := os.Stat(path); look == nil && st.IsDir() {
			return false, nil
		}
	}
	return err == nil, err
}

// modeArg reads the option mode: three or four octal digits.
func modeArg(o *registry.Table) (mode uint32, given bool) {
	text := o.Text("mode")
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || len(text) < 3 || len(text) > 4 {
		o.Bad("mode", `%q is not a mode such as "0644"`, text)
	}
	return uint32(n), true
}
