package conntrack

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// socket is a request socket: opened and configured by mdlayher/netlink, and
// outside the poller of the Go runtime, which every answer would wake for
// nothing: they are there when the send returns.
type socket struct {
	*pollFD
	// quick says that the last datagram came nearly full, so the next one is
	// most likely made without a long walk over empty buckets, and a raw
	// system call, which the scheduler does not see, is worth it.
	quick  bool
	in     receiver
	portID uint32
}

// recvBuffer asks for room for the answers to a full batch of errors even
// where they echo their requests. It is charged as it fills.
const recvBuffer = 1 << 20

func dialSocket(netns int) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	if err := configure(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("configure netlink socket: %w", err)
	}
	id := conn.PID()
	p, err := detach(conn)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("take over netlink socket: %w", err)
	}
	return &socket{pollFD: p, portID: id}, nil
}

func configure(conn *netlink.Conn) error {
	// Capped acknowledgements leave room for more of them; their flag tells
	// the decoder where extended attributes begin. Kernels before 4.3 and 4.12
	// lack these options, and answers are readable without.
	for _, o := range []netlink.ConnOption{netlink.CapAcknowledge, netlink.ExtendedAcknowledge} {
		if err := conn.SetOption(o, true); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return err
		}
	}
	return conn.SetReadBuffer(recvBuffer)
}

// Send implements Socket.
func (s *socket) Send(b []byte) error {
	return s.use(func(fd int) error {
		for {
			err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			if !errors.Is(err, unix.EINTR) {
				return os.NewSyscallError("netlink send", err)
			}
		}
	})
}

// Receive implements Socket.
func (s *socket) Receive(b []byte) (n int, err error) {
	rerr := s.read(func(fd uintptr) bool {
		n, err = recv(fd, b, s.quick)
		return !errors.Is(err, unix.EAGAIN)
	})
	if rerr == nil {
		rerr = os.NewSyscallError("netlink receive", err)
	}
	if rerr != nil {
		s.quick = false
		return 0, rerr
	}
	s.quick = n >= nearlyFull && n <= len(b)
	if n > len(b) {
		return len(b), ErrTruncated
	}
	return n, nil
}

// ReceiveMany implements Socket.
func (s *socket) ReceiveMany(msgs []Datagram) (n int, err error) {
	s.in.aim(msgs)
	errno := syscall.Errno(0)
	rerr := s.read(func(fd uintptr) bool {
		n, errno = s.in.receive(fd, len(msgs))
		return errno != unix.EAGAIN
	})
	switch {
	case rerr != nil:
		return 0, rerr
	case errno != 0:
		return 0, os.NewSyscallError("netlink receive", errno)
	}
	s.in.finish(msgs[:n])
	return n, nil
}

// PortID implements Socket.
func (s *socket) PortID() uint32 { return s.portID }

// SetReadBuffer implements Socket: by SO_RCVBUFFORCE, and by SO_RCVBUF, which
// stops at net.core.rmem_max, where that is not permitted.
func (s *socket) SetReadBuffer(n int) error {
	return s.use(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) == nil {
			return nil
		}
		return os.NewSyscallError("set receive buffer", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, n))
	})
}
