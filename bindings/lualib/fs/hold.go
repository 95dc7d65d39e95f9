package fs

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// lockPatience is how long an append waits for others that append.
const lockPatience = 10 * time.Second

// hold opens a regular file, or makes it, and locks it. It returns -1 where
// somebody else holds the lock for as long as wait.
func hold(ctx context.Context, op, path string, flags int, perm uint32, wait time.Duration) (int, error) {
	const tries = 100
	for range tries {
		fd, err := open(path, flags|unix.O_CREAT, perm)
		if errors.Is(err, unix.ENXIO) {
			return -1, notRegular(op, path, unix.S_IFIFO) // that nobody reads
		}
		if err != nil {
			return -1, err
		}
		var st, now unix.Stat_t
		err = unix.Fstat(fd, &st)
		if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
			err = notRegular(op, path, st.Mode)
		}
		got := false
		if err == nil {
			got, err = flock(ctx, fd, wait)
		}
		// Meanwhile another file may have taken its place: then this lock
		// keeps nobody out, and what is written here nobody reads.
		if got && unix.Stat(path, &now) == nil && now.Dev == st.Dev && now.Ino == st.Ino {
			return fd, nil
		}
		_ = unix.Close(fd)
		if err != nil || !got {
			return -1, err
		}
	}
	return -1, luaerr.New(luaerr.Code("ESTALE"), op, "%q is replaced again and again", path)
}

// flock takes the lock of an open file. It returns false where somebody else
// holds it for as long as wait.
func flock(ctx context.Context, fd int, wait time.Duration) (bool, error) {
	end := time.Now().Add(wait)
	for {
		switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err {
		case nil:
			return true, nil
		case unix.EINTR:
			continue
		case unix.EWOULDBLOCK:
		default:
			return false, err
		}
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		select {
		case <-time.After(min(left, patience)):
		case <-ctx.Done():
			return false, luaerr.Interrupted(ctx)
		}
	}
}
