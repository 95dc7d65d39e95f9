package restoretest

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Every is a table in which everything that can be said of a flow is said of
// some, in many combinations. Masters stand before their children. Labels need a
// rule that uses labels.
func Every() []*wire.Create {
	m := every{}
	m.protocols()
	m.tcp()
	m.sctp()
	m.statuses()
	m.translations()
	m.zones()
	m.extras()
	m.masters()
	return m.list
}

type every struct{ list []*wire.Create }

// add adds a flow with ends of its own. What a and b are depends on the protocol:
// see Tuple.
func (m *every) add(proto uint8, six bool, a, b uint16) *wire.Create {
	n := len(m.list)
	src, dst := fmt.Sprintf("10.7.%d.%d", n>>8, n&0xff), "10.8.0.1"
	if six {
		src, dst = fmt.Sprintf("fd07::%x", n), "fd08::1"
	}
	c := New(Tuple(proto, src, dst, a, b))
	c.Entry.Timeout += uint32(n)
	m.list = append(m.list, c)
	return c
}

// plain adds a flow with ports or keys, or an echo.
func (m *every) plain(proto uint8, six bool) *wire.Create {
	n := uint16(len(m.list))
	switch {
	case proto == wire.ProtoICMP && six:
		return m.add(wire.ProtoICMPv6, true, 5000+n, 128)
	case proto == wire.ProtoICMP:
		return m.add(proto, false, 5000+n, 8)
	case wire.HasPorts(proto) || proto == wire.ProtoGRE:
		return m.add(proto, six, 5000+n, 80)
	}
	return m.add(proto, six, 0, 0)
}

var protocols = []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoDCCP, wire.ProtoGRE, wire.ProtoICMP, 2, 50, 253}

func (m *every) protocols() {
	for _, proto := range protocols {
		m.plain(proto, false)
		m.plain(proto, true)
	}
	for _, typ := range []uint16{0, 8, 13, 14, 15, 16, 17, 18} {
		m.add(wire.ProtoICMP, false, 700+typ, typ)
	}
	for _, typ := range []uint16{128, 129, 139, 140} {
		m.add(wire.ProtoICMPv6, true, 700+typ, typ)
	}
	for _, timeout := range []uint32{300, 432000, wire.MaxTimeout} {
		m.plain(wire.ProtoUDP, false).Entry.Timeout = timeout
	}
}

// tcp makes every state with every pair of these flags.
func (m *every) tcp() {
	flags := []wire.TCPFlags{0, 0x01, 0x03, 0x17, 0x23, 0x0b, 0xff}
	for state := range wire.States(wire.ProtoTCP) {
		for _, there := range flags {
			for _, back := range flags {
				c := m.plain(wire.ProtoTCP, (there+back)%2 == 1)
				c.Entry.State, c.Entry.Present = uint8(state), c.Entry.Present|wire.HasState
				c.Entry.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 14}, Flags: [2]wire.TCPFlags{there, back}})
				c.TCPMask = [2]wire.TCPFlags{0xff, 0xff}
			}
		}
	}
}

func (m *every) sctp() {
	for state := range wire.States(wire.ProtoSCTP) {
		c := m.plain(wire.ProtoSCTP, state%2 == 1)
		c.Entry.State, c.Entry.Present = uint8(state), c.Entry.Present|wire.HasState
		c.Entry.SetVTags([2]uint32{0x11223344 + uint32(state), 0xfedcba98})
	}
}

func (m *every) statuses() {
	for _, s := range []wire.Status{0, wire.StatusSeenReply, wire.StatusAssured, wire.StatusSeenReply | wire.StatusAssured} {
		for _, more := range []wire.Status{0, wire.StatusFixedTimeout, wire.StatusHelper} {
			m.plain(wire.ProtoUDP, false).Entry.Status = wire.StatusConfirmed | s | more
			m.plain(wire.ProtoTCP, true).Entry.Status = wire.StatusConfirmed | s | more
		}
	}
}

// translations translates each end of each protocol in each way.
func (m *every) translations() {
	for _, proto := range protocols {
		for _, six := range []bool{false, true} {
			for src := range 5 {
				for dst := range 5 {
					c := m.plain(proto, six)
					c.SrcNAT, c.DstNAT = translation(&c.Entry, src, false), translation(&c.Entry, dst, true)
				}
			}
		}
	}
	// A reply tuple that is not the inverse, and no translation.
	for _, six := range []bool{false, true} {
		c := m.plain(wire.ProtoTCP, six)
		c.Entry.Reply.Dst = c.Entry.Reply.Src
		c = m.plain(wire.ProtoUDP, six)
		c.Entry.Reply.SrcPort = 5353
	}
}

// translation is none, the null binding, another address, another port too, or
// that alone. Of ICMP the port is the identifier, which only a source can change without
// leaving its range.
func translation(e *wire.Entry, kind int, dst bool) *wire.NAT {
	end, port, net := e.Orig.Src, e.Orig.SrcPort, byte(9)
	if dst {
		end, port, net = e.Orig.Dst, e.Orig.DstPort, 10
	}
	icmp := e.Orig.Proto == wire.ProtoICMP || e.Orig.Proto == wire.ProtoICMPv6
	n := &wire.NAT{}
	if kind == 2 || kind == 3 {
		// Without ports a pair of addresses is one flow, so that the host part
		// of the source must stay apart.
		end[len(end)-3], end[len(end)-1] = net, e.Orig.Src[15]
		if end[10] != 0xff {
			end[1] = net
		}
		end[14] = e.Orig.Src[14]
	}
	n.Min, n.Max = end, end
	switch {
	case kind == 0:
		return nil
	case kind >= 3 && icmp && !dst:
		n.MinPort = e.Orig.SrcPort + 20000
	case kind >= 3 && !icmp && (wire.HasPorts(e.Orig.Proto) || e.Orig.Proto == wire.ProtoGRE):
		n.MinPort = port + 20000
	}
	n.MaxPort = n.MinPort
	return n
}

func (m *every) zones() {
	for _, z := range [][2]uint16{{7, 7}, {65535, 65535}, {7, 0}, {0, 7}} {
		for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoICMP} {
			for _, six := range []bool{false, true} {
				for nat := range 2 {
					c := m.plain(proto, six)
					c.Entry.Orig.Zone, c.Entry.Reply.Zone = z[0], z[1]
					if nat == 1 {
						c.SrcNAT = translation(&c.Entry, 3, false)
					}
				}
			}
		}
	}
}

func (m *every) extras() {
	for i, bit := range []int{0, 63, 64, 127} {
		c := m.plain(wire.ProtoUDP, i%2 == 1)
		c.Entry.Labels, c.Entry.Mark = wire.Labels{}.Set(bit).Set(bit^1), ^uint32(0)>>uint(i)
		c.Entry.Present |= wire.HasLabels | wire.HasMark
	}
	for i, helper := range []struct {
		name  string
		proto uint8
	}{{"ftp", wire.ProtoTCP}, {"irc", wire.ProtoTCP}, {"pptp", wire.ProtoTCP}, {"sane", wire.ProtoTCP}, {"Q.931", wire.ProtoTCP},
		{"sip", wire.ProtoTCP}, {"sip", wire.ProtoUDP}, {"tftp", wire.ProtoUDP}, {"amanda", wire.ProtoUDP}, {"netbios-ns", wire.ProtoUDP}, {"RAS", wire.ProtoUDP}} {
		c := m.plain(helper.proto, false)
		c.Entry.Helper, c.Entry.Present = helper.name, c.Entry.Present|wire.HasHelper
		if i%2 == 1 {
			c.SrcNAT = translation(&c.Entry, 3, false)
		}
	}
	for nat := range 2 {
		c := m.plain(wire.ProtoTCP, false)
		c.Entry.SeqAdj = [2]wire.SeqAdj{{Correction: 1000, Before: 3, After: 0xfffffffe}, {Correction: 5, Before: 0, After: 7}}
		c.Entry.Present |= wire.HasSeqAdj
		if nat == 1 {
			c.DstNAT = translation(&c.Entry, 2, true)
			c.Entry.Helper, c.Entry.Present = "ftp", c.Entry.Present|wire.HasHelper
		}
	}
	c := m.plain(wire.ProtoTCP, true)
	c.Entry.SynProxy = wire.SynProxy{ISN: 0xdeadbeef, ITS: 2, TSOff: 3}
	c.Entry.Present |= wire.HasSynProxy
}

// masters makes chains of three, in the default zone and another, and a call of
// PPTP, whose keys are translated.
func (m *every) masters() {
	child := func(c *wire.Create, master *wire.Create) *wire.Create {
		c.Entry.Master, c.Entry.Present = master.Entry.Orig, c.Entry.Present|wire.HasMaster
		c.Entry.Orig.Zone, c.Entry.Reply.Zone = master.Entry.Orig.Zone, master.Entry.Reply.Zone
		return c
	}
	for _, z := range [][2]uint16{{0, 0}, {9, 9}, {9, 0}, {0, 9}} {
		for _, six := range []bool{false, true} {
			top := m.plain(wire.ProtoTCP, six)
			top.Entry.Helper, top.Entry.Present = "ftp", top.Entry.Present|wire.HasHelper
			top.Entry.Orig.Zone, top.Entry.Reply.Zone = z[0], z[1]
			middle := child(m.plain(wire.ProtoUDP, six), top)
			middle.Entry.Helper, middle.Entry.Present = "sip", middle.Entry.Present|wire.HasHelper
			child(m.plain(wire.ProtoTCP, six), middle).DstNAT = To(middle.Entry.Orig.Src.String(), 4242)
		}
	}
	control := m.plain(wire.ProtoTCP, false)
	control.Entry.Helper, control.Entry.Present = "pptp", control.Entry.Present|wire.HasHelper
	call := child(m.plain(wire.ProtoGRE, false), control)
	call.SrcNAT = translation(&call.Entry, 2, false)
	call.Untranslated, _ = call.Entry.Orig.Invert()
	call.Untranslated.DstPort = 1
}
