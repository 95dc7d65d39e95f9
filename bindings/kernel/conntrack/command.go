package conntrack

import (
	"context"
	"errors"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Do implements Kernel.
func (c *Client) Do(ctx context.Context, req wire.Request) error {
	return c.ask(ctx, req, wire.FlagAck, func([]byte) error { return nil })
}

// one sends a request that is answered by one message and an acknowledgement
// and tells whether there was something to answer with.
func (c *Client) one(ctx context.Context, req wire.Request, fn func(msg []byte) error) (bool, error) {
	found := false
	err := c.ask(ctx, req, wire.FlagAck, func(msg []byte) error {
		found = true
		return fn(msg)
	})
	if errors.Is(err, syscall.ENOENT) {
		return false, nil
	}
	return found && err == nil, err
}

// Get implements Kernel. The kernel ignores the id of the key, so a flow with
// another id is one that is not there.
func (c *Client) Get(ctx context.Context, req wire.Get, e *wire.Entry) (bool, error) {
	other := false
	found, err := c.one(ctx, req, func(msg []byte) error {
		var v wire.View
		if err := v.Reset(msg); err != nil {
			return err
		}
		if id, ok := v.ID(); ok && req.Key.HasID && id != req.Key.ID {
			other = true
			return nil
		}
		v.Entry(e)
		return nil
	})
	return found && !other, err
}

// Count implements Kernel.
func (c *Client) Count(ctx context.Context) (t wire.Totals, err error) {
	_, err = c.one(ctx, wire.Count{}, func(msg []byte) error {
		t, err = wire.ParseTotals(msg)
		return err
	})
	return t, err
}

// Stats implements Kernel.
func (c *Client) Stats(ctx context.Context) (rows []wire.CPUStats, err error) {
	err = c.ask(ctx, wire.StatsDump{}, 0, func(msg []byte) error {
		row, err := wire.ParseCPUStats(msg)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// ExpectStats implements Kernel.
func (c *Client) ExpectStats(ctx context.Context) (rows []wire.ExpectCPUStats, err error) {
	err = c.ask(ctx, wire.StatsDump{Expect: true}, 0, func(msg []byte) error {
		row, err := wire.ParseExpectCPUStats(msg)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// Expects implements Kernel. The acknowledgement is asked for because a dump
// of the expectations of a master without a helper is not answered otherwise
// (linux ctnetlink_dump_exp_ct).
func (c *Client) Expects(ctx context.Context, req wire.ExpectDump, fn func(*wire.Expect) error) error {
	var e wire.Expect
	return c.ask(ctx, req, wire.FlagAck, func(msg []byte) error {
		if err := wire.ParseExpect(msg, &e); err != nil {
			return err
		}
		return fn(&e)
	})
}

// GetExpect implements Kernel.
func (c *Client) GetExpect(ctx context.Context, req wire.ExpectGet, e *wire.Expect) (bool, error) {
	return c.one(ctx, req, func(msg []byte) error { return wire.ParseExpect(msg, e) })
}

// Timeouts implements Kernel.
func (c *Client) Timeouts(ctx context.Context) (list []wire.Timeout, err error) {
	err = c.ask(ctx, wire.TimeoutList{}, 0, func(msg []byte) error {
		t, err := wire.ParseTimeout(msg)
		list = append(list, t)
		return err
	})
	return list, err
}

// GetTimeout implements Kernel.
func (c *Client) GetTimeout(ctx context.Context, req wire.Request, t *wire.Timeout) (bool, error) {
	return c.one(ctx, req, func(msg []byte) (err error) {
		*t, err = wire.ParseTimeout(msg)
		return err
	})
}

// Listen implements Kernel.
func (c *Client) Listen(ctx context.Context, opt EventOptions) (*Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sock, err := c.transport.DialEvents(opt)
	if err != nil {
		return nil, c.explainDial("listen to events", err)
	}
	c.own.add(sock.Info().PortID)
	l := newListener(sock, opt, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = sock.Close()
		return nil, ErrClosed
	}
	c.ears[l] = struct{}{}
	return l, nil
}

// forget drops a listener that was closed.
func (c *Client) forget(l *Listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ears, l)
}
