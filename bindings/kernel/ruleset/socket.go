package ruleset

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// patience is how long all of a list may take. The kernel writes the answer
// while it is read, so only a kernel that stands still uses it up.
const patience = 10 * time.Second

// bufferSize holds any piece of an answer: the kernel makes none of more than
// 32 KiB (net/netlink/af_netlink.c, netlink_recvmsg).
const bufferSize = 32 << 10

// socket is one to nfnetlink in one namespace. It reads through the raw
// descriptor: the netlink library keeps the last message of an answer to
// itself, which may tell that the rules changed.
type socket struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	name string // of the namespace, in words
	buf  []byte
}

// dial opens the socket. The namespace is not closed with it.
func dial(ns *netns.NS) (*socket, error) {
	s := &socket{name: "this network namespace", buf: make([]byte, bufferSize)}
	fd := 0 // what the netlink library takes for the current namespace
	if ns != nil {
		s.name = "network namespace " + ns.String()
		if fd = ns.FD(); fd <= 0 {
			return nil, &conntrack.OpError{Op: op, Err: fmt.Errorf("%s: %w", s.name, conntrack.ErrClosed)}
		}
	}
	var err error
	if s.conn, err = netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: fd}); err != nil {
		return nil, &conntrack.OpError{Op: op, Err: fmt.Errorf("open netlink socket: %w", err)}
	}
	s.raw, err = s.conn.SyscallConn()
	if err = errors.Join(err, s.conn.SetDeadline(time.Now().Add(patience))); err != nil {
		s.close()
		return nil, &conntrack.OpError{Op: op, Err: fmt.Errorf("configure netlink socket: %w", err)}
	}
	return s, nil
}

func (s *socket) close() { _ = s.conn.Close() }

// dump reads the list once, to its end also where it is no good: the kernel
// refuses the next request on the socket until then.
func (s *socket) dump(f *found) error {
	req, err := request()
	if err != nil {
		return err
	}
	sent, err := s.conn.Send(req)
	if err != nil {
		return err
	}
	for {
		b, err := s.receive()
		if err != nil {
			return err
		}
		if last, err := f.datagram(b, sent.Header.Sequence); last || err != nil {
			return err
		}
	}
}

// receive waits for the next piece of an answer, good until the next call.
func (s *socket) receive() ([]byte, error) {
	var n int
	var err error
	rerr := s.raw.Read(func(fd uintptr) bool {
		for {
			n, _, err = unix.Recvfrom(int(fd), s.buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	switch err := errors.Join(rerr, err); {
	case err != nil:
		return nil, fmt.Errorf("receive: %w", err)
	case n > len(s.buf):
		return nil, conntrack.ErrTruncated
	}
	return s.buf[:n], nil
}

// explain turns what ended a dump into the error that the caller sees, nil
// where it means that there is no nf_tables: a kernel without it answers EINVAL
// (net/netfilter/nfnetlink.c, nfnetlink_rcv_msg), and the request is plain
// enough to be valid for any that has it.
func (s *socket) explain(err error) error {
	var no refusal
	switch {
	case !errors.As(err, &no):
		return &conntrack.OpError{Op: op, Err: err}
	case no.errno == unix.EPERM:
		return &conntrack.PrivilegeError{Op: op, Namespace: s.name, Err: no.errno}
	case no.errno == unix.EINVAL, no.errno == unix.EOPNOTSUPP, no.errno == unix.ENOENT:
		return nil
	}
	return &conntrack.Error{Op: op, Errno: no.errno, Reason: no.errno.Error()}
}
