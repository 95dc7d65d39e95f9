package line

import (
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// escapeWait is how long, in milliseconds, the rest of an escape sequence may
// take to arrive before the ESC counts as pressed alone.
const escapeWait = 50

// keys is the standard input of the editor: each Read hands over one decoded
// key, and Close ends a Read that waits.
type keys struct {
	tty     int      // descriptor of the terminal
	wake    *os.File // readable once the write end is closed
	closer  *os.File
	raw     []byte      // read from the terminal, not yet decoded
	deleted atomic.Bool // the byte 0x04 handed over last was the Delete key
	closed  atomic.Bool
	first   sync.Once
	begun   chan struct{} // closed by the first Read
}

func newKeys(tty int) (*keys, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &keys{tty: tty, wake: r, closer: w, begun: make(chan struct{})}, nil
}

// Read implements io.Reader. A hang-up of the terminal and Close are io.EOF.
func (k *keys) Read(p []byte) (int, error) {
	k.first.Do(func() { close(k.begun) })
	for {
		pressed, n := decode(k.raw)
		if n == 0 {
			if err := k.fill(); err != nil {
				return 0, err
			}
			continue
		}
		k.raw = k.raw[n:]
		if len(pressed.bytes) == 0 {
			continue
		}
		k.deleted.Store(pressed.delete)
		return copy(p, pressed.bytes), nil
	}
}

// fill reads what the terminal has, waiting for it if need be.
func (k *keys) fill() error {
	wait := -1
	if len(k.raw) > 0 { // inside a sequence
		wait = escapeWait
	}
	for !k.closed.Load() {
		fds := []unix.PollFd{
			{Fd: int32(k.tty), Events: unix.POLLIN},
			{Fd: int32(k.wake.Fd()), Events: unix.POLLIN},
		}
		n, err := unix.Poll(fds, wait)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0:
			k.raw = k.raw[1:] // the sequence never came
			return nil
		case fds[1].Revents != 0:
			return io.EOF
		}
		buf := make([]byte, 1024)
		n, err = unix.Read(k.tty, buf)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil || n == 0: // EIO: the other side has hung up
			return io.EOF
		}
		k.raw = append(k.raw, buf[:n]...)
		return nil
	}
	return io.EOF
}

// Close makes a pending and every later Read return io.EOF.
func (k *keys) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	return k.closer.Close()
}

// release gives back the descriptor that Read waits on; no Read may follow.
func (k *keys) release() error { return k.wake.Close() }
