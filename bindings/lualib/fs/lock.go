package fs

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/registry"
)

// lock is a lock that a script has taken.
type lock struct {
	path string
	fd   int // -1 once it is released
	host *Host
}

var lockType = registry.NewType[*lock]("lock", "a lock on a file. It is held until it is released or the script ends, also where the script forgets it").
	Example(`
ct> l = fs.lock("job.lock")
ct> l
lock "job.lock", held`).
	Field("path: text", "the file", func(_ *lua.LState, l *lock) lua.LValue { return lua.LString(l.path) }).
	Field("held: bool", "whether it is held", func(_ *lua.LState, l *lock) lua.LValue { return lua.LBool(l.fd >= 0) }).
	Method("release()", "lets others take it. The file stays. Once more does nothing", func(l *lock, _ *registry.Call) int {
		l.host.release(l)
		return 0
	}).
	Example(`
ct> l = fs.lock("job.lock")
ct> l:release()
ct> l
lock "job.lock", released`).
	Text(func(l *lock) string {
		if l.fd < 0 {
			return fmt.Sprintf("lock %q, released", l.path)
		}
		return fmt.Sprintf("lock %q, held", l.path)
	})

func takeLock(h *Host, c *registry.Call) int {
	l := &lock{path: pathArg(c, 1, "path"), host: h}
	wait, ctx := time.Duration(c.Table(2).Number("wait")*float64(time.Second)), h.vm.Context()
	var err error
	h.vm.Tasks.Block(func() { l.fd, err = hold(ctx, c.Op(), l.path, unix.O_RDWR, 0o644, wait) })
	c.Raise(failed(c.Op(), "lock", l.path, err))
	if l.fd < 0 {
		return c.Return(lua.LNil)
	}
	h.locks[l] = struct{}{}
	return c.Return(lockType.New(c.L, l))
}

// release closes the file, which gives the lock back.
func (h *Host) release(l *lock) {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
		l.fd = -1
		delete(h.locks, l)
	}
}
