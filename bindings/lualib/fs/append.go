package fs

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// add writes the text behind what is there, in one piece or not at all.
func (t *text) add() error {
	perm := uint32(0o644)
	if t.own {
		perm = 0o600 // until it has its mode
	}
	fd, err := hold(t.ctx, t.op, t.path, unix.O_WRONLY|unix.O_APPEND, perm, lockPatience)
	if err != nil {
		return err
	}
	if fd < 0 {
		return luaerr.New(luaerr.ETIMEDOUT, t.op, "somebody else has held the lock of %q for %s", t.path, lockPatience)
	}
	defer unix.Close(fd)
	if t.own {
		if err := unix.Fchmod(fd, t.mode); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	sent, err := t.send(fd)
	if err == nil {
		err = flush(fd)
	}
	if err != nil {
		return t.takeBack(fd, st.Size, sent, err)
	}
	if st.Size == 0 {
		return syncDirectory(filepath.Dir(t.path)) // it may be new
	}
	return nil
}

// takeBack undoes an append that failed in its middle, unless others who take
// no lock have written behind it.
func (t *text) takeBack(fd int, before int64, sent int, err error) error {
	var st unix.Stat_t
	if sent == 0 || unix.Fstat(fd, &st) == nil && st.Size == before+int64(sent) && unix.Ftruncate(fd, before) == nil {
		return err
	}
	return fmt.Errorf("%w behind the first %d of %d bytes, which stay", err, sent, len(t.data))
}
