package fake

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flow is an entry of the table.
type flow struct {
	e       wire.Entry // tuples (without zones), status, mark, protocol details, labels, ...
	zone    zone
	ext     extensions
	expires time.Time
	born    time.Time
	helper  *helper
	master  *flow
	id      uint32
	missed  events // of a reliable listener
	cause   origin // of a destroy event that waits
	gone    bool
}

// extensions are the parts that a flow is born with or never has.
type extensions struct {
	acct, times, events, labels, seqAdj, synProxy, help bool
}

// left is the rest of the timeout in whole seconds.
func (f *flow) left(now time.Time) uint32 {
	d := f.expires.Sub(now)
	if d <= 0 {
		return 0
	}
	return uint32(min(int64(d/time.Second), math.MaxUint32))
}

func (f *flow) expired(now time.Time) bool { return !f.expires.After(now) }

// tuple is one direction with its zone, as messages carry it.
func (f *flow) tuple(dir wire.Direction) wire.Tuple {
	t := f.e.Orig
	if dir == wire.Reply {
		t = f.e.Reply
	}
	t.Zone = f.zone.in(dir)
	return t
}

// table holds the flows by tuple, and in buckets by original tuple: the order
// of a dump.
type table struct {
	byTuple map[tupleKey]*flow
	buckets [][]*flow
}

// tupleKey is a tuple with its zone in one direction.
type tupleKey struct {
	tuple wire.Tuple
	dir   wire.Direction
}

func newTable(buckets int) table {
	return table{byTuple: map[tupleKey]*flow{}, buckets: make([][]*flow, buckets)}
}

// find looks a tuple up in either direction.
func (t *table) find(z zone, tuple wire.Tuple) (*flow, wire.Direction) {
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		tuple.Zone = z.in(dir)
		if f := t.byTuple[tupleKey{tuple, dir}]; f != nil {
			return f, dir
		}
	}
	return nil, 0
}

func hash(t *wire.Tuple, salt uint32) uint32 {
	h := fnv.New32a()
	b := append(append([]byte(nil), t.Src[:]...), t.Dst[:]...)
	b = append(b, t.Proto, t.Family)
	b = binary.BigEndian.AppendUint16(b, t.SrcPort)
	b = binary.BigEndian.AppendUint16(b, t.DstPort)
	b = binary.BigEndian.AppendUint16(b, t.Zone)
	b = binary.BigEndian.AppendUint32(b, salt)
	_, _ = h.Write(b)
	return h.Sum32()
}

func (t *table) bucket(f *flow) *[]*flow {
	return &t.buckets[int(hash(&f.e.Orig, 0))%len(t.buckets)]
}

func (t *table) insert(f *flow) {
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		t.byTuple[tupleKey{f.tuple(dir), dir}] = f
	}
	b := t.bucket(f)
	*b = append(*b, f)
}

func (t *table) remove(f *flow) {
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		delete(t.byTuple, tupleKey{f.tuple(dir), dir})
	}
	b := t.bucket(f)
	*b = slices.DeleteFunc(slices.Clone(*b), func(g *flow) bool { return g == f })
}

// len is the number of flows: each is there by two tuples.
func (t *table) len() int { return len(t.byTuple) / 2 }

// all lists the flows in the order of the buckets.
func (t *table) all() []*flow {
	list := make([]*flow, 0, t.len())
	for _, b := range t.buckets {
		list = append(list, b...)
	}
	return list
}

func (t *table) resize(n int) {
	list := t.all()
	t.buckets = make([][]*flow, n)
	for _, f := range list {
		b := t.bucket(f)
		*b = append(*b, f)
	}
}

// find looks up a flow that has not expired.
func (k *Kernel) find(z zone, tuple wire.Tuple) *flow {
	f, _ := k.table.find(z, tuple)
	if f == nil || f.expired(k.now) {
		return nil
	}
	return f
}

// idOf is the id that a flow of this tuple has whenever it is made: the real
// kernel hashes the address of the object, and gives out the same object
// again.
func idOf(f *flow) uint32 {
	t := f.tuple(wire.Original)
	return hash(&t, 0x9e3779b9^uint32(f.zone.in(wire.Reply))) | 1
}

// full tells whether the table takes no more.
func (k *Kernel) full() bool { return k.table.len()+len(k.dying) >= k.sys.Max }

// remove takes a flow out, with its expectations and its event.
func (k *Kernel) remove(f *flow, by origin) {
	if f.gone {
		return
	}
	f.gone = true
	f.e.Status |= wire.StatusDying
	if f.ext.times {
		f.e.Stop = uint64(k.now.UnixNano())
	}
	k.table.remove(f)
	f.cause = by
	delivered := k.emit(f, evDestroy, by)
	k.dropExpects(f)
	if !delivered {
		k.dying = append(k.dying, f)
	}
}

// redeliver tries the destroy events of dying flows again.
func (k *Kernel) redeliver() {
	k.dying = slices.DeleteFunc(k.dying, func(f *flow) bool { return k.emit(f, evDestroy, origin{portID: f.cause.portID}) })
}
