package restore

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

const (
	labelRule = "table inet labels { chain c { ct label set 1; }; }\n"
	natHooks  = `table inet nat {
	chain in { type nat hook prerouting priority -100; }
	chain out { type nat hook postrouting priority 100; }
}
`
)

// table is a namespace with rules, and its connection tracking.
func table(t *testing.T, rules string) (*netns.NS, conntrack.Kernel) {
	t.Helper()
	ns := netnstest.New(t)
	if rules != "" {
		netnstest.Feed(t, ns, rules, "nft", "-f", "-")
	}
	k := conntrack.Open(ns)
	t.Cleanup(func() { _ = k.Close() })
	return ns, k
}

// again makes flows again that were read at a time, masters first, the last ones
// of the list first otherwise.
func again(t *testing.T, k conntrack.Kernel, list []restoretest.Flow, opt Options, read time.Time) {
	t.Helper()
	opt.Age += time.Since(read)
	var reqs []*wire.Create
	if err := Ordered(func(fn func(*wire.Entry) error) error {
		for i := len(list) - 1; i >= 0; i-- {
			if err := fn(&list[i].Entry); err != nil {
				return err
			}
		}
		return nil
	}, func(e *wire.Entry, problem *MasterError) error {
		if problem != nil {
			return problem
		}
		c, err := Request(e, opt)
		reqs = append(reqs, c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	restoretest.Make(t, k, reqs)
}

// same fails for every flow that is not the one it was.
func same(t *testing.T, was, is []restoretest.Flow, opt Options, read time.Time) {
	t.Helper()
	if len(was) != len(is) {
		t.Fatalf("%d flows were there, %d are", len(was), len(is))
	}
	opt.Age += time.Since(read)
	byOrig := map[wire.Tuple]*wire.Entry{}
	for i := range is {
		byOrig[is[i].Entry.Orig] = &is[i].Entry
	}
	for i := range was {
		w, moved := &was[i].Entry, was[i].Entry
		opt.move(&moved)
		now := byOrig[moved.Orig]
		if now == nil {
			t.Errorf("%s is not there", moved.Orig)
		} else if differs := Differs(w, now, opt); len(differs) > 0 {
			t.Errorf("%s differs in %s\nwas %+v\nis  %+v", w.Orig, strings.Join(differs, ", "), *w, *now)
		}
	}
}

// TestRoundTrip reads a table, empties it, makes it again, and the same once
// more.
func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name, rules string
		reqs        []*wire.Create
		labels      bool // and keys of GRE
	}{
		{"mixed", "", restoretest.Mixed(), false},
		{"mixed with nat hooks", natHooks, restoretest.Mixed(), false},
		{"every", labelRule, restoretest.Every(), true},
		{"every with nat hooks", labelRule + natHooks, restoretest.Every(), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ns, k := table(t, c.rules)
			for _, name := range []string{"nf_conntrack_acct", "nf_conntrack_timestamp"} {
				if _, err := sysctl.Open(ns).SetInt(name, 1); err != nil {
					t.Fatal(err)
				}
			}
			restoretest.Make(t, k, c.reqs)
			read, was := time.Now(), restoretest.Read(t, k)
			if len(was) != len(c.reqs) {
				t.Fatalf("%d of %d flows are there", len(was), len(c.reqs))
			}
			for range 2 {
				restoretest.Empty(t, k)
				again(t, k, was, Options{}, read)
				same(t, was, restoretest.Read(t, k), Options{}, read)
			}
			called := slices.ContainsFunc(was, func(f restoretest.Flow) bool {
				return f.Entry.Orig.Proto == wire.ProtoGRE && f.Entry.Reply.DstPort != f.Entry.Orig.SrcPort && f.Entry.Status&wire.StatusSrcNAT != 0
			})
			if called != c.labels {
				t.Errorf("a flow has a translated key: %v", called)
			}
			labelled := slices.ContainsFunc(was, func(f restoretest.Flow) bool { return f.Entry.Has(wire.HasLabels) })
			if labelled != c.labels {
				t.Errorf("a flow has labels: %v", labelled)
			}
		})
	}
}
