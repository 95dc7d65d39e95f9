package plan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// Rules by which flows can be labelled, and translated.
const (
	labelRule = "table inet labels { chain c { ct label set 1; }; }\n"
	natHooks  = "table inet nat {\n chain in { type nat hook prerouting priority -100; }\n chain out { type nat hook postrouting priority 100; }\n}\n"
)

// space is a namespace with rules, in which flows have a start or not.
func space(t *testing.T, rules string, times bool) (*netns.NS, conntrack.Kernel) {
	t.Helper()
	ns := netnstest.New(t)
	if rules != "" {
		netnstest.Feed(t, ns, rules, "nft", "-f", "-")
	}
	if times {
		turnOn(t, ns, "nf_conntrack_timestamp")
	}
	k := conntrack.Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	return ns, k
}

func turnOn(t *testing.T, ns *netns.NS, key string) {
	t.Helper()
	if _, err := sysctl.Open(ns).Set(key, "1"); err != nil {
		t.Fatal(err)
	}
}

// TestKernelUndoOfPlans is TestUndoOfPlans on the kernel of the machine; some of
// it, unless CTSH_FULL=1.
func TestKernelUndoOfPlans(t *testing.T) {
	full := os.Getenv("CTSH_FULL") == "1"
	for _, times := range []bool{false, true} {
		for i, c := range undone {
			if !full && (i%3 != 0 || !times) {
				continue
			}
			t.Run(fmt.Sprintf("%s, times %v", c.name, times), func(t *testing.T) {
				quiet(t)
				_, k := space(t, labelRule, times)
				fill(t, k, 400)
				takenBack(t, k, c.plan, c.n, func() {})
			})
		}
	}
}

// TestKernelUndoOfEverything deletes a table in which everything is said that can
// be said of a flow, and brings it back.
func TestKernelUndoOfEverything(t *testing.T) {
	_, k := space(t, labelRule+natHooks, true)
	restoretest.Make(t, k, restoretest.Every())
	read := time.Now()
	was := restoretest.Read(t, k)
	j := kept(t)
	apply(t, k, Delete(flows(k)), Options{Journal: j})
	if left := len(rows(t, k)); left != 0 {
		t.Fatalf("%d flows are left", left)
	}
	res := apply(t, k, undo(t, j, ""), Options{})
	if adds(t, res); res.Applied != len(was) || res.Failed+res.Unknown+res.Differs > 0 || res.Checked == 0 {
		t.Errorf("%v of %d: %v %q", res, len(was), res.Errors, res.Notes)
	}
	now := map[wire.Tuple]*wire.Entry{}
	for _, f := range restoretest.Read(t, k) {
		now[f.Entry.Orig] = &f.Entry
	}
	took := time.Since(read)
	for i := range was {
		is := now[was[i].Entry.Orig]
		if is == nil {
			t.Errorf("%s is missing", was[i].Entry.Orig)
			continue
		}
		// How old each reading is depends on the machine.
		names := slices.DeleteFunc(restore.Differs(&was[i].Entry, is, restore.Options{}), func(s string) bool { return s == "timeout" })
		left, least := was[i].Entry.Timeout, was[i].Entry.Timeout-uint32(took/time.Second)-2
		if len(names) > 0 || is.Timeout > left || is.Timeout < least {
			t.Errorf("%s differs in %q, and has %d s left of %d", is.Orig, names, is.Timeout, left)
		}
	}
}

// TestKernelRecheck makes flows anew between the time that they are found and the
// time that they are reached.
func TestKernelRecheck(t *testing.T) {
	quiet(t)
	_, k := space(t, "", true)
	fill(t, k, 40)
	tap := &tapped{Kernel: k, fetch: func(int) {
		set(t, k, gone(1), create(tuple(1), marked(1)), gone(5), create(tuple(5), marked(1)), mark(9, 7), gone(13))
	}}
	j := kept(t)
	res := apply(t, tap, Delete(where(t, tap, "mark == 1")), Options{Journal: j})
	if adds(t, res); res.Applied != 6 || res.Changed != 3 || res.Gone != 1 {
		t.Errorf("%v", res)
	}
	table := rows(t, k)
	for _, n := range []int{1, 5, 9} {
		if table[tuple(n)] == "" {
			t.Errorf("flow %d was deleted", n)
		}
	}
	if n := len(changes(t, j, res.ID)); n != 6 {
		t.Errorf("the journal holds %d changes", n)
	}
	there := tuple(2)
	back, _ := there.Invert()
	set(t, k, gone(2), create(back))
	if res := apply(t, k, DeleteFlow(wire.Flow{Orig: there}), Options{}); res.Applied != 0 || rows(t, k)[back] == "" {
		t.Errorf("a flow of the opposite direction was deleted: %v", res)
	}
}

// TestKernelRefusedInPart has no rule for labels, and flows whose timeout is
// fixed: what the kernel does of a change that it refuses is taken back.
func TestKernelRefusedInPart(t *testing.T) {
	_, k := space(t, "", false)
	fill(t, k, 400)
	set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(1)}, Status: wire.StatusFixedTimeout})
	before := rows(t, k)
	change := marking(9, ^uint32(0))
	change.Labels = labels(3)
	j := kept(t)
	res := apply(t, k, changing(t, where(t, k, "mark == 1"), change), Options{Journal: j})
	if adds(t, res); res.Failed != 100 || count(t, k, map[string]any{"mark": 9.0}) != 100 || !strings.Contains(res.Errors[0].Reason, "no room for labels") {
		t.Fatalf("%v: the kernel is another than thought", res)
	}
	apply(t, k, undo(t, j, ""), Options{})
	sameRows(t, "undone", rows(t, k), before)
	for i := range 400 {
		if i%4 == 1 {
			set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(i)}, Status: wire.StatusFixedTimeout})
		}
	}
	fixed := changing(t, where(t, k, "udp"), Change{Timeout: seconds(100)})
	res = apply(t, k, fixed, Options{Journal: j})
	if adds(t, res); res.Failed != 100 || res.Applied != 300 || !strings.Contains(res.Errors[0].Reason, "FIXED_TIMEOUT") {
		t.Errorf("skip: %v", res)
	}
	var refused *conntrack.Error
	if res, err := fixed.Apply(t.Context(), k, Options{StopOnError: true, Batch: 10}); !errors.As(err, &refused) || res.Failed == 0 || res.Failed > 10 || res.Applied > 300 {
		t.Errorf("stop: %v %v", res, err)
	}
}

// TestKernelFast leaves deletions to the kernel of the machine.
func TestKernelFast(t *testing.T) {
	for _, events := range []bool{false, true} {
		quiet(t)
		ns, k := space(t, "", false)
		if events {
			turnOn(t, ns, "nf_conntrack_events")
		}
		mixed(t, k)
		for _, text := range []string{"mark == 0x1/0x1", "zone == 7", "tcp and src == 10.1.0.2 and dport == 80", "family == 6 and unreplied", "udp and dst == 192.0.2.1"} {
			want := rows(t, k)
			q := narrowed(t, proven(k), text)
			if _, err := q.Each(t.Context(), deletes(want)); err != nil {
				t.Fatal(err)
			}
			size := len(rows(t, k)) - len(want)
			res := apply(t, k, Delete(q), Options{Fast: true, Able: able})
			if res.Applied != size {
				t.Errorf("%s: %v, want %d", text, res, size)
			}
			sameRows(t, text, rows(t, k), want)
		}
		before := rows(t, k)
		for _, text := range []string{"src == fd00::1", "sctp and src == 10.1.0.1 and dport == 80", "mark == 0x2/0x2 and mark == 0x1/0x1", "mark == 2 or mark == 3"} {
			var no *FastError
			if res, err := Delete(narrowed(t, proven(k), text)).Apply(t.Context(), k, Options{Fast: true, Able: able}); !errors.As(err, &no) || res.Applied > 0 {
				t.Errorf("%s: %v %v", text, res, err)
			}
			sameRows(t, text, rows(t, k), before)
		}
	}
}

// TestKernelCancel ends a plan in its middle.
func TestKernelCancel(t *testing.T) {
	for name, c := range large {
		quiet(t)
		_, k := space(t, "", true)
		fill(t, k, c.n)
		before := rows(t, k)
		ctx, cancel := context.WithCancel(t.Context())
		sends := 0
		tap := &tapped{Kernel: k, sent: func(conntrack.BatchResult) {
			if sends++; sends == 5 {
				cancel()
			}
		}}
		opt := c.opt
		opt.Journal = kept(t)
		res, err := Delete(where(t, k, "udp")).Apply(ctx, tap, opt)
		after := rows(t, k)
		if done := len(before) - len(after); !errors.Is(err, context.Canceled) || res.Applied != done || done == 0 || done == c.n {
			t.Errorf("%s: %v, %v; %d are gone", name, res, err, done)
		}
		exactly(t, name, opt.Journal, res.ID, before, after)
		apply(t, k, undo(t, opt.Journal, res.ID), Options{})
		sameRows(t, "undone", rows(t, k), before)
	}
}

// TestKernelChangesNothing is about dry runs, and kernels that may only be read.
func TestKernelChangesNothing(t *testing.T) {
	_, k := space(t, "", false)
	fill(t, k, 600)
	before := rows(t, k)
	ro := conntrack.ReadOnly(k)
	for name, p := range map[string]*Plan{"delete": Delete(where(t, k, "mark == 1")), "all": Delete(proven(k)),
		"update": changing(t, where(t, k, "mark == 2"), marking(9, 0xf)), "zero": Zero(where(t, k, "mark == 1")), "create": directly(t, create(tuple(900)))} {
		for _, fast := range []bool{false, true} {
			var no *FastError
			if res, err := p.Apply(t.Context(), k, Options{DryRun: true, Fast: fast}); err != nil && !errors.As(err, &no) || res.Applied > 0 || err == nil && res.Matched == 0 {
				t.Errorf("%s: %v %v", name, res, err)
			}
			if res, err := p.Apply(t.Context(), ro, Options{Fast: fast}); !errors.Is(err, conntrack.ErrReadOnly) && !errors.As(err, &no) || res.Applied > 0 {
				t.Errorf("%s, read-only: %v %v", name, res, err)
			}
			sameRows(t, name, rows(t, k), before)
		}
	}
}

// TestKernelZero counts real packets, resets and reads again.
func TestKernelZero(t *testing.T) {
	ns, k := space(t, "", false)
	turnOn(t, ns, "nf_conntrack_acct")
	netnstest.Track(t, ns)
	const n = 50
	err := ns.Do(func() error {
		to, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer to.Close()
		for range n {
			from, err := net.Dial("udp", to.LocalAddr().String())
			if err != nil {
				return err
			}
			defer from.Close() // not before: each has a port of its own
			if _, err := from.Write(make([]byte, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint64{128, 0} {
		res := apply(t, k, Zero(where(t, k, "udp")), Options{})
		bytes := zeroed(t, res)
		if adds(t, res); res.Applied != n || len(bytes) != n {
			t.Fatalf("%v, %d rows", res, len(bytes))
		}
		for tup, got := range bytes {
			if got != want {
				t.Fatalf("%s: %d bytes, want %d", tup, got, want)
			}
		}
	}
}

// TestKernelExpectations makes one, and takes nothing away from its master.
func TestKernelExpectations(t *testing.T) {
	_, k := space(t, "", false)
	master := tuple(1)
	master.Proto, master.DstPort = wire.ProtoTCP, 21
	err := k.Do(t.Context(), create(master, func(c *wire.Create) { c.Entry.Helper, c.Entry.Present = "ftp", c.Entry.Present|wire.HasHelper }))
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skipf("needs the helper of ftp: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := rows(t, k)
	j := kept(t)
	apply(t, k, directly(t, expected(master)), Options{Journal: j})
	undoing(t, k, j, "", nil)
	sameRows(t, "undone", rows(t, k), before)
}
