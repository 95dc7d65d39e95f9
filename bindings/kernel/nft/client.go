package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Client asks and changes nftables in one network namespace. It may be used by
// several goroutines.
type Client struct {
	ns       *netns.NS
	readOnly bool

	mu     sync.Mutex
	idle   *socket // one that is not in use
	closed bool
}

// Open returns a client for a namespace, nil for that of the process. Nothing
// is asked yet. The namespace stays the caller's to close.
func Open(ns *netns.NS) *Client { return &Client{ns: ns} }

// ReadOnly returns a client that refuses every change with
// [conntrack.ErrReadOnly] before a message is made.
func ReadOnly(ns *netns.NS) *Client { return &Client{ns: ns, readOnly: true} }

// Close gives the socket back that was kept between calls. A client that is
// closed can still be used, and keeps none.
func (c *Client) Close() error {
	c.mu.Lock()
	s := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.conn.Close()
}

// fd is the descriptor of the namespace, 0 for that of the process, as the
// netlink library takes it.
func (c *Client) fd() (int, error) {
	if c.ns == nil {
		return 0, nil
	}
	fd := c.ns.FD()
	if fd <= 0 {
		return 0, fmt.Errorf("%s: %w", c.place(), conntrack.ErrClosed)
	}
	return fd, nil
}

// place is the namespace in words.
func (c *Client) place() string {
	if c.ns == nil {
		return "this network namespace"
	}
	return "network namespace " + c.ns.String()
}

// library returns a connection of the library. Each of its questions opens a
// socket of its own, with a deadline: the library knows none.
func (c *Client) library(ctx context.Context) (*nftables.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd, err := c.fd()
	if err != nil {
		return nil, err
	}
	return nftables.New(nftables.WithNetNSFd(fd), nftables.WithSockOptions(func(conn *netlink.Conn) error {
		until := time.Now().Add(patience)
		if end, ok := ctx.Deadline(); ok && end.Before(until) {
			until = end
		}
		return conn.SetDeadline(until)
	}))
}

// generation is the number of the ruleset: it is another one after each
// transaction (net/netfilter/nf_tables_api.c, nft_base_seq_inc).
func (c *Client) generation(ctx context.Context) (gen uint32, err error) {
	s, err := c.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer s.close()
	s.askGeneration()
	if err := s.send(); err != nil {
		return 0, err
	}
	err = s.answers(1, func(_ int, a *answer) error {
		gen, err = generationOf(a)
		return err
	})
	return gen, err
}

func (s *socket) askGeneration() {
	_, at := s.message(messageType(unix.NFT_MSG_GETGEN), 0, 0, 0)
	s.end(at)
}

func generationOf(a *answer) (uint32, error) {
	if a.bad != nil {
		return 0, *a.bad
	}
	id := find(a.data, unix.NFTA_GEN_ID)
	if len(id) != 4 {
		return 0, fmt.Errorf("%w: no generation", errMalformed)
	}
	return binary.BigEndian.Uint32(id), nil
}

// tries is how often something is done again because the rules changed
// meanwhile.
const tries = 20

// still runs fn until the rules were the same before and after it, and returns
// their generation. fn must begin anew each time. Where they never are, the
// error holds ErrBusy.
func (c *Client) still(ctx context.Context, fn func() error) (gen uint32, err error) {
	if gen, err = c.generation(ctx); err != nil {
		return 0, err
	}
	for range tries {
		// What fails while the rules change, such as to list a chain that has
		// gone, may not fail again.
		ferr := fn()
		after, err := c.generation(ctx)
		switch {
		case err != nil:
			return 0, err
		case after == gen:
			return gen, ferr
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
		gen = after
	}
	return 0, ErrBusy
}

// explain turns the failure of a question into what the caller sees. op is what
// was tried, in words.
func (c *Client) explain(op string, err error) error {
	var no unix.Errno
	var own interface{ explained() }
	switch {
	case err == nil, errors.As(err, &own), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !errors.As(err, &no):
	case no == unix.EPERM:
		return &conntrack.PrivilegeError{Op: op, Namespace: c.place(), Err: no}
	case no == unix.EINVAL || no == unix.EOPNOTSUPP:
		// nfnetlink_rcv_msg of a kernel without nf_tables answers EINVAL.
		return &conntrack.NotSupportedError{Feature: "nftables", Needs: "CONFIG_NF_TABLES (module nf_tables; try: modprobe nf_tables)", Err: no}
	}
	return &conntrack.OpError{Op: op, Err: err}
}
