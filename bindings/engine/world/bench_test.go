package world

import (
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func BenchmarkTimeout(b *testing.B) {
	w := on(b, client(b, fake.Options{}), defaults()).Look()
	flows := manyFlows()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		w.Timeout(flows[i&255])
		i++
	}
}

func BenchmarkLocal(b *testing.B) {
	w := on(b, client(b, fake.Options{}), defaults()).Look()
	flows := manyFlows()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		w.Local(flows[i&255].Orig.Src)
		i++
	}
}

// A look whose settings are all read, in another namespace.
func BenchmarkLook(b *testing.B) {
	ns := netnstest.New(b)
	k := conntrack.Open(ns)
	defer k.Close()
	s := Of(ns, k, time.Now)
	f := flow(wire.ProtoUDP, 0, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		w := s.Look()
		w.Timeout(f)
		w.Local(f.Orig.Src)
	}
	if s.Err() != nil {
		b.Fatal(s.Err())
	}
}
