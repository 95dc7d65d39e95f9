package output

import (
	"net/netip"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flowOf makes a flow of two ends, with the reply that mirrors it.
func flowOf(proto uint8, src, dst string, srcPort, dstPort uint16, set func(*wire.Entry)) *wire.Entry {
	e := &wire.Entry{}
	t := &e.Orig
	t.Proto, t.Family = proto, wire.FamilyIPv4
	if netip.MustParseAddr(src).Is6() {
		t.Family = wire.FamilyIPv6
	}
	t.Src, t.Dst, t.SrcPort, t.DstPort = addrOf(src), addrOf(dst), srcPort, dstPort
	e.Reply, _ = t.Invert()
	e.Present = wire.HasReply | wire.HasStatus | wire.HasTimeout | wire.HasMark | wire.HasUse | wire.HasID
	e.Use, e.ID, e.Timeout = 1, 3070731839, 28
	set(e)
	return e
}

// TestLine compares with lines that conntrack 1.4.7 printed of real flows, and
// of kernels with offload and security contexts as its source says.
func TestLine(t *testing.T) {
	counted := func(packets, bytes uint64) func(*wire.Entry) {
		return func(e *wire.Entry) {
			e.Counter[0] = wire.Counters{Packets: packets, Bytes: bytes}
			e.Present |= wire.HasCounters | wire.HasStart
			e.Start = 1_795_443_296_999_999_999 // seconds are counted, not rounded
		}
	}
	now := uint64(1_795_443_298_000_000_000)
	for _, c := range []struct {
		line Line
		e    *wire.Entry
		want string
	}{
		{Line{Now: now}, flowOf(wire.ProtoTCP, "127.0.0.1", "127.0.0.1", 50504, 8080, func(e *wire.Entry) {
			counted(3, 166)(e)
			e.Counter[1] = wire.Counters{Packets: 2, Bytes: 112}
			e.Timeout, e.State, e.Status = 431998, 3, wire.StatusSeenReply|wire.StatusAssured
			e.Present |= wire.HasState
		}), "tcp      6 431998 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport=50504 dport=8080 packets=3 bytes=166 src=127.0.0.1 dst=127.0.0.1 sport=8080 dport=50504 packets=2 bytes=112 [ASSURED] mark=0 delta-time=2 use=1"},
		{Line{Now: now}, flowOf(wire.ProtoUDP, "127.0.0.3", "127.0.0.1", 4001, 5353, counted(1, 29)),
			"udp      17 28 src=127.0.0.3 dst=127.0.0.1 sport=4001 dport=5353 packets=1 bytes=29 [UNREPLIED] src=127.0.0.1 dst=127.0.0.3 sport=5353 dport=4001 packets=0 bytes=0 mark=0 delta-time=2 use=1"},
		{Line{}, flowOf(wire.ProtoICMPv6, "::1", "::1", 4243, 128<<8, func(e *wire.Entry) { e.Status = wire.StatusSeenReply }),
			"icmpv6   58 28 src=::1 dst=::1 type=128 code=0 id=4243 src=::1 dst=::1 type=129 code=0 id=4243 mark=0 use=1"},
		{Line{}, flowOf(wire.ProtoGRE, "127.0.0.1", "127.0.0.1", 0xab, 0, func(*wire.Entry) {}),
			"gre      47 28 src=127.0.0.1 dst=127.0.0.1 srckey=0xab dstkey=0x0 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 srckey=0x0 dstkey=0xab mark=0 use=1"},
		{Line{}, flowOf(253, "127.0.0.1", "::ffff:127.0.0.2", 0, 0, func(e *wire.Entry) { e.Orig.Zone, e.Reply.Zone = 12, 12 }),
			"unknown  253 28 src=127.0.0.1 dst=127.0.0.2 [UNREPLIED] src=127.0.0.2 dst=127.0.0.1 mark=0 zone=12 use=1"},
		{Line{}, flowOf(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 2, 21, func(e *wire.Entry) {
			e.State, e.Orig.Zone, e.Timeout = 3, 4, 599
			e.Present |= wire.HasState | wire.HasCounters
		}), "tcp      6 599 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=2 dport=21 zone-orig=4 packets=0 bytes=0 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=21 dport=2 packets=0 bytes=0 mark=0 use=1"},
		{Line{Extended: true, ID: true, Labels: func(n int) (string, bool) { return "one", n == 1 }},
			flowOf(wire.ProtoTCP, "10.0.0.5", "10.0.0.6", 100, 21, func(e *wire.Entry) {
				e.State, e.Timeout, e.Mark, e.Helper, e.Use = 3, 299, 9, "ftp", 2
				e.Labels = wire.Labels{}.Set(1).Set(2)
				e.Present |= wire.HasState | wire.HasHelper | wire.HasLabels
				e.Orig.Zone, e.Reply.Zone = 12, 12
			}), "ipv4     2 tcp      6 299 ESTABLISHED src=10.0.0.5 dst=10.0.0.6 sport=100 dport=21 [UNREPLIED] src=10.0.0.6 dst=10.0.0.5 sport=21 dport=100 mark=9 zone=12 helper=ftp use=2 id=3070731839 labels=one"},
		{Line{}, flowOf(wire.ProtoSCTP, "10.0.0.1", "10.0.0.2", 1, 2, func(e *wire.Entry) {
			e.State, e.SecCtx, e.Status = 200, "system_u:object_r:a\x1b", wire.StatusSeenReply|wire.StatusAssured|wire.StatusOffload
			e.Present = e.Present&^wire.HasTimeout | wire.HasState | wire.HasSecCtx
		}), `sctp     132 NONE src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [OFFLOAD] mark=0 secctx=system_u:object_r:a\x1b use=1`},
		{Line{}, flowOf(wire.ProtoUDP, "::1.2.3.4", "::", 1, 2, func(e *wire.Entry) {
			e.Status = wire.StatusSeenReply | wire.StatusAssured | wire.StatusOffload | wire.StatusHWOffload
		}), "udp      17 28 src=::1.2.3.4 dst=:: sport=1 dport=2 src=:: dst=::1.2.3.4 sport=2 dport=1 [HW_OFFLOAD] mark=0 use=1"},
		{Line{}, &wire.Entry{}, "unknown  0 src=0.0.0.0 dst=0.0.0.0"},
	} {
		if got := string(c.line.Append([]byte("> "), c.e)); got != "> "+c.want {
			t.Errorf("got  %s\nwant > %s", got, c.want)
		}
		if c.line.Now == 0 && !c.line.Extended {
			if got := string((&Line{}).Append(nil, c.e)); got != c.want {
				t.Errorf("line: %s\nwant %s", got, c.want)
			}
		}
	}
}

// TestLineWriter checks that the writer counts delta-time to the time at which
// the flow was read.
func TestLineWriter(t *testing.T) {
	e := fullFlow()
	var row field.Row
	row.ResetEntry(e)
	row.In(&field.World{Now: e.Start + 7e9})
	var out writes
	w, err := New(&out, Options{Format: "conntrack", Fields: field.Flow.Whole()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Row(&row); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	line := Line{Now: e.Start + 7e9}
	if want := string(line.Append(nil, e)) + "\n"; len(out) != 1 || out[0] != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// writes are the texts that were written.
type writes []string

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, string(b))
	return len(b), nil
}
