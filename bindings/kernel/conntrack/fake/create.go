package fake

import (
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// longest is where the kernel cuts timeouts: INT_MAX jiffies at 250 a second.
const longest = wire.MaxTimeout

// newFlow creates a flow or updates the one that is there (linux
// ctnetlink_new_conntrack).
func (k *Kernel) newFlow(c *call) error {
	z := readZone(&c.a, wire.AttrZone)
	var tuples [2]wire.Tuple
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		if b := c.a[wire.AttrTupleOrig+int(dir)]; b != nil {
			var err error
			if tuples[dir], err = readTuple(b, dir, c.h.family, &z, partAll); err != nil {
				return err
			}
		}
	}
	orig, reply := c.a.has(wire.AttrTupleOrig), c.a.has(wire.AttrTupleReply)
	var f *flow
	switch {
	case orig:
		f = k.find(z, tuples[0])
	case reply:
		f = k.find(z, tuples[1])
	}
	switch {
	case f != nil && c.h.is(flagExcl):
		return syscall.EEXIST
	case f != nil:
		if err := k.change(f, &c.a); err != nil {
			return err
		}
		k.emit(f, evReply|evAssured|evHelper|evLabel|evChanged, c.by())
		return nil
	case !c.h.is(flagCreate):
		return syscall.ENOENT
	case !orig, !reply, tuples[0].Proto != tuples[1].Proto:
		return syscall.EINVAL
	}
	f, err := k.create(z, tuples, c)
	if err != nil {
		return err
	}
	kind := evNew
	if f.master != nil {
		kind = evRelated
	}
	if c.a.has(wire.AttrLabels) && f.writeLabels(&c.a) == nil {
		kind |= evLabel
	}
	k.emit(f, kind|evReply|evAssured|evHelper|evChanged, c.by())
	return nil
}

// newborn makes a flow with the extensions of the moment, not in the table
// yet.
func (k *Kernel) newborn(z zone, orig, reply wire.Tuple) *flow {
	f := &flow{zone: z, born: k.now}
	f.e.Orig, f.e.Reply = orig, reply
	f.ext = extensions{acct: k.sys.Acct, times: k.sys.Timestamp, labels: k.opt.LabelRule,
		events: k.sys.Events == 1 || k.sys.Events == 2 && len(k.ears) > 0}
	return f
}

// create makes a flow (linux ctnetlink_create_conntrack).
func (k *Kernel) create(z zone, tuples [2]wire.Tuple, c *call) (*flow, error) {
	if k.full() {
		k.stats.drop++
		return nil, syscall.ENOMEM
	}
	if !c.a.has(wire.AttrTimeout) {
		return nil, syscall.EINVAL
	}
	f := k.newborn(z, tuples[0], tuples[1])
	if c.a.has(wire.AttrHelp) {
		name, err := readHelp(c.a[wire.AttrHelp])
		if err != nil {
			return nil, err
		}
		if f.helper = findHelper(name, f.e.Orig.Family, f.e.Orig.Proto); f.helper == nil {
			return nil, syscall.EOPNOTSUPP
		}
		f.ext.help = true
		f.e.Status |= wire.StatusHelper
	}
	if err := k.setupNAT(f, &c.a); err != nil {
		return nil, err
	}
	f.ext.seqAdj, f.ext.synProxy = true, true
	f.e.Status |= wire.StatusConfirmed
	f.setTimeout(c.a.u32(wire.AttrTimeout), k.now)
	for _, step := range []func(*attrs) error{f.writeStatus, f.writeSeqAdj, f.writeProtoInfo, f.writeSynProxy} {
		if err := step(&c.a); err != nil {
			return nil, err
		}
	}
	f.writeMark(&c.a)
	if b := c.a[wire.AttrTupleMaster]; b != nil {
		t, err := readTuple(b, wire.Original, c.h.family, nil, partAll)
		if err != nil {
			return nil, err
		}
		if f.master = k.find(z, t); f.master == nil {
			return nil, syscall.ENOENT
		}
		f.e.Status |= wire.StatusExpected
	}
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		if other, _ := k.table.find(z, f.tuple(dir)); other != nil {
			if !other.expired(k.now) {
				k.stats.insertFailed++
				return nil, syscall.EEXIST
			}
			k.remove(other, origin{})
		}
	}
	k.insert(f)
	k.stats.insert++
	return f, nil
}

func (k *Kernel) insert(f *flow) {
	f.id = idOf(f)
	if f.ext.times {
		f.e.Start = uint64(k.now.UnixNano())
	}
	k.table.insert(f)
}

func (f *flow) setTimeout(seconds uint32, now time.Time) {
	f.expires = now.Add(time.Duration(min(seconds, longest)) * time.Second)
}
