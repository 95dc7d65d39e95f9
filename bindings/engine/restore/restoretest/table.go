package restoretest

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Flow is one flow of a table with the message that a dump has of it.
type Flow struct {
	Entry wire.Entry
	Raw   []byte
}

// Make creates flows in their order. The test fails where the kernel refuses one.
func Make(t testing.TB, k conntrack.Kernel, reqs []*wire.Create) {
	t.Helper()
	b, err := k.Batch(t.Context(), conntrack.BatchOptions{Failed: func(n int, err *conntrack.Error) {
		t.Errorf("flow %d: %v", n, err)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range reqs {
		if err := b.Add(c); err != nil {
			t.Fatalf("%s: %v", c.Entry.Orig, err)
		}
	}
	if _, err := b.Close(); err != nil || t.Failed() {
		t.Fatalf("the table could not be filled: %v", err)
	}
}

// Read lists the table, in the order of the original tuples.
func Read(t testing.TB, k conntrack.Kernel) (list []Flow) {
	t.Helper()
	if _, err := k.Dump(t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		f := Flow{Raw: slices.Clone(v.Raw())}
		v.Entry(&f.Entry)
		list = append(list, f)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b Flow) int { return compare(&a.Entry, &b.Entry) })
	return list
}

// compare orders flows by what names them.
func compare(a, b *wire.Entry) int {
	if d := slices.Compare(key(&a.Orig), key(&b.Orig)); d != 0 {
		return d
	}
	return int(a.Reply.Zone) - int(b.Reply.Zone)
}

func key(t *wire.Tuple) []byte {
	k := []byte{t.Proto, byte(t.Zone >> 8), byte(t.Zone), byte(t.SrcPort >> 8), byte(t.SrcPort), byte(t.DstPort >> 8), byte(t.DstPort)}
	return append(append(k, t.Src[:]...), t.Dst[:]...)
}

// Empty empties the table.
func Empty(t testing.TB, k conntrack.Kernel) {
	t.Helper()
	if err := k.Do(t.Context(), &wire.Flush{All: true}); err != nil {
		t.Fatal(err)
	}
	if left := Read(t, k); len(left) != 0 {
		t.Fatalf("%d flows are left", len(left))
	}
}

// Addr reads an address.
func Addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// Tuple makes the tuple of a protocol: a and b are ports, or the keys of GRE;
// of ICMP a is the identifier and b the type.
func Tuple(proto uint8, src, dst string, a, b uint16) wire.Tuple {
	t := wire.Tuple{Family: wire.FamilyIPv4, Proto: proto, Src: Addr(src), Dst: Addr(dst), SrcPort: a, DstPort: b}
	if !t.Src.Is4() {
		t.Family = wire.FamilyIPv6
	}
	if proto == wire.ProtoICMP || proto == wire.ProtoICMPv6 {
		t.SetICMP(uint8(b), 0, a)
	}
	return t
}

// New is the request for a flow that was replied to and is assured, with ten
// minutes left.
func New(orig wire.Tuple) *wire.Create {
	c := &wire.Create{}
	e := &c.Entry
	e.Orig, e.Timeout = orig, 600
	e.Reply, _ = orig.Invert()
	e.Status = wire.StatusConfirmed | wire.StatusSeenReply | wire.StatusAssured
	e.Present = wire.HasReply | wire.HasTimeout | wire.HasStatus
	return c
}

// To is a translation to one address and, where it is not 0, one port.
func To(addr string, port uint16) *wire.NAT {
	return &wire.NAT{Min: Addr(addr), Max: Addr(addr), MinPort: port, MaxPort: port}
}
