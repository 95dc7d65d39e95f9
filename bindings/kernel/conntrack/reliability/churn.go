package reliability

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Full tells whether the whole load is asked for.
func Full() bool { return os.Getenv("CTSH_FULL") == "1" }

// Churn changes a table through netlink: it creates flows one after the
// other, marks each a while later and deletes it after as long again, so that
// Live flows are there at a time. Each operation makes one event.
type Churn struct {
	Kernel conntrack.Kernel
	First  int // number of the first flow
	Live   int // flows alive at a time, 1000 when 0
	Rate   int // operations a second, as many as possible when 0
}

// Result is what a churn did.
type Result struct {
	Ops    int // applied: as many events were made
	Took   time.Duration
	Oldest int // number of the oldest flow that is alive
	Next   int // and of the first that was not made
}

// Rate is the operations a second.
func (r Result) Rate() int { return int(float64(r.Ops) / r.Took.Seconds()) }

// Flow is a request to create the n-th flow, of UDP, for an hour.
func Flow(n int) *wire.Create {
	c := &wire.Create{}
	c.Entry.Orig = tuple(n)
	c.Entry.Timeout, c.Entry.Present = 3600, wire.HasTimeout
	return c
}

var server = wire.AddrFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}))

func tuple(n int) wire.Tuple {
	return wire.Tuple{
		Src:     wire.Addr{10: 0xff, 11: 0xff, 12: 10, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)},
		Dst:     server,
		SrcPort: 1 + uint16(n>>24), DstPort: 53, Family: wire.FamilyIPv4, Proto: wire.ProtoUDP,
	}
}

// Number tells which flow t is.
func Number(t *wire.Tuple) int {
	return int(t.SrcPort-1)<<24 | int(t.Src[13])<<16 | int(t.Src[14])<<8 | int(t.Src[15])
}

// Run applies ops operations, or until ctx ends when 0. The end of ctx is no
// error.
func (c Churn) Run(ctx context.Context, ops int) (Result, error) {
	if c.Live == 0 {
		c.Live = 1000
	}
	b, err := c.Kernel.Batch(context.WithoutCancel(ctx), conntrack.BatchOptions{})
	if err != nil {
		return Result{}, err
	}
	res := Result{Oldest: c.First, Next: c.First}
	start := time.Now()
	for sent := 0; (ops == 0 || sent < ops) && ctx.Err() == nil; sent++ {
		if err := b.Add(c.step(sent, &res)); err != nil {
			return res, err
		}
		if c.Rate > 0 && sent%128 == 127 {
			due := time.Duration(sent) * time.Second / time.Duration(c.Rate)
			if early := due - time.Since(start); early > time.Millisecond {
				time.Sleep(early)
			}
		}
	}
	total, err := b.Close()
	res.Ops, res.Took = total.Applied, time.Since(start)
	if err == nil && total.Applied != total.Sent {
		err = fmt.Errorf("%d of %d operations were refused: %v", total.Sent-total.Applied, total.Sent, total.Errors)
	}
	return res, err
}

// step is the n-th operation: a create, and once there are enough flows in
// turn a create, a mark and a delete.
func (c *Churn) step(n int, res *Result) wire.Request {
	kind := 0
	if warm := n - c.Live; warm >= 0 {
		kind = warm % 3
	}
	switch kind {
	case 1:
		key := wire.Key{Tuple: tuple(res.Oldest + c.Live/2)}
		return &wire.Update{Key: key, Mark: &wire.Masked32{Value: uint32(n) | 1, Mask: 0xffffffff}}
	case 2:
		d, err := wire.NewDelete(wire.Key{Tuple: tuple(res.Oldest)})
		if err != nil {
			panic(err) // a tuple of ours is whole
		}
		res.Oldest++
		return d
	}
	res.Next++
	return Flow(res.Next - 1)
}
