package plan

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// able says that a kernel was seen to filter all that it may be asked for.
func able(context.Context, filter.Filter) filter.Ability {
	return filter.Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true}
}

// proven are the flows of such a kernel.
func proven(k conntrack.Kernel) query.Query {
	return query.New(&query.Flows{Spaces: []*query.Space{{Kernel: k, Able: able}}})
}

// mixed adds flows of all kinds to a table.
func mixed(t testing.TB, k conntrack.Kernel) {
	t.Helper()
	add := func(proto uint8, src string, port uint16, change ...func(*wire.Create)) {
		tup := wire.Tuple{Family: wire.FamilyIPv4, Proto: proto, Src: addr(src), Dst: addr("192.0.2.1"), SrcPort: 4000, DstPort: port}
		if !tup.Src.Is4() {
			tup.Family, tup.Dst = wire.FamilyIPv6, addr("2001:db8::1")
		}
		set(t, k, create(tup, change...))
	}
	assured := func(c *wire.Create) {
		c.Entry.Status, c.Entry.Present = wire.StatusSeenReply|wire.StatusAssured, c.Entry.Present|wire.HasStatus
	}
	for _, p := range []uint16{80, 443} {
		add(wire.ProtoTCP, "10.1.0.1", p, marked(1), assured)
		add(wire.ProtoTCP, "10.1.0.2", p, marked(3))
		add(wire.ProtoUDP, "10.1.0.1", p, marked(2))
		add(wire.ProtoSCTP, "10.1.0.1", p)
		add(wire.ProtoTCP, "fd00::1", p, marked(1))
		add(wire.ProtoTCP, "fd00::2", p)
		add(wire.ProtoTCP, "10.1.0.1", p+1, func(c *wire.Create) { c.Entry.Orig.Zone = 7 })
	}
}

func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// deletes takes rows out of a table.
func deletes(table map[wire.Tuple]string) func(*field.Row) error {
	return func(r *field.Row) error { delete(table, r.Need(field.PartFlow).Orig); return nil }
}

// TestFast leaves deletions to the kernel: what goes is exactly what the filter
// selects, or nothing at all.
func TestFast(t *testing.T) {
	q := func(texts ...string) func(*testing.T, conntrack.Kernel) *Plan {
		return func(t *testing.T, k conntrack.Kernel) *Plan { return Delete(narrowed(t, proven(k), texts...)) }
	}
	const no, unseen = -1, "a kernel that was not seen to filter"
	for _, c := range []struct {
		name string
		plan func(*testing.T, conntrack.Kernel) *Plan
		n    int
		why  string
	}{
		{"mark", q("mark == 1"), 4, ""}, {"some bits of the mark", q("mark == 0x1/0x1"), 6, ""}, {"zone", q("zone == 7"), 2, ""},
		{"family", q("family == 6"), 4, ""}, {"flags", q("assured"), 2, ""}, {"no flag", q("unreplied and not assured"), 12, ""},
		{"an address", q("src == 10.1.0.2"), 2, ""}, {"a tuple", q("tcp and src == 10.1.0.1 and dst == 192.0.2.1 and sport == 4000 and dport == 80"), 1, ""},
		{"the answer", q("udp and rsrc == 192.0.2.1 and rdst == 10.1.0.1 and rsport == 443"), 1, ""},
		{"one filter behind the other", q("mark == 1", "family == 4"), 2, ""}, {"nothing there", q("mark == 99"), 0, ""},
		{"everything", func(_ *testing.T, k conntrack.Kernel) *Plan { return Delete(proven(k)) }, 14, ""},

		{"two masks", q("mark == 0x1/0x1 and mark == 0x2/0x2"), no, "cannot compare"},
		{"two masks, one behind the other", q("mark == 0x1/0x1", "mark == 0x2/0x2"), no, "cannot compare"},
		{"an IPv6 address", q("src == fd00::1"), no, "cannot compare"}, {"an IPv6 tuple", q("tcp and src == fd00::1 and dport == 80"), no, "cannot compare"},
		{"ports of SCTP", q("sctp and src == 10.1.0.1 and dport == 80"), no, "cannot compare"},
		{"a port without a protocol", q("dport == 80"), no, "cannot compare"}, {"a protocol without a family", q("tcp"), no, "cannot compare"},
		{"a network", q("src in 10.0.0.0/8"), no, "cannot compare"}, {"or", q("mark == 1 or mark == 2"), no, "cannot compare"},
		{"one of several", q("mark in {1, 2}"), no, "cannot compare"}, {"not", q("mark != 1"), no, "cannot compare"},
		{"more and less", q("mark == 1 and timeout > 1"), no, "cannot compare"}, {"the default zone", q("zone == 0"), no, "cannot compare"},
		{"a state", q("mark == 1 and state == NONE"), no, "cannot compare"},
		{"flags that exclude each other", q("replied and unreplied"), no, "cannot compare"},
		{"a limit", func(t *testing.T, k conntrack.Kernel) *Plan {
			return Delete(narrowed(t, proven(k), "mark == 1").Limit(1))
		}, no, "more than a filter"},
		{"a function", func(t *testing.T, k conntrack.Kernel) *Plan {
			return Delete(narrowed(t, proven(k), "mark == 1").WhereFunc(query.Func{Name: "f", Bind: func(context.Context) func(*field.Row) (bool, error) {
				return func(*field.Row) (bool, error) { return true, nil }
			}}, false))
		}, no, "more than a filter"},
		{"unless", func(t *testing.T, k conntrack.Kernel) *Plan {
			f, _ := filter.Compile("mark == 2", nil, nil)
			u, err := narrowed(t, proven(k), "family == 4").Unless(f)
			if err != nil {
				t.Fatal(err)
			}
			return Delete(u)
		}, no, "cannot compare"},
		{"one flow", func(*testing.T, conntrack.Kernel) *Plan { return DeleteFlow(wire.Flow{Orig: tuple(1)}) }, no, "only the deletion"},
		{"an update", func(t *testing.T, k conntrack.Kernel) *Plan {
			return changing(t, narrowed(t, proven(k), "mark == 1"), marking(2, 0xf))
		}, no, "only the deletion"},
		{"counters", func(t *testing.T, k conntrack.Kernel) *Plan { return Zero(narrowed(t, proven(k), "mark == 1")) }, no, "only the deletion"},
		{"two steps", func(t *testing.T, k conntrack.Kernel) *Plan { return q("mark == 1")(t, k).Plus(q("mark == 2")(t, k)) }, no, "only the deletion"},
		{"a new flow", func(t *testing.T, _ conntrack.Kernel) *Plan { return directly(t, create(tuple(1))) }, no, "only the deletion"},
		{unseen, func(t *testing.T, k conntrack.Kernel) *Plan { return Delete(where(t, k, "mark == 1")) }, no, "cannot compare"},
	} {
		for _, events := range []int{0, 1} {
			m := fake.New(fake.Options{})
			m.Configure(func(s *fake.Sysctls) { s.Events = events })
			k := m.Client()
			mixed(t, k)
			before := rows(t, k)
			want := before
			p := c.plan(t, k)
			if c.n >= 0 {
				want = rows(t, k)
				_, err := p.steps[0].(*flowStep).query.Each(t.Context(), deletes(want))
				if err != nil {
					t.Fatal(err)
				}
			}
			j := kept(t)
			opt := Options{Fast: true, Able: able, Journal: j}
			if c.name == unseen {
				opt.Able = nil
			}
			res, err := p.Apply(t.Context(), k, opt)
			var refused *FastError
			switch {
			case c.n < 0 && (!errors.As(err, &refused) || !strings.Contains(refused.Reason, c.why)):
				t.Errorf("%s: %v %v, want %q", c.name, res, err, c.why)
			case c.n >= 0 && (err != nil || res.Applied != c.n || res.Matched != c.n || len(want) != len(before)-c.n || res.ID != ""):
				t.Errorf("%s: %v %v, want %d", c.name, res, err, c.n)
			}
			sameRows(t, c.name, rows(t, k), want)
			_ = k.Close()
		}
	}
}

// TestFastIsBounded keeps to protection, guards and the breaker.
func TestFastIsBounded(t *testing.T) {
	_, k := made(t, 40)
	before := rows(t, k)
	p := Delete(narrowed(t, proven(k), "mark == 1"))
	full := errors.New("full")
	for name, c := range map[string]struct {
		opt Options
		is  func(error) bool
	}{
		"protected": {Options{Guard: protecting(t, "src == 10.0.0.5")}, func(err error) bool {
			var no *FastError
			return errors.As(err, &no) && strings.Contains(no.Reason, "1 of the flows are protected")
		}},
		"unknown whether protected": {Options{Guard: protecting(t, "bytes > 5")}, func(err error) bool { var no *FastError; return errors.As(err, &no) }},
		"max":                       {Options{Max: 9}, func(err error) bool { var no *GuardError; return errors.As(err, &no) }},
		"share":                     {Options{Share: 0.2}, func(err error) bool { var no *ShareError; return errors.As(err, &no) }},
		"breaker":                   {Options{Allow: func(int) error { return full }}, func(err error) bool { return errors.Is(err, full) }},
		"dry run":                   {Options{DryRun: true}, func(err error) bool { return err == nil }},
	} {
		c.opt.Fast, c.opt.Able = true, able
		res, err := p.Apply(t.Context(), k, c.opt)
		if !c.is(err) || res.Applied+res.Gone > 0 {
			t.Errorf("%s: %v %v", name, res, err)
		}
		sameRows(t, name, rows(t, k), before)
	}
	if res := apply(t, k, p, Options{Fast: true, Able: able, Guard: protecting(t, "mark == 2")}); res.Applied != 10 {
		t.Errorf("protected flows that it does not touch: %v", res)
	}
}

// TestFastCounts has flows of which the kernel tells the end and others, and
// kernels that fail at it.
func TestFastCounts(t *testing.T) {
	m, k := made(t, 20) // without events
	m.Configure(func(s *fake.Sysctls) { s.Events = 1 })
	for i := range 20 {
		set(t, k, create(tuple(500+i), marked(1)))
	}
	p := Delete(narrowed(t, proven(k), "mark == 1"))
	refusal := &conntrack.Error{Op: "flush", Errno: syscall.EINVAL}
	lost := &conntrack.IncompleteError{Op: "flush", Reason: "a test", Err: syscall.ENOBUFS}
	for _, c := range []struct {
		name          string
		got           conntrack.FlushResult
		err           error
		applied, gone int
	}{
		{"refused", conntrack.FlushResult{}, refusal, 0, 0},
		{"refused at the end", conntrack.FlushResult{Before: 40}, refusal, 0, 0},
		{"not even asked", conntrack.FlushResult{}, lost, 0, 0},
		{"some were not told", conntrack.FlushResult{Told: 9, Before: 40, After: 15}, lost, 25, 0},
		{"some went by themselves", conntrack.FlushResult{Told: 9, Before: 36, After: 13}, nil, 23, 2},
		{"some came behind the dump", conntrack.FlushResult{Told: 28, Before: 43, After: 15}, nil, 28, 0},
		{"others went too", conntrack.FlushResult{Told: 20, Before: 40, After: 3}, nil, 25, 0},
	} {
		tap := &tapped{Kernel: k, flush: func(context.Context, *wire.Flush) (conntrack.FlushResult, error) { return c.got, c.err }}
		res, err := p.Apply(t.Context(), tap, Options{Fast: true, Able: able})
		if err == nil {
			adds(t, res)
		}
		if !errors.Is(err, c.err) || res.Applied != c.applied || res.Gone != c.gone {
			t.Errorf("%s: %v %v, want %d applied, %d gone", c.name, res, err, c.applied, c.gone)
		}
	}
	res := apply(t, k, p, Options{Fast: true, Able: able})
	if res.Applied != 25 || len(rows(t, k)) != 15 || len(res.Notes) != 2 || !strings.Contains(strings.Join(res.Notes, " "), "named 20 of the deleted") {
		t.Errorf("%v %q", res, res.Notes)
	}
}
