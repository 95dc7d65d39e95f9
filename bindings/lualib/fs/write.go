package fs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// text is what is written, and how.
type text struct {
	ctx  context.Context
	op   string
	path string
	data string
	mode uint32
	own  bool // mode was given
}

func write(h *Host, c *registry.Call) int {
	o := c.Table(3)
	t := &text{ctx: h.vm.Context(), op: c.Op(), path: pathArg(c, 1, "path"), data: c.Text(2)}
	t.mode, t.own = modeArg(o)
	var err error
	h.vm.Tasks.Block(func() {
		if o.Bool("append") {
			err = t.add()
		} else {
			err = t.replace()
		}
	})
	c.Raise(failed(t.op, "write", t.path, err))
	return 0
}

// send writes the text. An interruption comes between its pieces.
func (t *text) send(fd int) (sent int, err error) {
	const piece = 1 << 20
	for sent < len(t.data) {
		if err := luaerr.Interrupted(t.ctx); err != nil {
			return sent, err
		}
		n, err := unix.Write(fd, []byte(t.data[sent:min(len(t.data), sent+piece)]))
		if err != nil && err != unix.EINTR {
			return sent, err
		}
		sent += max(n, 0)
	}
	return sent, nil
}

// flush waits until a file or directory is on the disk. Some file systems know
// no such thing.
func flush(fd int) error {
	for {
		switch err := unix.Fsync(fd); err {
		case unix.EINTR:
		case unix.EINVAL, unix.EOPNOTSUPP:
			return nil
		default:
			return err
		}
	}
}

func syncDirectory(path string) error {
	fd, err := open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return flush(fd)
}
