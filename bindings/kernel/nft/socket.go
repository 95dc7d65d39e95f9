package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// patience is how long the kernel may take for one piece of an answer.
const patience = 10 * time.Second

// bufferSize holds any piece of an answer: the kernel makes none of more than
// 32 KiB (net/netlink/af_netlink.c, netlink_recvmsg), and errors come without
// the message that they are about.
const bufferSize = 32 << 10

// socket is one to nf_tables. Its requests have numbers that do not come
// again, so that a late answer is not taken for that to another request.
type socket struct {
	client  *Client
	conn    *netlink.Conn
	raw     syscall.RawConn
	ctx     context.Context // of the present use
	release func() bool
	settled bool // nothing is left to be read
	seq     uint32
	out, in []byte
}

// dial returns a socket that is good until ctx ends or it is closed.
func (c *Client) dial(ctx context.Context) (*socket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := c.take()
	if err != nil {
		return nil, err
	}
	s.ctx, s.settled = ctx, true
	s.release = context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	return s, nil
}

// take returns the socket that was left over, or a new one.
func (c *Client) take() (*socket, error) {
	c.mu.Lock()
	s := c.idle
	c.idle = nil
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	fd, err := c.fd()
	if err != nil {
		return nil, err
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: fd})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s = &socket{client: c, conn: conn, in: make([]byte, bufferSize)}
	s.raw, err = conn.SyscallConn()
	// Kernels before 4.12 tell no offset, and are content without it.
	_ = conn.SetOption(netlink.ExtendedAcknowledge, true)
	err = errors.Join(err, conn.SetOption(netlink.CapAcknowledge, true))
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("configure netlink socket: %w", err)
	}
	return s, nil
}

// close ends the use of a socket. One that is in order is kept for the next:
// while elements that were deleted are given back, the kernel lets whoever
// closes a socket wait, some 10 ms (nft_rcv_nl_event).
func (s *socket) close() {
	s.out = s.out[:0]
	if s.release() && s.settled && s.client.keep(s) {
		return
	}
	_ = s.conn.Close()
}

// keep takes a socket back, unless there is one.
func (c *Client) keep(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil || c.closed {
		return false
	}
	c.idle = s
	return true
}

// message begins a message in the send buffer and returns its number; attrs
// are appended to s.out, and end closes it.
func (s *socket) message(typ, flags uint16, family Family, resID uint16) (seq uint32, at int) {
	s.seq++
	at = len(s.out)
	s.out = append(s.out, 0, 0, 0, 0)
	s.out = binary.NativeEndian.AppendUint16(s.out, typ)
	s.out = binary.NativeEndian.AppendUint16(s.out, flags|wire.FlagRequest)
	s.out = binary.NativeEndian.AppendUint32(s.out, s.seq)
	s.out = append(s.out, 0, 0, 0, 0, byte(family), unix.NFNETLINK_V0)
	s.out = binary.BigEndian.AppendUint16(s.out, resID)
	return s.seq, at
}

func (s *socket) end(at int) {
	binary.NativeEndian.PutUint32(s.out[at:], uint32(len(s.out)-at))
}

// messageType is that of a message to nf_tables.
func messageType(kind uint16) uint16 { return unix.NFNL_SUBSYS_NFTABLES<<8 | kind }

// send sends all messages of the buffer at once and empties it.
func (s *socket) send() error {
	s.settled = false
	out := s.out
	s.out = s.out[:0]
	if err := s.extend(); err != nil {
		return err
	}
	var err error
	werr := s.raw.Write(func(fd uintptr) bool {
		for {
			err = unix.Sendto(int(fd), out, unix.MSG_DONTWAIT, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	if err = errors.Join(werr, err); err != nil {
		return s.failed("send", err)
	}
	return nil
}

// receive waits for the next datagram, good until the next call.
func (s *socket) receive() ([]byte, error) {
	if err := s.extend(); err != nil {
		return nil, err
	}
	var n int
	var err error
	rerr := s.raw.Read(func(fd uintptr) bool {
		for {
			n, _, err = unix.Recvfrom(int(fd), s.in, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	switch err := errors.Join(rerr, err); {
	case err != nil:
		return nil, s.failed("receive", err)
	case n > len(s.in):
		return nil, conntrack.ErrTruncated
	}
	return s.in[:n], nil
}

// extend gives the kernel its time anew.
func (s *socket) extend() error {
	if err := s.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return s.ctx.Err() // it may have ended before the deadline was moved
}

// failed names what a system call failed at. A deadline that passed is that of
// the context where there is one.
func (s *socket) failed(what string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if ctx := s.ctx.Err(); ctx != nil {
			return ctx
		}
		return fmt.Errorf("the kernel did not answer in %v: %w", patience, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// answers hands every message with data and every refusal to fn, until each
// of the n requests that end with number s.seq has its answer. fn gets the
// number of the request, from 0, and an error of it ends the reading.
func (s *socket) answers(n int, fn func(i int, a *answer) error) error {
	first := s.seq - uint32(n) + 1
	for left := n; left > 0; {
		b, err := s.receive()
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var a answer
			if a, b, err = readAnswer(b); err != nil {
				return err
			}
			i := a.seq - first
			if i >= uint32(n) {
				continue // it is about something else
			}
			if a.last {
				left--
			}
			if err := fn(int(i), &a); err != nil {
				return err
			}
		}
	}
	s.settled = true
	return nil
}
