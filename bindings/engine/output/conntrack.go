package output

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
)

// Line is what is shown in a line of conntrack text; the zero value is that of
// conntrack -L. The rules are those of libnetfilter_conntrack 1.0.9
// (src/conntrack/snprintf_default.c), its slips included: a flow that began
// after Now has a huge delta-time.
type Line struct {
	Extended bool // the network protocol in front (-o extended)
	ID       bool // the id (-o id)
	Times    bool // start and stop in local time (-o ktimestamp)
	// Labels names a label by its bit, and those without a name are left out
	// (-o labels). With nil no labels are shown.
	Labels func(bit int) (name string, ok bool)
	// Now is the time in nanoseconds since 1970 that delta-time counts to, 0
	// for that of the clock.
	Now uint64
}

// Append appends the line of a flow without its line end.
func (l *Line) Append(b []byte, e *wire.Entry) []byte {
	if l.Extended {
		b = appendPadded(b, networkName(e.Orig.Family))
		b = append(appendUint(b, uint64(e.Orig.Family)), ' ')
	}
	b = appendPadded(b, transportName(e.Orig.Proto))
	b = append(appendUint(b, uint64(e.Orig.Proto)), ' ')
	if e.Has(wire.HasTimeout) {
		b = append(appendUint(b, uint64(e.Timeout)), ' ')
	}
	if e.Has(wire.HasState) {
		if name := stateName(e.Orig.Proto, e.State); name != "" {
			b = append(append(b, name...), ' ')
		}
	}
	b = appendDirection(b, e, wire.Original)
	if e.Has(wire.HasStatus) && e.Status&wire.StatusSeenReply == 0 {
		b = append(b, "[UNREPLIED] "...)
	}
	b = appendDirection(b, e, wire.Reply)
	if e.Has(wire.HasStatus) {
		switch {
		case e.Status&wire.StatusHWOffload != 0:
			b = append(b, "[HW_OFFLOAD] "...)
		case e.Status&wire.StatusOffload != 0:
			b = append(b, "[OFFLOAD] "...)
		case e.Status&wire.StatusAssured != 0:
			b = append(b, "[ASSURED] "...)
		}
	}
	if e.Has(wire.HasMark) {
		b = appendPair(b, "mark=", uint64(e.Mark))
	}
	if e.Has(wire.HasSecCtx) {
		b = append(append(append(b, "secctx="...), escape.Terminal(e.SecCtx)...), ' ')
	}
	if e.Orig.Zone != 0 && !e.SplitZone() {
		b = appendPair(b, "zone=", uint64(e.Orig.Zone))
	}
	b = l.appendTimes(b, e)
	if e.Has(wire.HasHelper) {
		b = append(append(append(b, "helper="...), escape.Terminal(e.Helper)...), ' ')
	}
	if e.Has(wire.HasUse) {
		b = appendPair(b, "use=", uint64(e.Use))
	}
	if l.ID && e.Has(wire.HasID) {
		b = appendPair(b, "id=", uint64(e.ID))
	}
	b = l.appendLabels(b, e)
	if n := len(b) - 1; n >= 0 && b[n] == ' ' {
		b = b[:n]
	}
	return b
}

const second = uint64(time.Second)

func (l *Line) appendTimes(b []byte, e *wire.Entry) []byte {
	if !e.Has(wire.HasStart) {
		return b
	}
	until := l.Now
	if e.Has(wire.HasStop) {
		until = e.Stop
	} else if until == 0 {
		until = uint64(time.Now().UnixNano())
	}
	b = appendPair(b, "delta-time=", until/second-e.Start/second)
	if l.Times {
		b = appendTime(b, "[start=", e.Start)
		if e.Has(wire.HasStop) {
			b = appendTime(b, "[stop=", e.Stop)
		}
	}
	return b
}

func appendTime(b []byte, name string, t uint64) []byte {
	b = time.Unix(int64(t/second), 0).AppendFormat(append(b, name...), "Mon Jan _2 15:04:05 2006")
	return append(b, "] "...)
}

// appendLabels appends the named labels. Where none has a name the library
// takes the "=" back as if it were the comma after one.
func (l *Line) appendLabels(b []byte, e *wire.Entry) []byte {
	if l.Labels == nil || !e.Has(wire.HasLabels) {
		return b
	}
	b = append(b, "labels="...)
	for bit, rest, ok := nextLabel(e.Labels); ok; bit, rest, ok = nextLabel(rest) {
		if name, known := l.Labels(bit); known {
			b = append(append(b, escape.Terminal(name)...), ',')
		}
	}
	b[len(b)-1] = ' '
	return b
}

// appendDirection appends one tuple with its zone and counters.
func appendDirection(b []byte, e *wire.Entry, dir wire.Direction) []byte {
	t, zone := &e.Orig, "zone-orig="
	if dir == wire.Reply {
		t, zone = &e.Reply, "zone-reply="
		if !e.Has(wire.HasReply) {
			return b
		}
	}
	b = appendAddr(append(b, "src="...), t, &t.Src)
	b = append(appendAddr(append(b, " dst="...), t, &t.Dst), ' ')
	switch {
	case wire.HasPorts(t.Proto):
		b = appendPair(b, "sport=", uint64(t.SrcPort))
		b = appendPair(b, "dport=", uint64(t.DstPort))
	case t.Proto == wire.ProtoICMP || t.Proto == wire.ProtoICMPv6:
		typ, code, id := t.ICMP()
		b = appendPair(b, "type=", uint64(typ))
		b = appendPair(b, "code=", uint64(code))
		b = appendPair(b, "id=", uint64(id))
	case t.Proto == wire.ProtoGRE:
		b = strconv.AppendUint(append(b, "srckey=0x"...), uint64(t.SrcPort), 16)
		b = append(strconv.AppendUint(append(b, " dstkey=0x"...), uint64(t.DstPort), 16), ' ')
	}
	if t.Zone != 0 && e.SplitZone() {
		b = appendPair(b, zone, uint64(t.Zone))
	}
	if e.Has(wire.HasCounters) {
		b = appendPair(b, "packets=", e.Counter[dir].Packets)
		b = appendPair(b, "bytes=", e.Counter[dir].Bytes)
	}
	return b
}

func appendPair(b []byte, name string, n uint64) []byte {
	return append(appendUint(append(b, name...), n), ' ')
}

// appendPadded is printf's "%-8s ".
func appendPadded(b []byte, s string) []byte {
	b = append(b, s...)
	for range 9 - len(s) {
		b = append(b, ' ')
	}
	return b
}

// appendAddr writes an address as inet_ntop of glibc does. That differs from
// netip for ::a.b.c.d only.
func appendAddr(b []byte, t *wire.Tuple, a *wire.Addr) []byte {
	if t.Family != wire.FamilyIPv6 {
		return appendIPv4(b, a)
	}
	if [12]byte(a[:12]) == [12]byte{} && a[12]|a[13] != 0 {
		return netip.AddrFrom4([4]byte(a[12:])).AppendTo(append(b, "::"...))
	}
	return netip.AddrFrom16(*a).AppendTo(b)
}

func networkName(family uint8) string {
	switch family {
	case wire.FamilyIPv4:
		return "ipv4"
	case wire.FamilyIPv6:
		return "ipv6"
	}
	return "unknown"
}

// transportName is a protocol as the library knows it.
func transportName(proto uint8) string {
	switch proto {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoICMP, wire.ProtoICMPv6,
		wire.ProtoSCTP, wire.ProtoGRE, wire.ProtoDCCP:
		return wire.ProtoName(proto)
	}
	return "unknown"
}

// sctpHeartbeatAcked is a state that kernels had up to 6.0.
const sctpHeartbeatAcked = 9

// stateName is a state as the library knows it: one that it does not is NONE.
func stateName(proto, state uint8) string {
	switch {
	case int(state) < len(wire.States(proto)):
		return wire.StateName(proto, state)
	case proto == wire.ProtoSCTP && state == sctpHeartbeatAcked:
		return "HEARTBEAT_ACKED"
	case wire.States(proto) != nil:
		return "NONE"
	}
	return ""
}

// errNoFlow is returned for a row without a flow.
var errNoFlow = errors.New("conntrack text shows whole flows, and this row was computed: choose another format")

// wholeFlows refuses columns that conntrack text has no place for.
func wholeFlows(fields []*field.Field) error {
	for _, f := range fields {
		if own, ok := field.Flow.Lookup(f.Name); !ok || own != f {
			return fmt.Errorf("conntrack text shows whole flows and not %q: leave the columns out or choose another format", escape.Terminal(f.Name))
		}
	}
	return nil
}

// lines writes conntrack text.
type lines struct{ sink }

// Row implements Writer.
func (l *lines) Row(r *field.Row) error {
	if r.View() == nil && r.Cells() != nil {
		return errNoFlow
	}
	var line Line
	if w := r.World(); w != nil {
		line.Now = w.Now
	}
	l.buf = append(line.Append(l.buf, r.Need(field.PartAll)), '\n')
	return l.spill()
}

// Close implements Writer.
func (l *lines) Close() error { return l.Flush() }
