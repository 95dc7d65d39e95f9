package filtertest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// TestKeysFindAll looks flows of a real table up by the keys of filters: those
// that a dump selects are found, also in split zones and behind translation.
func TestKeysFindAll(t *testing.T) {
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	r := rand.New(rand.NewPCG(6, 1))
	for range 600 {
		e := filtertest.Flow(r)
		if r.IntN(3) == 0 {
			e.Reply.Dst = e.Reply.Src
		}
		switch r.IntN(4) {
		case 0:
			e.Orig.Zone = 0
		case 1:
			e.Reply.Zone = 0
		}
		e.Timeout += 600
		if err := k.Do(ctx, &wire.Create{Entry: *e}); err != nil && !errors.Is(err, syscall.EEXIST) {
			t.Fatalf("%s: %v", e.Orig, err)
		}
	}
	var flows []wire.Entry
	if _, err := k.Dump(ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var row field.Row
		row.Reset(v)
		flows = append(flows, *row.Need(field.PartAll))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for i := range flows {
		for dir := wire.Original; dir <= wire.Reply; dir++ {
			f, ok := whole(t, &flows[i], dir)
			if !ok {
				continue
			}
			keys, ok := f.Keys(16)
			if !ok {
				t.Fatalf("%s leaves something open", f)
			}
			found := map[uint32]bool{}
			hidden := false
			for _, key := range keys {
				var e wire.Entry
				ok, err := k.Get(ctx, wire.Get{Key: key}, &e)
				if err != nil {
					t.Fatalf("%+v: %v", key, err)
				}
				if ok {
					hidden = hidden || !filter.Answers(&key, &e.Flow)
					var row field.Row
					if row.ResetEntry(&e); f.Match(&row) == filter.True {
						found[e.ID] = true
					}
				}
			}
			counts["looked up"]++
			if hidden {
				counts["perhaps hidden"]++
				continue
			}
			for j := range flows {
				var row field.Row
				if row.ResetEntry(&flows[j]); f.Match(&row) != filter.True {
					continue
				}
				if !found[flows[j].ID] {
					t.Errorf("%s: %s / %s was not found by %+v", f, flows[j].Orig, flows[j].Reply, keys)
				}
				if flows[j].SplitZone() {
					counts["split"]++
				}
			}
		}
	}
	t.Logf("%d flows, %v", len(flows), counts)
	if counts["looked up"] < 300 || counts["split"] < 50 || counts["perhaps hidden"] > counts["looked up"]/4 {
		t.Error("the test tests too little")
	}
}

// whole is the filter that names a flow whole by one direction; there is none
// for GRE.
func whole(t *testing.T, e *wire.Entry, dir wire.Direction) (filter.Filter, bool) {
	tuple, r := &e.Orig, ""
	if dir == wire.Reply {
		tuple, r = &e.Reply, "r"
	}
	list := []string{
		fmt.Sprintf("protonum == %d", tuple.Proto), fmt.Sprintf("zone == %d", e.Zone()),
		fmt.Sprintf("%ssrc == %s", r, tuple.Src), fmt.Sprintf("%sdst == %s", r, tuple.Dst),
	}
	switch {
	case wire.HasPorts(tuple.Proto):
		list = append(list, fmt.Sprintf("%ssport == %d", r, tuple.SrcPort), fmt.Sprintf("%sdport == %d", r, tuple.DstPort))
	case tuple.Proto == wire.ProtoICMP:
		typ, code, id := tuple.ICMP()
		list = append(list, fmt.Sprintf("%sicmp_type == %d", r, typ), fmt.Sprintf("%sicmp_code == %d", r, code), fmt.Sprintf("%sicmp_id == %d", r, id))
	case tuple.Proto == wire.ProtoGRE:
		return filter.Filter{}, false
	}
	f, err := filter.Compile(strings.Join(list, " and "), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f, true
}

// TestKeysTellWhatHides makes the one case in which a key does not find the
// flow it names: another one, of a split zone, has the same tuple as its reply.
// A caller can tell.
func TestKeysTellWhatHides(t *testing.T) {
	ctx := context.Background()
	k := conntrack.Open(netnstest.New(t))
	defer k.Close()
	addr := func(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }
	first := wire.Entry{}
	first.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP, Src: addr("10.0.0.1"), SrcPort: 4000, Dst: addr("10.0.0.2"), DstPort: 53}
	first.Reply, _ = first.Orig.Invert()
	first.Timeout, first.Mark, first.Present = 600, 1, wire.HasTimeout|wire.HasReply|wire.HasMark
	// From zone 5, its source translated to that which first goes to.
	second := first
	second.Reply, second.Mark = first.Orig, 2
	second.Orig.Src, second.Orig.SrcPort, second.Orig.Dst, second.Orig.DstPort, second.Orig.Zone = addr("192.168.0.9"), 53, addr("10.0.0.1"), 4000, 5
	for _, e := range []wire.Entry{first, second} {
		if err := k.Do(ctx, &wire.Create{Entry: e}); err != nil {
			t.Fatal(err)
		}
	}
	f, ok := whole(t, &first, wire.Original)
	keys, named := f.Keys(1)
	if !ok || !named || len(keys) != 1 {
		t.Fatalf("%s: %v", f, keys)
	}
	var e wire.Entry
	if found, err := k.Get(ctx, wire.Get{Key: keys[0]}, &e); err != nil || !found {
		t.Fatalf("%v %v", found, err)
	}
	if answers := filter.Answers(&keys[0], &e.Flow); answers != (e.Mark == 1) {
		t.Errorf("found the flow with mark %d, which answers the key: %v", e.Mark, answers)
	} else {
		t.Logf("found the flow with mark %d", e.Mark)
	}
}
