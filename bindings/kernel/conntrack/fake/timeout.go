package fake

import (
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Attributes of a timeout policy (linux enum ctattr_timeout).
const (
	timeName, timeL3, timeL4, timeData, timeUse = 1, 2, 3, 4, 5

	protoGeneric = 255
)

// Timeouts are seconds by protocol (255 is generic, for all that have none of
// their own) and by the number of the state, less one, in the order of linux
// include/uapi/linux/netfilter/nfnetlink_cttimeout.h.
type Timeouts map[uint8][]uint32

func defaultTimeouts() Timeouts {
	return Timeouts{
		// syn_sent syn_recv established fin_wait close_wait last_ack
		// time_wait close syn_sent2 retrans unacknowledged
		wire.ProtoTCP:     {120, 60, 432000, 120, 60, 30, 120, 10, 120, 300, 300},
		wire.ProtoUDP:     {30, 120}, // unreplied replied
		wire.ProtoUDPLite: {30, 120},
		wire.ProtoGRE:     {30, 180},
		wire.ProtoICMP:    {30},
		wire.ProtoICMPv6:  {30},
		// closed cookie_wait cookie_echoed established shutdown_sent
		// shutdown_recd shutdown_ack_sent heartbeat_sent
		wire.ProtoSCTP: {10, 3, 3, 210, 3, 3, 3, 30},
		protoGeneric:   {600},
	}
}

func (t Timeouts) clone() Timeouts {
	c := maps.Clone(t)
	for proto, s := range c {
		c[proto] = slices.Clone(s)
	}
	return c
}

// of is the timeout of a state (from 0) of a protocol.
func (t Timeouts) of(proto uint8, state int) time.Duration {
	list := t[proto]
	if list == nil {
		list = t[protoGeneric]
	}
	return time.Duration(list[min(state, len(list)-1)]) * time.Second
}

// timeoutPolicy is a named policy.
type timeoutPolicy struct {
	name    string
	l3      uint16
	l4      uint8
	seconds []uint32
	use     uint32 // 1 and one more for each rule
}

var timeoutRules = map[int]policy{timeName: {text: true, max: 31}, timeL3: {min: 2}, timeL4: {min: 1}, timeData: {nest: true}}

var timeoutService = service{
	calls: []handler{wire.MsgTimeoutNew: (*Kernel).newPolicy, wire.MsgTimeoutGet: (*Kernel).getPolicy,
		wire.MsgTimeoutDelete: (*Kernel).deletePolicy, wire.MsgTimeoutDefaultSet: (*Kernel).setDefaults,
		wire.MsgTimeoutDefaultGet: (*Kernel).getDefaults},
	rules: []map[int]policy{timeoutRules, timeoutRules, timeoutRules, timeoutRules, timeoutRules},
}

// UsePolicy says that rules attach a timeout policy: by 1 for a new one, -1
// for one that went. It reports whether there is such a policy.
func (k *Kernel) UsePolicy(name string, by int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.policy(name)
	if p != nil {
		p.use = uint32(int(p.use) + by)
	}
	return p != nil
}

func (k *Kernel) policy(name string) *timeoutPolicy {
	for _, p := range k.policies {
		if p.name == name {
			return p
		}
	}
	return nil
}

// readSeconds reads the states that a policy gives; the rest is taken from
// the defaults.
func (k *Kernel) readSeconds(b []byte, proto uint8) ([]uint32, error) {
	seconds := slices.Clone(k.sys.Timeouts[proto])
	rules := map[int]policy{}
	for i := range seconds {
		rules[i+1] = policy{min: 4}
	}
	in, err := nest(b, rules)
	if err != nil {
		return nil, err
	}
	for i := range seconds {
		if in.has(i + 1) {
			seconds[i] = in.u32(i + 1)
		}
	}
	return seconds, nil
}

func (k *Kernel) newPolicy(c *call) error {
	if !c.a.has(timeName) || !c.a.has(timeL3) || !c.a.has(timeL4) || !c.a.has(timeData) {
		return syscall.EINVAL
	}
	name, l3, l4 := c.a.text(timeName), c.a.u16(timeL3), c.a.u8(timeL4)
	p := k.policy(name)
	switch {
	case p != nil && c.h.is(flagExcl):
		return syscall.EEXIST
	case p != nil && !c.h.is(flagReplace):
		return syscall.EBUSY
	case p != nil && (p.l3 != l3 || p.l4 != l4):
		return syscall.EINVAL
	case k.sys.Timeouts[l4] == nil:
		return syscall.EOPNOTSUPP
	}
	seconds, err := k.readSeconds(c.a[timeData], l4)
	if err != nil {
		return err
	}
	if p != nil {
		p.seconds = seconds
		return nil
	}
	k.policies = append(k.policies, &timeoutPolicy{name, l3, l4, seconds, 1})
	return nil
}

func (k *Kernel) getPolicy(c *call) error {
	if c.dumping() {
		list := slices.Clone(k.policies)
		return c.s.startDump(c.h, func(b []byte, size int) ([]byte, bool) {
			for ; len(list) > 0; list = list[1:] {
				n := len(b)
				if b = policyMessage(b, c, list[0]); len(b) > size && n > 0 {
					return b[:n], false
				}
			}
			return b, true
		})
	}
	if !c.a.has(timeName) {
		return syscall.EINVAL
	}
	p := k.policy(c.a.text(timeName))
	if p == nil {
		return syscall.ENOENT
	}
	return c.reply(policyMessage(nil, c, p))
}

func policyMessage(b []byte, c *call, p *timeoutPolicy) []byte {
	start := len(b)
	m := newMessage(b, uint16(wire.SubsysTimeout)<<8|wire.MsgTimeoutNew, flagMulti, c.h.seq, c.s.portID, 0, 0)
	m.text(timeName, p.name)
	m.u16(timeL3, p.l3)
	m.u8(timeL4, p.l4)
	m.u32(timeUse, p.use)
	m.states(p.seconds)
	return m.finish(start)
}

func (m *message) states(seconds []uint32) {
	m.nest(timeData, func() {
		for i, s := range seconds {
			m.u32(i+1, s)
		}
	})
}

// deletePolicy deletes one, or without a name all that no rule uses.
func (k *Kernel) deletePolicy(c *call) error {
	if !c.a.has(timeName) {
		k.policies = slices.DeleteFunc(k.policies, func(p *timeoutPolicy) bool { return p.use == 1 })
		return nil
	}
	p := k.policy(c.a.text(timeName))
	switch {
	case p == nil:
		return syscall.ENOENT
	case p.use > 1:
		return syscall.EBUSY
	}
	k.policies = slices.DeleteFunc(k.policies, func(o *timeoutPolicy) bool { return o == p })
	return nil
}

func (k *Kernel) setDefaults(c *call) error {
	if !c.a.has(timeL3) || !c.a.has(timeL4) || !c.a.has(timeData) {
		return syscall.EINVAL
	}
	l4 := c.a.u8(timeL4)
	if k.sys.Timeouts[l4] == nil {
		return syscall.EOPNOTSUPP
	}
	seconds, err := k.readSeconds(c.a[timeData], l4)
	if err == nil {
		k.sys.Timeouts[l4] = seconds
	}
	return err
}

func (k *Kernel) getDefaults(c *call) error {
	if !c.a.has(timeL3) || !c.a.has(timeL4) {
		return syscall.EINVAL
	}
	l4 := c.a.u8(timeL4)
	if k.sys.Timeouts[l4] == nil {
		return syscall.EOPNOTSUPP
	}
	m := newMessage(nil, uint16(wire.SubsysTimeout)<<8|wire.MsgTimeoutDefaultSet, flagMulti, c.h.seq, c.s.portID, 0, 0)
	m.u16(timeL3, c.a.u16(timeL3))
	m.u8(timeL4, l4)
	m.states(k.sys.Timeouts[l4])
	return c.reply(m.finish(0))
}
