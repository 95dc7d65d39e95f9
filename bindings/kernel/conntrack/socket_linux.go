package conntrack

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// socket is a request socket: opened and configured by mdlayher/netlink, read
// through the raw descriptor into the caller's buffer.
type socket struct {
	conn   *netlink.Conn
	raw    syscall.RawConn
	closed atomic.Bool
	// quick says that the last datagram came nearly full, so the next one is
	// most likely made without a long walk over empty buckets, and a raw
	// system call, which the scheduler does not see, is worth it.
	quick bool
}

// recvBuffer asks for room for the answers to a full batch of errors even
// where they echo their requests. It is charged as it fills.
const recvBuffer = 1 << 20

func dialSocket(netns int) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s := &socket{conn: conn}
	if err := s.configure(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("configure netlink socket: %w", err)
	}
	return s, nil
}

func (s *socket) configure() (err error) {
	// Capped acknowledgements leave room for more of them; their flag tells
	// the decoder where extended attributes begin. Kernels before 4.3 and 4.12
	// lack these options, and answers are readable without.
	for _, o := range []netlink.ConnOption{netlink.CapAcknowledge, netlink.ExtendedAcknowledge} {
		if err := s.conn.SetOption(o, true); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return err
		}
	}
	if err := s.conn.SetReadBuffer(recvBuffer); err != nil {
		return err
	}
	s.raw, err = s.conn.SyscallConn()
	return err
}

// Send implements Socket.
func (s *socket) Send(b []byte) error {
	var err error
	werr := s.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(err, unix.EAGAIN)
	})
	return s.wrap("send", err, werr)
}

// Receive implements Socket.
func (s *socket) Receive(b []byte) (n int, err error) {
	rerr := s.raw.Read(func(fd uintptr) bool {
		n, err = recv(fd, b, s.quick)
		return !errors.Is(err, unix.EAGAIN)
	})
	if err := s.wrap("receive", err, rerr); err != nil {
		s.quick = false
		return 0, err
	}
	s.quick = n >= nearlyFull && n <= len(b)
	if n > len(b) {
		return len(b), ErrTruncated
	}
	return n, nil
}

// wrap joins the error of the system call and that of the poller, and names
// our own closing: mdlayher's errors are not os.ErrClosed.
func (s *socket) wrap(op string, sys, poll error) error {
	switch {
	case sys == nil && poll == nil:
		return nil
	case s.closed.Load():
		return ErrClosed
	case poll != nil && errors.Is(poll, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case poll != nil:
		return poll
	}
	return os.NewSyscallError("netlink "+op, sys)
}

// SetDeadline implements Socket.
func (s *socket) SetDeadline(t time.Time) error {
	if err := s.conn.SetDeadline(t); err != nil && !s.closed.Load() {
		return err
	}
	return nil
}

// Close implements Socket.
func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.conn.Close()
}
