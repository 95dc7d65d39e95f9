package query

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// entry is a translated, replied TCP flow with every common field.
func entry() *wire.Entry {
	e := &wire.Entry{}
	e.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP, SrcPort: 4000, DstPort: 443,
		Src: wire.AddrFrom(netip.MustParseAddr("10.0.0.1")), Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1"))}
	e.Reply, _ = e.Orig.Invert()
	e.Reply.Dst = wire.AddrFrom(netip.MustParseAddr("203.0.113.9"))
	e.Reply.DstPort = 61000
	e.Status = wire.StatusSeenReply | wire.StatusAssured | wire.StatusConfirmed | wire.StatusSrcNAT
	e.Mark, e.State, e.Timeout = 0x2a, 3, 300
	e.Present = wire.HasReply | wire.HasStatus | wire.HasMark | wire.HasState | wire.HasTimeout
	return e
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		table map[string]any
		want  bool
	}{
		{map[string]any{"src": "10.0.0.1"}, true},
		{map[string]any{"src": "10.0.0.2"}, false},
		{map[string]any{"proto": "TCP", "dport": 443.0}, true},
		{map[string]any{"dport": "443"}, true},
		{map[string]any{"dport": []any{80.0, 443.0}}, true},
		{map[string]any{"dport": []any{80.0, "8080"}}, false},
		{map[string]any{"proto": 6.0, "state": "established"}, true},
		{map[string]any{"mark": "0xa/0xf"}, true},
		{map[string]any{"mark": "0xb/0xf"}, false},
		{map[string]any{"mark": 42.0}, true},
		{map[string]any{"assured": true, "snat": true, "dnat": false}, true},
		{map[string]any{"unreplied": true}, false},
		{map[string]any{"nat_src": "203.0.113.9", "nat_sport": 61000.0}, true},
		{map[string]any{"zone": 0.0}, true},
		// Absent fields select nothing, whatever is asked of them.
		{map[string]any{"bytes": 0.0}, false},
		{map[string]any{"icmp_id": 0.0}, false},
		{map[string]any{"nat_dst": "192.0.2.1"}, false},
	} {
		f, err := Compile(c.table)
		if err != nil {
			t.Errorf("%v: %v", c.table, err)
			continue
		}
		if got := f.Match(entry()); got != c.want {
			t.Errorf("%v: %v, want %v", f, got, c.want)
		}
	}
}

func TestBadFilters(t *testing.T) {
	for _, c := range []struct {
		table map[string]any
		want  string // in the message
	}{
		{nil, "empty"},
		{map[string]any{"sorce": "10.0.0.1"}, `did you mean "src"`},
		{map[string]any{"src": ""}, "empty string"},
		{map[string]any{"src": nil}, "nil"},
		{map[string]any{"src": "10.0.0"}, "not an IPv4 or IPv6 address"},
		{map[string]any{"src": "fe80::1%eth0"}, "interface zones"},
		{map[string]any{"dport": 65536.0}, "out of range 0 to 65535"},
		{map[string]any{"dport": -1.0}, "out of range"},
		{map[string]any{"dport": 1.5}, "whole number"},
		{map[string]any{"dport": math.NaN()}, "whole number"},
		{map[string]any{"dport": "0443"}, "leading zero"},
		{map[string]any{"dport": "1e3"}, "not a number"},
		{map[string]any{"dport": []any{}}, "empty list"},
		{map[string]any{"dport": []any{80.0, nil}}, "nil"},
		{map[string]any{"proto": "tpc"}, `did you mean "tcp"`},
		{map[string]any{"proto": "256"}, "unknown protocol"},
		{map[string]any{"state": "ESTABLISHD"}, `did you mean "ESTABLISHED"`},
		{map[string]any{"assured": "yes"}, "want true or false"},
		{map[string]any{"mark": "0x1f/0x0f"}, "no flow could match"},
		{map[string]any{"mark": "1/0"}, "mask"},
		{map[string]any{"mark": []any{"1/2", "3"}}, "mask cannot stand in a list"},
		{map[string]any{"src": "10.0.0.1", "dst": "fd00::1"}, "family differs"},
		{map[string]any{"src": "10.0.0.1", "family": 6.0}, "family differs"},
		{map[string]any{"family": 5.0}, "neither 4 nor 6"},
		{map[string]any{"labels": "web"}, "cannot be compared"},
	} {
		_, err := Compile(c.table)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want one with %q", c.table, err, c.want)
		}
	}
}

func TestPush(t *testing.T) {
	all := Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true}
	push := func(table map[string]any, can Ability) wire.Filter {
		t.Helper()
		f, err := Compile(table)
		if err != nil {
			t.Fatal(err)
		}
		return f.Push(can)
	}
	k := push(map[string]any{"src": "10.0.0.1", "proto": "udp", "dport": 53.0, "mark": "1/3", "unreplied": true, "assured": false}, all)
	if k.Family != wire.FamilyIPv4 || k.Orig.Bits != wire.FilterSrc|wire.FilterProto|wire.FilterDstPort {
		t.Errorf("tuple part: family %d bits %#x", k.Family, k.Orig.Bits)
	}
	if k.Mark == nil || *k.Mark != (wire.Masked32{Value: 1, Mask: 3}) {
		t.Errorf("mark part: %+v", k.Mark)
	}
	if k.Status == nil || k.Status.Value != 0 || k.Status.Mask != wire.StatusSeenReply|wire.StatusAssured {
		t.Errorf("status part: %+v", k.Status)
	}
	// IPv6 addresses are inverted by the kernel, ports of SCTP ignored.
	k = push(map[string]any{"src": "fd00::1", "proto": "sctp", "dport": 53.0}, all)
	if k.Family != wire.FamilyIPv6 || k.Orig.Bits != wire.FilterProto {
		t.Errorf("family %d bits %#x", k.Family, k.Orig.Bits)
	}
	// Zone 0 is also the other side of a split zone.
	if k := push(map[string]any{"zone": 0.0}, all); k.Zone != nil {
		t.Error("zone 0 pushed down")
	}
	if k := push(map[string]any{"src": "10.0.0.1", "mark": 1.0, "assured": true}, Ability{}); !k.IsZero() {
		t.Errorf("pushed without the ability: %+v", k)
	}
}

func TestEveryFieldIsDeclared(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		if f.Name == "" || f.Doc == "" || f.Get == nil || seen[f.Name] {
			t.Errorf("field %+v", f)
		}
		if f.Kind == Number && f.Max <= f.Min {
			t.Errorf("%s: no range", f.Name)
		}
		seen[f.Name] = true
		if v, ok := f.Get(entry()); ok && f.Kind == Number && (v.Num < f.Min || v.Num > f.Max) {
			t.Errorf("%s: %v out of its range", f.Name, v.Num)
		}
		f.Get(&wire.Entry{}) // must not panic on a flow that has nothing
	}
}

// TestEvents checks what of a filter a socket program is given.
func TestEvents(t *testing.T) {
	for _, c := range []struct {
		table map[string]any
		want  string
	}{
		{map[string]any{"proto": "tcp", "dport": 22.0}, "proto=6 dport=22"},
		{map[string]any{"dport": []any{22.0, 80.0}, "protonum": 17.0}, "proto=17"},
		{map[string]any{"src": "10.0.0.1", "mark": "0x10/0xff"}, "family=2 src=10.0.0.1/32 mark=0x10/0xff"},
		{map[string]any{"dst": "fd00::1", "zone": 7.0}, "family=10 dst=fd00::1/128 zone=7"},
		{map[string]any{"zone": 0.0, "sport": 1.0}, "sport=1"},
		{map[string]any{"assured": true, "unreplied": false}, "status=0x6/0x6"},
		{map[string]any{"state": "ESTABLISHED", "bytes": 5.0}, ""},
	} {
		f, err := Compile(c.table)
		if err != nil {
			t.Fatal(err)
		}
		k := f.Events()
		var parts []string
		add := func(on bool, format string, args ...any) {
			if on {
				parts = append(parts, fmt.Sprintf(format, args...))
			}
		}
		add(k.Family != 0, "family=%d", k.Family)
		if k.Proto != nil {
			add(true, "proto=%d", *k.Proto)
		}
		if k.SrcPort != nil {
			add(true, "sport=%d", *k.SrcPort)
		}
		if k.DstPort != nil {
			add(true, "dport=%d", *k.DstPort)
		}
		if k.Src != nil {
			add(true, "src=%s/%d", k.Src.Addr, k.Src.Bits)
		}
		if k.Dst != nil {
			add(true, "dst=%s/%d", k.Dst.Addr, k.Dst.Bits)
		}
		if k.Zone != nil {
			add(true, "zone=%d", *k.Zone)
		}
		if k.Mark != nil {
			add(true, "mark=%#x/%#x", k.Mark.Value, k.Mark.Mask)
		}
		if k.Status != nil {
			add(true, "status=%#x/%#x", uint32(k.Status.Value), uint32(k.Status.Mask))
		}
		if got := strings.Join(parts, " "); got != c.want {
			t.Errorf("%v: %s, want %s", f, got, c.want)
		}
	}
}
