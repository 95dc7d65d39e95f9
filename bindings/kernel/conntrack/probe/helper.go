package probe

import (
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/module"
)

// helper is a helper of the kernel, with a service it is made for.
type helper struct {
	name   string
	module string
	proto  uint8
	port   uint16
}

var helperList = []helper{
	{"ftp", "nf_conntrack_ftp", wire.ProtoTCP, 21}, {"sip", "nf_conntrack_sip", wire.ProtoUDP, 5060},
	{"tftp", "nf_conntrack_tftp", wire.ProtoUDP, 69}, {"irc", "nf_conntrack_irc", wire.ProtoTCP, 6667},
	{"amanda", "nf_conntrack_amanda", wire.ProtoUDP, 10080}, {"pptp", "nf_conntrack_pptp", wire.ProtoTCP, 1723},
	{"Q.931", "nf_conntrack_h323", wire.ProtoTCP, 1720}, {"sane", "nf_conntrack_sane", wire.ProtoTCP, 6566},
	{"netbios-ns", "nf_conntrack_netbios_ns", wire.ProtoUDP, 137}, {"snmp", "nf_conntrack_snmp", wire.ProtoUDP, 161},
}

// present reports whether the helper may be asked for without loading it.
func (h helper) present() bool {
	state := module.Lookup(h.module).State
	return state != module.Absent && state != module.Available
}

// helpers tries every helper whose module runs.
func helpers(l *lab) Verdict {
	var have, miss []string
	for i, h := range helperList {
		if !h.present() || l.master(uint16(i+1), h.name, h.proto, h.port) != nil {
			miss = append(miss, h.name)
			continue
		}
		have = append(have, h.name)
	}
	if len(have) == 0 {
		return Verdict{Absent, "none of " + strings.Join(miss, " ")}
	}
	detail := strings.Join(have, " ")
	if len(miss) > 0 {
		detail += "; not here or not loaded: " + strings.Join(miss, " ")
	}
	return Verdict{OK, detail}
}

// master makes a flow with a helper.
func (l *lab) master(sport uint16, helper string, proto uint8, port uint16) error {
	return l.create(tuple(proto, "10.0.0.1", "10.0.0.2", sport, port), func(c *wire.Create) {
		c.Entry.Helper, c.Entry.Present = helper, c.Entry.Present|wire.HasHelper
	})
}

// expectations makes one, for a master with the first helper there is.
func expectations(l *lab) Verdict {
	for i, h := range helperList {
		if !h.present() || l.master(uint16(i+1), h.name, h.proto, h.port) != nil {
			continue
		}
		m := tuple(h.proto, "10.0.0.1", "10.0.0.2", uint16(i+1), h.port)
		x := wire.Expect{Tuple: m, Mask: m, Master: m}
		x.Tuple.DstPort++
		x.Mask.SrcPort, x.Mask.DstPort = 0xffff, 0xffff
		copy(x.Mask.Src[12:], "\xff\xff\xff\xff")
		copy(x.Mask.Dst[12:], "\xff\xff\xff\xff")
		if err := l.kernel.Do(l.ctx, &wire.ExpectCreate{Expect: x}); err != nil {
			return failed(err)
		}
		n := 0
		err := l.kernel.Expects(l.ctx, wire.ExpectDump{}, func(*wire.Expect) error { n++; return nil })
		switch {
		case err != nil:
			return failed(err)
		case n != 1:
			return Verdict{Broken, "an expectation was made and is not listed"}
		}
		return Verdict{OK, "of masters that have a helper from birth"}
	}
	return Verdict{Unknown, "no helper is there, and only a flow with a helper can expect others"}
}
