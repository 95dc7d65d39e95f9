package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// tuple is a TCP or UDP tuple of the n-th test flow.
func tuple(proto uint8, n int) wire.Tuple {
	return wire.Tuple{
		Src:     wire.AddrFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})),
		Dst:     wire.AddrFrom(netip.MustParseAddr("192.0.2.1")),
		SrcPort: 4000, DstPort: 80, Family: wire.FamilyIPv4, Proto: proto,
	}
}

// udp is a request to create the n-th UDP flow.
func udp(n int) *wire.Create {
	c := &wire.Create{}
	c.Entry.Orig = tuple(wire.ProtoUDP, n)
	c.Entry.Timeout = 600
	c.Entry.Present = wire.HasTimeout
	return c
}

func TestLifeOfAFlow(t *testing.T) {
	ctx := context.Background()
	k := Open(netnstest.New(t))
	defer k.Close()

	c := udp(1)
	c.Entry.Mark, c.Entry.Present = 7, c.Entry.Present|wire.HasMark
	if err := k.Do(ctx, c); err != nil {
		t.Fatal(err)
	}
	err := k.Do(ctx, c)
	var refused *Error
	if !errors.As(err, &refused) || !errors.Is(err, syscall.EEXIST) {
		t.Fatalf("second create: %v, want EEXIST", err)
	}
	var e wire.Entry
	key := wire.Key{Tuple: c.Entry.Orig}
	found, err := k.Get(ctx, wire.Get{Key: key}, &e)
	if err != nil || !found {
		t.Fatalf("get: %v %v", found, err)
	}
	if e.Mark != 7 || e.Reply.Src != c.Entry.Orig.Dst || !e.Has(wire.HasID) {
		t.Errorf("got %+v", e.Flow)
	}
	err = k.Do(ctx, &wire.Update{Key: key, Mark: &wire.Masked32{Value: 0x10, Mask: 0xf0}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get(ctx, wire.Get{Key: key}, &e); err != nil || e.Mark != 0x17 {
		t.Errorf("mark %#x after update, want 0x17 (%v)", e.Mark, err)
	}
	tot, err := k.Count(ctx)
	if err != nil || tot.Entries != 1 || !tot.HasMax {
		t.Errorf("count %+v %v", tot, err)
	}
	other := e.Key()
	other.ID++
	d, err := wire.NewDelete(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Do(ctx, d); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("delete with another id: %v, want ENOENT", err)
	}
	d, _ = wire.NewDelete(e.Key())
	if err := k.Do(ctx, d); err != nil {
		t.Error(err)
	}
	if found, err := k.Get(ctx, wire.Get{Key: key}, &e); found || err != nil {
		t.Errorf("get after delete: %v %v", found, err)
	}
}

func TestBatchAttributesErrors(t *testing.T) {
	ctx := context.Background()
	k := Open(netnstest.New(t))
	defer k.Close()
	failed := map[int]error{}
	b, err := k.Batch(ctx, BatchOptions{Size: 64, Failed: func(n int, err *Error) { failed[n] = err }})
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	for i := range n {
		at := i
		if i%100 == 99 {
			at = i - 1 // exists already
		}
		if err := b.Add(udp(at)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := b.Close()
	if err != nil {
		t.Fatal(err)
	}
	if res.Sent != n || res.Applied != n-10 || res.Exists != 10 || res.Failed != 0 {
		t.Errorf("%+v", res)
	}
	for i := 99; i < n; i += 100 {
		if !errors.Is(failed[i], syscall.EEXIST) {
			t.Errorf("request %d: %v, want EEXIST", i, failed[i])
		}
	}
	if len(failed) != 10 {
		t.Errorf("%d failures attributed, want 10", len(failed))
	}

	del, err := k.Batch(ctx, BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []Partition{PartitionFamily, PartitionAssured, PartitionNone} {
		seen := map[wire.Tuple]bool{}
		dump, err := k.Dump(ctx, &wire.Dump{}, DumpOptions{Partition: part}, func(v *wire.View) error {
			var tup wire.Tuple
			v.Tuple(wire.Original, &tup)
			if seen[tup] {
				return fmt.Errorf("%v twice", tup)
			}
			seen[tup] = true
			if part == PartitionNone {
				return del.AddDelete(v)
			}
			return nil
		})
		if err != nil || dump.Flows != n-10 {
			t.Fatalf("dump %d: %+v %v", part, dump, err)
		}
	}
	if res, err := del.Close(); err != nil || res.Applied != n-10 {
		t.Errorf("%+v %v", res, err)
	}
}

func TestKernelFilter(t *testing.T) {
	ctx := context.Background()
	k := Open(netnstest.New(t))
	defer k.Close()
	for i := range 50 {
		c := udp(i)
		c.Entry.Mark, c.Entry.Present = uint32(i%5), c.Entry.Present|wire.HasMark
		if err := k.Do(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	req := &wire.Dump{Filter: wire.Filter{Mark: &wire.Masked32{Value: 3, Mask: 0xff}}}
	res, err := k.Dump(ctx, req, DumpOptions{}, func(*wire.View) error { return nil })
	if err != nil || res.Flows != 10 || !res.Filtered {
		t.Errorf("%+v %v", res, err)
	}
	if err := k.Do(ctx, &wire.Flush{Filter: req.Filter}); err != nil {
		t.Fatal(err)
	}
	if tot, err := k.Count(ctx); err != nil || tot.Entries != 40 {
		t.Errorf("%+v %v", tot, err)
	}
	if err := k.Do(ctx, &wire.Flush{All: true}); err != nil {
		t.Fatal(err)
	}
	if tot, err := k.Count(ctx); err != nil || tot.Entries != 0 {
		t.Errorf("%+v %v", tot, err)
	}
}
