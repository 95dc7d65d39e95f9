package restore

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// TestAnotherZone makes every flow again in another zone. Beside its old self a
// flow of a split zone has no place: one direction stays where it was.
func TestAnotherZone(t *testing.T) {
	_, k := table(t, labelRule)
	restoretest.Make(t, k, restoretest.Every())
	read, was := time.Now(), restoretest.Read(t, k)
	restoretest.Empty(t, k)
	zone := uint16(42)
	again(t, k, was, Options{Zone: &zone}, read)
	is := restoretest.Read(t, k)
	same(t, was, is, Options{Zone: &zone}, read)
	for _, f := range is {
		if z := f.Entry.Orig.Zone | f.Entry.Reply.Zone; z != zone {
			t.Errorf("%s is in zone %d", f.Entry.Orig, z)
		}
	}
}

// TestTaken asks for flows whose tuples somebody else has by now: they are
// refused, and what is there stays as it is.
func TestTaken(t *testing.T) {
	_, k := table(t, "")
	for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP} {
		restoretest.Empty(t, k)
		port := uint16(8)
		c := restoretest.New(restoretest.Tuple(proto, "10.0.0.1", "10.0.0.2", 4000, port))
		c.SrcNAT = restoretest.To("192.0.2.1", 6000)
		restoretest.Make(t, k, []*wire.Create{c})
		was := restoretest.Read(t, k)
		restoretest.Empty(t, k)
		// Another flow has got the translated end.
		other := restoretest.New(restoretest.Tuple(proto, "10.0.0.9", "10.0.0.2", 4000, port))
		other.SrcNAT = c.SrcNAT
		restoretest.Make(t, k, []*wire.Create{other})
		req, err := Request(&was[0].Entry, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			var refused *conntrack.Error
			if err := k.Do(t.Context(), req); !errors.As(err, &refused) || !errors.Is(err, syscall.EEXIST) {
				t.Errorf("%s: %v, want that it exists", wire.ProtoName(proto), err)
			}
		}
		if is := restoretest.Read(t, k); len(is) != 1 || is[0].Entry.Orig != other.Entry.Orig {
			t.Errorf("%s: %+v", wire.ProtoName(proto), is)
		}
	}
}

// TestDestinationAlone translates the destination of a flow whose source port is
// taken on the other side: the kernel would move the source to another port, and
// the restored flow be another one.
func TestDestinationAlone(t *testing.T) {
	_, k := table(t, "")
	c := restoretest.New(restoretest.Tuple(wire.ProtoUDP, "10.0.0.1", "10.0.0.2", 4000, 53))
	c.DstNAT = restoretest.To("10.0.0.3", 53)
	restoretest.Make(t, k, []*wire.Create{c})
	was := restoretest.Read(t, k)
	restoretest.Empty(t, k)
	restoretest.Make(t, k, []*wire.Create{restoretest.New(restoretest.Tuple(wire.ProtoUDP, "10.0.0.1", "10.0.0.3", 4000, 53))})
	req, err := Request(&was[0].Entry, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Do(t.Context(), req); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("%v, want that it exists: the table is %+v", err, restoretest.Read(t, k))
	}
}

// TestReadBack shows what the comparison is for: the dumped reply tuple sent back
// as it is makes a flow that looks right and translates nothing, and labels get
// lost where no rule uses them.
func TestReadBack(t *testing.T) {
	_, k := table(t, labelRule)
	c := restoretest.New(restoretest.Tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 80))
	c.SrcNAT, c.Entry.Labels = restoretest.To("192.0.2.1", 6000), wire.Labels{}.Set(3)
	c.Entry.Present |= wire.HasLabels
	restoretest.Make(t, k, []*wire.Create{c})
	was := restoretest.Read(t, k)[0].Entry
	restoretest.Empty(t, k)
	restoretest.Make(t, k, []*wire.Create{{Entry: was}})
	if d := Differs(&was, &restoretest.Read(t, k)[0].Entry, Options{}); !slices.Equal(d, []string{"snat", "status"}) {
		t.Errorf("sent back as it was: %q differ", d)
	}
	_, bare := table(t, "")
	again(t, bare, []restoretest.Flow{{Entry: was}}, Options{}, time.Now())
	if d := Differs(&was, &restoretest.Read(t, bare)[0].Entry, Options{}); !slices.Equal(d, []string{"labels"}) {
		t.Errorf("without a rule for labels: %q differ", d)
	}
}

// TestHelpers asks the kernel which protocols its helpers are registered for.
func TestHelpers(t *testing.T) {
	_, k := table(t, "")
	port := uint16(1000)
	for name, protos := range registered {
		refused := 0
		for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP} {
			port++
			c := restoretest.New(restoretest.Tuple(proto, "10.0.0.1", "10.0.0.2", port, 80))
			c.Entry.Helper, c.Entry.Present = name, c.Entry.Present|wire.HasHelper
			err := k.Do(t.Context(), c)
			if errors.Is(err, syscall.EOPNOTSUPP) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			if err == nil && !slices.Contains(protos, proto) {
				t.Errorf("%s is registered for %s", name, wire.ProtoName(proto))
			}
		}
		if want := 2 - len(protos); refused != want && refused != 2 { // 2: this kernel lacks it
			t.Errorf("%s: refused for %d protocols, want %d", name, refused, want)
		}
	}
}
