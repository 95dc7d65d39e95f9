package fs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/registry"
)

// file is what was under a path when it was asked for.
type file struct {
	path string
	st   unix.Stat_t
}

var fileType = registry.NewType[*file]("file", "what fs.stat found under a path, as it was then").
	Example(`
ct> f = fs.stat("/proc/self/status")
ct> f.kind, f.size, f.mtime > 1e9
file
0
true`).
	Field("path: text", "the path that was asked for", func(_ *lua.LState, f *file) lua.LValue { return lua.LString(f.path) }).
	Field("size: int", "its bytes", func(_ *lua.LState, f *file) lua.LValue { return lua.LNumber(f.st.Size) }).
	Field("mtime: number", "when its content changed last, in seconds since 1970 with fraction", func(_ *lua.LState, f *file) lua.LValue { return lua.LNumber(f.mtime()) }).
	Field("mode: text", `its permission bits, such as "0644"`, func(_ *lua.LState, f *file) lua.LValue { return lua.LString(modeText(f.st.Mode)) }).
	Field(`kind: "file" | "directory" | "fifo" | "socket" | "device"`, "what it is", func(_ *lua.LState, f *file) lua.LValue { return lua.LString(kindOf(f.st.Mode)) }).
	Text(func(f *file) string {
		return fmt.Sprintf("%s %q, %d bytes, mode %s, %s", kindOf(f.st.Mode), f.path, f.st.Size, modeText(f.st.Mode),
			time.Unix(f.st.Mtim.Unix()).Format(time.DateTime))
	})

func (f *file) mtime() float64 { return float64(f.st.Mtim.Sec) + float64(f.st.Mtim.Nsec)/1e9 }

// MarshalJSON makes the fields an object.
func (f *file) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"path": f.path, "size": f.st.Size, "mtime": f.mtime(), "mode": modeText(f.st.Mode), "kind": kindOf(f.st.Mode)})
}

// modeText is the permission bits of a mode, in octal.
func modeText(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }

// kindOf is what a mode says that something is.
func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "device"
}

func stat(h *Host, c *registry.Call) int {
	f := &file{path: pathArg(c, 1, "path")}
	if !h.look(c, f) {
		return c.Return(lua.LNil)
	}
	return c.Return(fileType.New(c.L, f))
}

func exists(h *Host, c *registry.Call) int {
	return c.Return(lua.LBool(h.look(c, &file{path: pathArg(c, 1, "path")})))
}

// look fills f and tells whether it is there.
func (h *Host) look(c *registry.Call, f *file) bool {
	var err error
	h.vm.Tasks.Block(func() { err = statOf(f.path, &f.st) })
	if absent(err) {
		return false
	}
	c.Raise(failed(c.Op(), "look at", f.path, err))
	return true
}

func statOf(path string, st *unix.Stat_t) error {
	for {
		if err := unix.Stat(path, st); err != unix.EINTR {
			return err
		}
	}
}

// absent tells whether an error says that there is nothing.
func absent(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

func remove(h *Host, c *registry.Call) int {
	path := pathArg(c, 1, "path")
	var err error
	h.vm.Tasks.Block(func() { err = os.Remove(path) })
	if absent(err) {
		return c.Return(lua.LFalse)
	}
	c.Raise(failed(c.Op(), "remove", path, err))
	return c.Return(lua.LTrue)
}
