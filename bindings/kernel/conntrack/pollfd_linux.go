package conntrack

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// pollFD is a socket outside the poller of the Go runtime. That one is edge
// triggered: while a reader naps, every message would wake a thread for
// nothing, at a fifth of the cost of the whole reception. One reader at a time
// waits for it, by poll(2); who sets a deadline or closes wakes him.
type pollFD struct {
	fd       int
	wake     int // an eventfd
	deadline atomic.Int64
	closed   atomic.Bool
	using    sync.RWMutex // read-locked while the descriptors are in use
}

// detach takes over the socket of conn, which is closed.
func detach(conn *netlink.Conn) (*pollFD, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &pollFD{}
	var dupErr error
	err = raw.Control(func(fd uintptr) { p.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, dupErr); err != nil {
		return nil, err
	}
	// This takes the descriptor out of the runtime's poller; the socket lives
	// on in its copy.
	if err := conn.Close(); err != nil {
		return nil, errors.Join(err, unix.Close(p.fd))
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(err, unix.Close(p.fd))
	}
	return p, nil
}

// use calls fn with the descriptor, which stays open meanwhile.
func (p *pollFD) use(fn func(fd int) error) error {
	p.using.RLock()
	defer p.using.RUnlock()
	if p.closed.Load() {
		return ErrClosed
	}
	return fn(p.fd)
}

// read calls fn, and again when there is something to read, until fn returns
// true. Like a read of an os.File it fails at once where the deadline is past.
func (p *pollFD) read(fn func(fd uintptr) bool) error {
	p.using.RLock()
	defer p.using.RUnlock()
	for {
		if p.closed.Load() {
			return ErrClosed
		}
		left, err := p.left()
		if err != nil {
			return err
		}
		if fn(uintptr(p.fd)) {
			return nil
		}
		if err := p.wait(left); err != nil {
			return err
		}
	}
}

// left is the time to the deadline as poll(2) takes it: milliseconds, -1 for
// no end.
func (p *pollFD) left() (int, error) {
	at := p.deadline.Load()
	if at == 0 {
		return -1, nil
	}
	d := time.Until(time.Unix(0, at))
	if d <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return int(min(d/time.Millisecond, 1<<20)) + 1, nil
}

func (p *pollFD) wait(timeout int) error {
	fds := [2]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}, {Fd: int32(p.wake), Events: unix.POLLIN}}
	_, err := unix.Poll(fds[:], timeout)
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("poll", err)
	}
	if fds[1].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(p.wake, count[:]) // only sets it back
	}
	return nil
}

// SetDeadline bounds reads, also one under way; the zero time lifts the bound.
func (p *pollFD) SetDeadline(t time.Time) error {
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	return p.use(func(int) error {
		p.deadline.Store(at)
		return p.rouse()
	})
}

// rouse lets a waiting reader look again. An eventfd that is full has roused
// him already.
func (p *pollFD) rouse() error {
	_, err := unix.Write(p.wake, binary.NativeEndian.AppendUint64(nil, 1))
	if err == unix.EAGAIN {
		err = nil
	}
	return err
}

// Close ends a read under way and closes the socket.
func (p *pollFD) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	err := p.rouse()
	p.using.Lock()
	defer p.using.Unlock()
	return errors.Join(err, unix.Close(p.fd), unix.Close(p.wake))
}
