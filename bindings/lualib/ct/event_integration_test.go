package ct

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestOwnEvents has somebody else make flows while a script makes one too.
func TestOwnEvents(t *testing.T) {
	ns := netnstest.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	other := conntrack.Open(ns)
	wg.Go(func() {
		defer other.Close()
		req := &wire.Create{}
		req.Entry.Orig = wire.Tuple{Src: wire.AddrFrom(netip.MustParseAddr("10.0.0.2")), Dst: wire.AddrFrom(netip.MustParseAddr("10.0.0.3")),
			SrcPort: 1, DstPort: 53, Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}
		req.Entry.Timeout, req.Entry.Present = 60, wire.HasTimeout
		del, err := wire.NewDelete(wire.Key{Tuple: req.Entry.Orig})
		for ctx.Err() == nil && err == nil {
			if err = other.Do(ctx, req); err == nil {
				err = other.Do(ctx, del)
			}
		}
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	r := run(t, ns, Options{}, `
		local own, others
		on("new", function(ev)
			if ev.src == "10.0.0.1" then own = ev.own else others = ev.own end
			if own ~= nil and others ~= nil then
				print(own, others)
				exit(0)
			end
		end)
		ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.3", sport = 1, dport = 53, timeout = 60}:apply()`)
	if r.err != nil || r.stdout != "true\tfalse\n" {
		t.Errorf("%v\n%s%s", r.err, r.stdout, r.stderr)
	}
}
