package plan

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// made is a kernel in memory with n flows of [fill], and a client of it. Its
// clock begins with the time of day, which journals note too.
func made(t *testing.T, n int) (*fake.Kernel, *conntrack.Client) {
	t.Helper()
	k := fake.New(fake.Options{LabelRule: true, Start: time.Now()})
	k.Configure(func(s *fake.Sysctls) { s.Timestamp = true })
	c := k.Client()
	t.Cleanup(func() { _ = c.Close() })
	if n > 0 {
		fill(t, c, n)
	}
	return k, c
}

// today brings the clock of m up to that of the machine.
func today(m *fake.Kernel) { m.Advance(time.Since(m.Now())) }

// tuple is the n-th flow of [fill].
func tuple(n int) wire.Tuple {
	return wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP, SrcPort: 4000, DstPort: 53,
		Src: wire.AddrFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})), Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1"))}
}

// create is the request for a flow with ten minutes left.
func create(tup wire.Tuple, change ...func(*wire.Create)) *wire.Create {
	c := &wire.Create{}
	c.Entry.Orig, c.Entry.Timeout, c.Entry.Present = tup, 600, wire.HasTimeout
	for _, fn := range change {
		fn(c)
	}
	return c
}

func marked(mark uint32) func(*wire.Create) {
	return func(c *wire.Create) { c.Entry.Mark, c.Entry.Present = mark, c.Entry.Present|wire.HasMark }
}

// set does what somebody else does meanwhile.
func set(t testing.TB, k conntrack.Kernel, reqs ...wire.Request) {
	t.Helper()
	for _, r := range reqs {
		if err := k.Do(context.Background(), r); err != nil {
			t.Errorf("%s %s: %v", r.Op(), r.Target(), err)
		}
	}
}

// mark is the update of one flow's mark.
func mark(n int, value uint32) *wire.Update {
	return &wire.Update{Key: wire.Key{Tuple: tuple(n)}, Mark: &wire.Masked32{Value: value, Mask: ^uint32(0)}}
}

// gone is the deletion of one flow.
func gone(n int) wire.Request { d, _ := wire.NewDelete(wire.Key{Tuple: tuple(n)}); return d }

// where narrows the flows of k by filters, one behind the other.
func where(t testing.TB, k conntrack.Kernel, texts ...string) query.Query {
	t.Helper()
	return narrowed(t, flows(k), texts...)
}

func narrowed(t testing.TB, q query.Query, texts ...string) query.Query {
	t.Helper()
	for _, text := range texts {
		f, err := filter.Compile(text, nil, nil)
		if err == nil {
			q, err = q.Where(f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return q
}

// protecting keeps plans away from what a filter selects.
func protecting(t testing.TB, text string) Protection {
	t.Helper()
	f, err := filter.Compile(text, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Protection{Filters: []filter.Filter{f}}
}

// marking changes marks.
func marking(value, mask uint32) Change {
	return Change{Mark: &wire.Masked32{Value: value, Mask: mask}}
}

// changing is an update that can be said.
func changing(t testing.TB, q query.Query, c Change) *Plan {
	t.Helper()
	p, err := Update(q, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// directly is a plan of requests that can be said.
func directly(t testing.TB, reqs ...wire.Request) *Plan {
	t.Helper()
	p, err := Direct("create", reqs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rows is the table: what of each flow can be changed, all but its timeout.
func rows(t testing.TB, k conntrack.Kernel) map[wire.Tuple]string {
	t.Helper()
	list := map[wire.Tuple]string{}
	var e wire.Entry
	_, err := k.Dump(context.Background(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		v.Entry(&e)
		master := ""
		if e.Has(wire.HasMaster) {
			master = e.Master.String()
		}
		list[e.Orig] = fmt.Sprintf("reply=%s mark=%#x status=%s labels=%x helper=%s master=%s", e.Reply, e.Mark, e.Status, e.Labels, e.Helper, master)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sameRows tells the test how two tables differ.
func sameRows(t testing.TB, what string, got, want map[wire.Tuple]string) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	var list []string
	for k, v := range want {
		if got[k] != v {
			list = append(list, fmt.Sprintf("%s is %q, want %q", k, got[k], v))
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			list = append(list, fmt.Sprintf("%s is there: %s", k, v))
		}
	}
	slices.Sort(list)
	t.Errorf("%s: %d flows, want %d; %d differ:\n%s", what, len(got), len(want), len(list), strings.Join(list[:min(len(list), 5)], "\n"))
}

// apply applies a plan that must not fail as a whole.
func apply(t testing.TB, k conntrack.Kernel, p *Plan, opt Options) *Result {
	t.Helper()
	res, err := p.Apply(context.Background(), k, opt)
	if err != nil {
		t.Fatalf("%s: %v (%v)", p, err, res)
	}
	return res
}

// adds tests that something became of each flow that was matched.
func adds(t testing.TB, r *Result) {
	t.Helper()
	if n := r.Applied + r.Gone + r.Changed + r.Exists + r.Expired + r.Failed + r.Unknown + r.Protected; n != r.Matched {
		t.Errorf("%v: %d flows are accounted for of %d", r, n, r.Matched)
	}
}

// kept is a journal in a fresh directory.
func kept(t testing.TB, opt ...journal.Option) *Journal {
	t.Helper()
	return &Journal{Store: journal.Open(filepath.Join(t.TempDir(), "journal"), opt...), Header: journal.Header{Namespace: "x", Name: "a test"}}
}

// undo is the plan to take back what j has under an id, the last one for "".
func undo(t testing.TB, j *Journal, id string) *Plan {
	t.Helper()
	return Undo(reading(t, j, id), nil)
}

func reading(t testing.TB, j *Journal, id string) *journal.Reader {
	t.Helper()
	r, err := j.Store.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// changes are the original tuples in a journal by kind, in their order.
func changes(t testing.TB, j *Journal, id string) (list []string) {
	t.Helper()
	err := reading(t, j, id).Each(func(c journal.Change) error {
		payload := c.Payload
		if c.Kind == journal.Update {
			parts, err := journal.Unpack(nil, payload)
			if err != nil {
				return err
			}
			payload = parts[0]
		}
		var v wire.View
		var tup wire.Tuple
		if c.Kind != journal.Action {
			if err := v.Reset(payload); err != nil {
				return err
			}
			v.Tuple(wire.Original, &tup)
		}
		list = append(list, c.Kind.String()+" "+tup.String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// within runs what could wait for ever.
func within(t testing.TB, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		stacks := make([]byte, 1<<16)
		t.Fatalf("%s hangs\n%s", what, stacks[:runtime.Stack(stacks, true)])
	}
}

// quiet tests at the end that no goroutine is left.
func quiet(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
}

// sum is the plan to do one after the other.
func sum(list []*Plan) *Plan {
	all := &Plan{}
	for _, p := range list {
		all.steps = append(all.steps, p.steps...)
	}
	return all
}

// batched is the requests of p's steps as one step.
func batched(p *Plan) *Plan {
	one := &directStep{op: "create"}
	for _, s := range p.steps {
		one.reqs = append(one.reqs, s.(*directStep).reqs...)
	}
	return &Plan{[]step{one}}
}

// withUndoes is the header of a journal that takes back another.
func withUndoes(j *Journal, id string) journal.Header {
	h := j.Header
	h.Undoes = id
	return h
}
