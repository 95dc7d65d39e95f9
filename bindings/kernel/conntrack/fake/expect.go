package fake

import (
	"slices"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Attributes of an expectation message (linux enum ctattr_expect and nests).
const (
	expMaster, expTuple, expMask, expTimeout, expID     = 1, 2, 3, 4, 5
	expHelp, expZone, expFlags, expClass, expNAT, expFn = 6, 7, 8, 9, 10, 11

	expNATDir, expNATTuple = 1, 2

	// Flags of an expectation; USERSPACE (4) is taken off.
	expPermanent, expInactive = 1, 2
)

// expect is an expectation. Its mask covers the source only.
type expect struct {
	master  *flow
	tuple   wire.Tuple
	mask    wire.Tuple
	helper  *helper
	class   uint32
	flags   uint32
	fn      string
	nat     *wire.Tuple
	natDir  uint32
	id      uint32
	expires time.Time
}

var expectPolicy = map[int]policy{expMaster: {nest: true}, expTuple: {nest: true}, expMask: {nest: true},
	expTimeout: {min: 4}, expID: {min: 4}, expHelp: {text: true, max: 15}, expZone: {min: 2}, expFlags: {min: 4},
	expClass: {min: 4}, expNAT: {nest: true}}

var expectService = service{
	calls: []handler{wire.MsgExpNew: (*Kernel).newExpect, wire.MsgExpGet: (*Kernel).getExpect,
		wire.MsgExpDelete: (*Kernel).deleteExpect, wire.MsgExpGetStatsCPU: (*Kernel).expectStats},
	rules: []map[int]policy{expectPolicy, expectPolicy, expectPolicy, nil},
}

// matches compares a tuple with the expectation: the source under the mask,
// the rest exactly.
func (x *expect) matches(t *wire.Tuple) bool {
	if t.Family != x.tuple.Family || t.Proto != x.tuple.Proto || t.Dst != x.tuple.Dst || t.DstPort != x.tuple.DstPort ||
		(t.SrcPort^x.tuple.SrcPort)&x.mask.SrcPort != 0 {
		return false
	}
	for i, m := range x.mask.Src {
		if (t.Src[i]^x.tuple.Src[i])&m != 0 {
			return false
		}
	}
	return true
}

func (k *Kernel) findExpect(z zone, t *wire.Tuple) *expect {
	for _, x := range k.expects {
		if x.matches(t) && x.master.zone.id == z.id {
			return x
		}
	}
	return nil
}

// lookupExpect finds the expectation that a request names by the attribute
// typ, and by its id where that was given.
func (k *Kernel) lookupExpect(c *call, typ int) (*expect, error) {
	z := readZone(&c.a, expZone)
	t, err := readTuple(c.a[typ], wire.Original, c.h.family, nil, partAll)
	if err != nil {
		return nil, err
	}
	x := k.findExpect(z, &t)
	if x == nil || c.a.has(expID) && c.a.u32(expID) != x.id {
		return nil, syscall.ENOENT
	}
	return x, nil
}

func (k *Kernel) getExpect(c *call) error {
	if c.dumping() {
		return k.dumpExpects(c)
	}
	typ := expTuple
	if !c.a.has(expTuple) {
		typ = expMaster // read as the tuple of the expectation all the same
	}
	if !c.a.has(typ) {
		return syscall.EINVAL
	}
	x, err := k.lookupExpect(c, typ)
	if err != nil {
		return err
	}
	return c.reply(k.expectMessage(nil, x, wire.MsgExpNew, flagMulti, c.h.seq, c.s.portID))
}

// dumpExpects lists all expectations, or those of one master. One without a
// helper is not answered at all, unless an acknowledgement was asked for.
func (k *Kernel) dumpExpects(c *call) error {
	var master *flow
	if c.a.has(expMaster) {
		z := readZone(&c.a, expZone)
		t, err := readTuple(c.a[expMaster], wire.Original, c.h.family, nil, partAll)
		if err != nil {
			return err
		}
		if master = k.find(z, t); master == nil {
			return syscall.ENOENT
		}
		if !master.ext.help {
			return nil
		}
	}
	list := slices.Clone(k.expects)
	return c.s.startDump(c.h, func(b []byte, size int) ([]byte, bool) {
		for ; len(list) > 0; list = list[1:] {
			x := list[0]
			if master != nil && x.master != master || c.h.family != 0 && x.tuple.Family != c.h.family {
				continue
			}
			n := len(b)
			if b = k.expectMessage(b, x, wire.MsgExpNew, flagMulti, c.h.seq, c.s.portID); len(b) > size && n > 0 {
				return b[:n], false
			}
		}
		return b, true
	})
}

// deleteExpect deletes one by tuple, or all of a helper's, or all.
func (k *Kernel) deleteExpect(c *call) error {
	if c.a.has(expTuple) {
		x, err := k.lookupExpect(c, expTuple)
		if err == nil {
			k.removeExpect(x, c.by())
		}
		return err
	}
	for _, x := range slices.Clone(k.expects) {
		if !c.a.has(expHelp) || x.master.helper != nil && x.master.helper.name == c.a.text(expHelp) {
			k.removeExpect(x, c.by())
		}
	}
	return nil
}

func (k *Kernel) newExpect(c *call) error {
	if !c.a.has(expTuple) || !c.a.has(expMask) || !c.a.has(expMaster) {
		return syscall.EINVAL
	}
	z := readZone(&c.a, expZone)
	t, err := readTuple(c.a[expTuple], wire.Original, c.h.family, nil, partAll)
	if err != nil {
		return err
	}
	switch x := k.findExpect(z, &t); {
	case x == nil && !c.h.is(flagCreate):
		return syscall.ENOENT
	case x == nil:
		return k.createExpect(c, z, t)
	case c.h.is(flagExcl):
		return syscall.EEXIST
	default:
		if c.a.has(expTimeout) {
			x.expires = k.now.Add(time.Duration(c.a.u32(expTimeout)) * time.Second)
		}
		return nil
	}
}

// createExpect makes an expectation. The timeout and the helper's name of the
// request are ignored; the oldest of the class makes room.
func (k *Kernel) createExpect(c *call, z zone, t wire.Tuple) error {
	mask, err := readTuple(c.a[expMask], wire.Original, c.h.family, nil, partAll)
	if err != nil {
		return err
	}
	masterTuple, err := readTuple(c.a[expMaster], wire.Original, c.h.family, nil, partAll)
	if err != nil {
		return err
	}
	master := k.find(z, masterTuple)
	switch {
	case master == nil:
		return syscall.ENOENT
	case !master.ext.help:
		return syscall.EOPNOTSUPP
	case master.helper == nil:
		return syscall.ESHUTDOWN
	}
	x := &expect{master: master, tuple: t, helper: master.helper}
	x.mask.Src, x.mask.SrcPort = mask.Src, mask.SrcPort
	if t.Family == wire.FamilyIPv4 {
		x.mask.Src = wire.Addr{12: mask.Src[12], 13: mask.Src[13], 14: mask.Src[14], 15: mask.Src[15]}
	}
	if c.a.has(expClass) {
		x.class = c.a.u32(expClass)
	}
	if int(x.class) >= len(x.helper.classes) {
		return syscall.EINVAL
	}
	if c.a.has(expFlags) {
		x.flags = c.a.u32(expFlags) & (expPermanent | expInactive)
	}
	if c.a.has(expFn) {
		if x.fn = c.a.text(expFn); !expectFunctions[x.fn] {
			return syscall.EINVAL
		}
	}
	if err := x.readNAT(c); err != nil {
		return err
	}
	return k.addExpect(x, c.by())
}

func (x *expect) readNAT(c *call) error {
	if !c.a.has(expNAT) {
		return nil
	}
	in, err := nest(c.a[expNAT], map[int]policy{expNATDir: {min: 4}, expNATTuple: {nest: true}})
	switch {
	case err != nil:
		return err
	case !in.has(expNATDir), !in.has(expNATTuple):
		return syscall.EINVAL
	}
	t, err := readTuple(in[expNATTuple], wire.Original, c.h.family, nil, partAll)
	x.nat, x.natDir = &t, in.u32(expNATDir)
	return err
}

func (k *Kernel) addExpect(x *expect, by origin) error {
	class := x.helper.classes[x.class]
	var same []*expect
	for _, o := range k.expects {
		if o.master == x.master && o.class == x.class {
			same = append(same, o)
		}
	}
	switch {
	case len(same) >= class.max:
		k.removeExpect(same[0], origin{})
	case len(k.expects) >= k.sys.ExpectMax:
		return syscall.EMFILE
	}
	x.expires = k.now.Add(time.Duration(class.seconds) * time.Second)
	x.id = hash(&x.tuple, x.master.id) | 1
	k.expects = append(k.expects, x)
	k.stats.expCreate++
	k.emitExpect(x, conntrack.EventExpNew, by)
	return nil
}

func (k *Kernel) removeExpect(x *expect, by origin) {
	i := slices.Index(k.expects, x)
	if i < 0 {
		return
	}
	k.expects = slices.Delete(k.expects, i, i+1)
	k.stats.expDelete++
	k.emitExpect(x, conntrack.EventExpDestroy, by)
}

// dropExpects removes the expectations of a master. Its children stay.
func (k *Kernel) dropExpects(master *flow) {
	for _, x := range slices.Clone(k.expects) {
		if x.master == master {
			k.removeExpect(x, origin{})
		}
	}
}

func (k *Kernel) emitExpect(x *expect, kind conntrack.EventKind, by origin) {
	if !x.master.ext.events {
		return
	}
	msg, flags := uint8(wire.MsgExpNew), uint16(flagCreate|flagExcl)
	if kind == conntrack.EventExpDestroy {
		msg, flags = wire.MsgExpDelete, 0
	}
	b := k.expectMessage(nil, x, msg, flags, 0, by.portID)
	k.broadcast(kind, b, by, func(*ear) bool { return true })
}

// expectMessage appends the message of an expectation (linux
// ctnetlink_exp_fill_info).
func (k *Kernel) expectMessage(b []byte, x *expect, msg uint8, flags uint16, seq, portID uint32) []byte {
	start := len(b)
	m := newMessage(b, uint16(wire.SubsysExpect)<<8|uint16(msg), flags, seq, portID, x.tuple.Family, 0)
	m.tuple(expTuple, &x.tuple, false)
	mask := wire.Tuple{Family: x.tuple.Family, Proto: 0xff, Src: x.mask.Src, SrcPort: x.mask.SrcPort, DstPort: 0xffff}
	for i := range mask.Dst {
		mask.Dst[i] = 0xff
	}
	m.maskTuple(&mask, x.tuple.Proto)
	master := x.master.tuple(wire.Original)
	m.tuple(expMaster, &master, false)
	if x.nat != nil && (x.nat.Src != wire.Addr{} || x.nat.SrcPort != 0) {
		m.nest(expNAT, func() {
			m.u32(expNATDir, x.natDir)
			m.tuple(expNATTuple, x.nat, false)
		})
	}
	m.u32(expTimeout, uint32(max(0, x.expires.Sub(k.now)/time.Second)))
	m.u32(expID, x.id)
	m.u32(expFlags, x.flags)
	m.u32(expClass, x.class)
	m.text(expHelp, x.helper.name)
	if x.fn != "" {
		m.text(expFn, x.fn)
	}
	return m.finish(start)
}

// maskTuple appends the mask: it has the form of a tuple of the same protocol.
func (m *message) maskTuple(t *wire.Tuple, proto uint8) {
	t.Proto = proto
	m.tuple(expMask, t, false)
}

// expectStats answers EXP_GET_STATS_CPU.
func (k *Kernel) expectStats(c *call) error {
	return k.perCPU(c, func(m *message, s stats) {
		m.u32(1, s.expNew)
		m.u32(2, s.expCreate)
		m.u32(3, s.expDelete)
	})
}
