package conntrack

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Dump implements Kernel. An answer that the kernel cut short (ENOBUFS, a
// truncated datagram, a hash table that was resized meanwhile) is asked for
// again where nothing was delivered yet; otherwise it ends in an
// [*IncompleteError], after what there was has been delivered.
func (c *Client) Dump(ctx context.Context, req *wire.Dump, opt DumpOptions, fn func(*wire.View) error) (DumpResult, error) {
	parts := opt.split(req)
	var res DumpResult
	for {
		var err error
		buckets := c.buckets(req)
		if parts == nil {
			err = c.dumpOne(ctx, req, opt.Ahead, &res, nil, fn)
		} else {
			err = c.dumpParts(ctx, parts, &res, fn)
		}
		if err == nil && buckets != c.buckets(req) {
			err = &IncompleteError{Op: req.Op(), Reason: "the hash table was resized meanwhile", Flows: res.Flows}
		}
		var part *unfilteredError
		var inc *IncompleteError
		switch {
		case errors.As(err, &part):
			parts = nil // this kernel ignores the filter: read in one piece
			continue
		case errors.As(err, &inc) && res.Flows == 0 && !res.Retried && ctx.Err() == nil:
			res.Retried = true
			continue
		case errors.Is(err, errCallback):
			err = errors.Unwrap(err)
			if errors.Is(err, ErrStop) {
				err = nil
			}
		}
		return res, err
	}
}

// split returns the requests that together ask for what req asks for, nil
// where it cannot be split.
func (o DumpOptions) split(req *wire.Dump) []*wire.Dump {
	if req.Table != wire.TableConntrack {
		return nil
	}
	a, b := *req, *req
	switch {
	case o.Partition == PartitionFamily && req.Filter.Family == 0:
		a.Filter.Family, b.Filter.Family = wire.FamilyIPv4, wire.FamilyIPv6
	case o.Partition == PartitionAssured && req.Filter.Status == nil:
		a.Filter.Status = &wire.StatusFilter{Value: wire.StatusAssured, Mask: wire.StatusAssured}
		b.Filter.Status = &wire.StatusFilter{Mask: wire.StatusAssured}
	default:
		return nil
	}
	return []*wire.Dump{&a, &b}
}

// unfilteredError says that a part of a partitioned dump came without the
// kernel's word that it filtered.
type unfilteredError struct{}

func (*unfilteredError) Error() string { return "kernel did not filter the dump" }

// dumpParts runs the parts side by side. The receives overlap, the calls of
// fn do not: one lock a datagram.
func (c *Client) dumpParts(ctx context.Context, parts []*wire.Dump, res *DumpResult, fn func(*wire.View) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var first error
	for _, req := range parts {
		wg.Go(func() {
			if err := c.dumpOne(ctx, req, false, res, &mu, fn); err != nil {
				mu.Lock()
				if first == nil {
					first = err
				}
				mu.Unlock()
				cancel()
			}
		})
	}
	wg.Wait()
	return first
}

// dumpOne runs one dump. With a lock it is a part of a partitioned one: fn
// and res are used under the lock, and the answer must be a filtered one.
func (c *Client) dumpOne(ctx context.Context, req *wire.Dump, ahead bool, res *DumpResult, mu *sync.Mutex, fn func(*wire.View) error) error {
	s, err := c.acquire(req.Op())
	if err != nil {
		return err
	}
	clean := false
	defer func() { c.release(s, clean) }()
	undo := s.bound(ctx, 0)
	defer undo()

	seq := c.nextSeq(1)
	msg, err := req.Append(s.buf[:0], seq, 0)
	if err != nil {
		clean = true
		return err
	}
	if err := s.Send(msg); err != nil {
		return c.explainIO(ctx, req, err)
	}
	d := dumpReader{seq: seq, res: res, fn: fn, mustFilter: mu != nil}
	answer := s.stream(ahead)
	defer answer.close()
	for {
		b, err := answer.next()
		if err == nil {
			if mu != nil {
				mu.Lock()
			}
			err = d.datagrams(b)
			if mu != nil {
				mu.Unlock()
			}
		}
		if err == nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		return c.dumpEnd(ctx, req, res, err, &clean)
	}
}

// dumpEnd sorts what ended a dump.
func (c *Client) dumpEnd(ctx context.Context, req *wire.Dump, res *DumpResult, err error, clean *bool) error {
	incomplete := func(reason string) error {
		return &IncompleteError{Op: req.Op(), Reason: reason, Flows: res.Flows, Err: err}
	}
	var fin *endError
	var bad *wire.DecodeError
	switch {
	case errors.As(err, &fin):
		*clean = true
		if fin.errno != 0 {
			return c.explain(req, fin.errno, fin.extAck)
		}
		return nil
	case errors.Is(err, errCallback):
		return err
	case errors.Is(err, errInterrupted):
		*clean = true
		err = nil
		return incomplete("the table changed in a way that the kernel could not follow")
	case errors.Is(err, syscall.ENOBUFS):
		return incomplete("the kernel had no buffer for the answer")
	case errors.Is(err, ErrTruncated):
		return incomplete("a datagram was cut off")
	case errors.As(err, &bad):
		return incomplete("a message could not be read")
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return c.explainIO(ctx, req, err)
}

// errInterrupted is NLM_F_DUMP_INTR at the end of a dump.
var errInterrupted = errors.New("dump interrupted")

// dumpReader takes the datagrams of one dump apart.
type dumpReader struct {
	view        wire.View
	seq         uint32
	res         *DumpResult
	fn          func(*wire.View) error
	mustFilter  bool
	interrupted bool
}

// datagrams calls fn for each flow in b; the end of the dump is an error.
func (d *dumpReader) datagrams(b []byte) error {
	for len(b) > 0 {
		msg, rest, ok := wire.Next(b)
		if !ok {
			return &wire.DecodeError{Msg: "message cut short"}
		}
		b = rest
		typ, flags, seq := wire.Peek(msg)
		if seq != d.seq {
			continue
		}
		switch typ {
		case wire.TypeError, wire.TypeDone:
			errno, extAck := wire.ReadVerdict(msg)
			if errno == 0 && d.interrupted {
				return errInterrupted
			}
			return &endError{errno, extAck}
		case wire.TypeNoop, wire.TypeOverrun:
			continue
		}
		if flags&wire.FlagDumpFiltered != 0 {
			d.res.Filtered = true
		} else if d.mustFilter {
			return &unfilteredError{}
		}
		d.interrupted = d.interrupted || flags&wire.FlagDumpIntr != 0
		if err := d.view.Reset(msg); err != nil {
			return err
		}
		d.res.Flows++
		if err := d.fn(&d.view); err != nil {
			return &callbackError{err}
		}
	}
	return nil
}
