package fs

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// patience is how long a wait lasts before it is asked whether to go on.
const patience = 50 * time.Millisecond

// source is a file that is read. It never waits for longer than patience
// without looking whether it is still wanted.
type source struct {
	ctx   context.Context
	op    string
	path  string
	fd    int
	size  int64 // as the directory says; what is read may differ
	waits bool  // reading may have to wait: a FIFO, a terminal, a kernel log
}

// openSource opens a file without waiting, not even for the writer of a FIFO.
func openSource(ctx context.Context, op, path string) (*source, error) {
	fd, err := open(path, unix.O_RDONLY, 0)
	if err != nil {
		return nil, failed(op, "open", path, err)
	}
	s := &source{ctx: ctx, op: op, path: path, fd: fd}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = unix.EISDIR
	}
	if err != nil {
		s.close()
		return nil, failed(op, "read", path, err)
	}
	s.size, s.waits = st.Size, st.Mode&unix.S_IFMT != unix.S_IFREG
	return s, nil
}

// open opens a file so that nothing about it waits and no child inherits it.
func open(path string, flags int, perm uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, perm)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func (s *source) close() { _ = unix.Close(s.fd) }

// read reads what is there, at least a byte. 0 is the end.
func (s *source) read(buf []byte) (int, error) {
	for {
		if err := luaerr.Interrupted(s.ctx); err != nil {
			return 0, err
		}
		if s.waits {
			// Without a writer a FIFO would read as if at its end. Poll knows
			// better: it reports a hang-up only once there was one.
			ready, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
			if err == unix.EINTR || err == nil && ready == 0 {
				continue
			}
			if err != nil {
				return 0, failed(s.op, "read", s.path, err)
			}
		}
		n, err := unix.Read(s.fd, buf)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			if s.waits { // ready and yet not: do not spin
				time.Sleep(patience)
			}
			s.waits = true
		default:
			return 0, failed(s.op, "read", s.path, err)
		}
	}
}

// all reads to the end, which must come within limit bytes.
func (s *source) all(limit int) ([]byte, error) {
	const step = 64 << 10
	buf := make([]byte, 0, min(max(int(s.size), 0), limit)+step)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, step)...)[:len(buf)]
		}
		room := buf[len(buf):min(cap(buf), len(buf)+1<<20)]
		n, err := s.read(room)
		if err != nil || n == 0 {
			return buf, err
		}
		if buf = buf[:len(buf)+n]; len(buf) > limit {
			return nil, tooLarge(s.op, s.path, "is larger than %d MiB", limit>>20).WithHint("fs.each_line reads a file of any size")
		}
	}
}
