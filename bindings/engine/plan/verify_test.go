package plan

import (
	"errors"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// TestVerify looks some time later at what became of the flows: what was deleted
// and is there again, and what was changed and is otherwise. What was left out
// is none of it.
func TestVerify(t *testing.T) {
	const soon = time.Millisecond
	up := func(c Change) func(*testing.T, conntrack.Kernel) *Plan {
		return func(t *testing.T, k conntrack.Kernel) *Plan { return changing(t, where(t, k, "mark == 1"), c) }
	}
	del := func(t *testing.T, k conntrack.Kernel) *Plan { return Delete(where(t, k, "mark == 1")) }
	for _, c := range []struct {
		name   string
		plan   func(*testing.T, conntrack.Kernel) *Plan
		before func(*testing.T, conntrack.Kernel) // between look and look
		after  func(*testing.T, conntrack.Kernel) // when the last change was made
		want   Result
	}{
		{"nothing comes back", del, nil, nil, Result{Applied: 3}},
		{"some come back", del, nil, func(t *testing.T, k conntrack.Kernel) { set(t, k, create(tuple(1)), create(tuple(5))) }, Result{Applied: 3, Back: 2}},
		{"another comes", del, nil, func(t *testing.T, k conntrack.Kernel) { set(t, k, create(tuple(77))) }, Result{Applied: 3}},
		{"left out", del, func(t *testing.T, k conntrack.Kernel) { set(t, k, mark(5, 2)) }, nil, Result{Applied: 2, Changed: 1}},
		{"changed and so left", up(marking(8, 0xff)), nil, nil, Result{Applied: 3}},
		{"changed back", up(marking(8, 0xff)), nil, func(t *testing.T, k conntrack.Kernel) { set(t, k, mark(5, 2)) }, Result{Applied: 3, Back: 1}},
		{"changed elsewhere", up(marking(8, 0xff)), nil, func(t *testing.T, k conntrack.Kernel) { set(t, k, mark(5, 0xf08)) }, Result{Applied: 3}},
		{"gone since", up(marking(8, 0xff)), nil, func(t *testing.T, k conntrack.Kernel) { set(t, k, gone(5)) }, Result{Applied: 3}},
		{"refused", up(Change{Timeout: seconds(10)}), func(t *testing.T, k conntrack.Kernel) {
			set(t, k, &wire.Update{Key: wire.Key{Tuple: tuple(5)}, Status: wire.StatusFixedTimeout})
		}, nil, Result{Applied: 2, Failed: 1}},
		{"counters", func(t *testing.T, k conntrack.Kernel) *Plan { return Zero(where(t, k, "mark == 1")) }, nil, nil, Result{Applied: 3}},
	} {
		quiet(t)
		_, k := made(t, 12)
		tap := &tapped{Kernel: k, fetch: func(n int) {
			if n == 1 && c.before != nil {
				c.before(t, k)
			}
		}, sent: func(conntrack.BatchResult) {
			if c.after != nil {
				c.after(t, k)
			}
		}}
		began := time.Now()
		res := apply(t, tap, c.plan(t, tap), Options{Verify: soon})
		if res.Applied != c.want.Applied || res.Changed != c.want.Changed || res.Failed != c.want.Failed || res.Back != c.want.Back {
			t.Errorf("%s: %v, want %v", c.name, res, &c.want)
		}
		if time.Since(began) < soon {
			t.Errorf("%s: it did not wait", c.name)
		}
	}
}

// TestVerifySeveralSteps looks at all steps behind the last of them.
func TestVerifySeveralSteps(t *testing.T) {
	_, k := made(t, 600)
	p := Delete(where(t, k, "mark == 1")).Plus(directly(t, create(tuple(1)))).Plus(changing(t, where(t, k, "mark == 2"), marking(6, ^uint32(0))))
	if res := apply(t, k, p, Options{Verify: time.Millisecond}); res.Applied != 301 || res.Back != 1 {
		t.Errorf("%v: want the one flow that a later step makes again", res)
	}
}

// counted gives each flow packets in both directions.
func counted(m *fake.Kernel, n int) {
	for i := range n {
		tup := tuple(i)
		back, _ := tup.Invert()
		m.Packet(fake.Packet{Tuple: tup, Bytes: 1000 + i})
		m.Packet(fake.Packet{Tuple: back, Bytes: 10})
	}
}

// TestZero resets counters and keeps what they were, of each flow once.
func TestZero(t *testing.T) {
	quiet(t)
	const n = 700
	m, k := made(t, 0)
	m.Configure(func(s *fake.Sysctls) { s.Acct = true })
	fill(t, k, n)
	counted(m, n)
	j := kept(t)
	res := apply(t, k, Zero(where(t, k, "mark == 1 or mark == 2")), Options{Journal: j})
	adds(t, res)
	if res.Applied != n/2 || res.Rows == nil || res.Rows.Len() != n/2 || res.ID != "" {
		t.Fatalf("%v, %v", res, res.Rows)
	}
	bytes := zeroed(t, res)
	for i := range n {
		if want := uint64(1010 + i); (i%4 == 1 || i%4 == 2) != (bytes[tuple(i)] == want) {
			t.Fatalf("flow %d: %d bytes, want %d", i, bytes[tuple(i)], want)
		}
	}
	left := 0
	for _, e := range m.Flows() {
		if e.Counter[0].Bytes+e.Counter[1].Bytes > 0 {
			left++
		}
	}
	if left != n/2 {
		t.Errorf("%d flows have counters, want the other %d", left, n/2)
	}
	if res := apply(t, k, Zero(where(t, k, "mark == 1")), Options{Guard: protecting(t, "sport == 4000")}); res.Applied != 0 || res.Protected != n/4 {
		t.Errorf("protected: %v", res)
	}
}

// TestZeroRechecks changes flows between the time that they are found and the time
// that they are reset.
func TestZeroRechecks(t *testing.T) {
	m, k := made(t, 8)
	m.Configure(func(s *fake.Sysctls) { s.Acct = true })
	m.Advance(time.Second)
	tap := &tapped{Kernel: k, fetch: func(int) {
		there := tuple(2)
		back, _ := there.Invert()
		set(t, k, mark(1, 9), gone(2), create(back, marked(2)), mark(5, 0x11), gone(6))
	}}
	q := where(t, tap, "mark in {1, 2, 0x11}")
	res := apply(t, tap, Zero(q), Options{Guard: protecting(t, "mark == 0x11")})
	if adds(t, res); res.Applied != 0 || res.Changed != 2 || res.Protected != 1 || res.Gone != 1 {
		t.Errorf("%v", res)
	}
}

// TestZeroLosesAnswers loses what was reset: the rows that came are kept, and it
// is said how many are not known.
func TestZeroLosesAnswers(t *testing.T) {
	quiet(t)
	const n = 700
	m, k := made(t, 0)
	m.Configure(func(s *fake.Sysctls) { s.Acct = true })
	fill(t, k, n)
	counted(m, n)
	resets := 0
	tap := &tapped{Kernel: k, resets: func(int) {
		if resets++; resets == 2 {
			m.LoseAnswer(100)
		}
	}}
	res, err := Zero(where(t, k, "udp")).Apply(t.Context(), tap, Options{})
	var incomplete *conntrack.IncompleteError
	if !errors.As(err, &incomplete) || res.Rows == nil || res.Rows.Len() != res.Applied || res.Applied < window || res.Applied > window+128 {
		t.Fatalf("%v %v", res, err)
	}
	bytes, here := zeroed(t, res), 0
	for i := range n {
		if bytes[tuple(i)] == uint64(1010+i) {
			here++
		}
	}
	for _, e := range m.Flows() {
		if e.Counter[0].Bytes+e.Counter[1].Bytes > 0 {
			here++
		}
	}
	if lost := n - here; lost < 1 || lost > 128 {
		t.Errorf("%d flows were reset and not told", lost)
	}
}

// zeroed are the bytes of the rows of a result.
func zeroed(t testing.TB, res *Result) map[wire.Tuple]uint64 {
	t.Helper()
	bytes := map[wire.Tuple]uint64{}
	if err := res.Rows.Each(func(r *field.Row) error {
		e := r.Need(field.PartAll)
		bytes[e.Orig] += e.Counter[0].Bytes + e.Counter[1].Bytes
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return bytes
}
