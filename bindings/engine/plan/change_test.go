package plan

import (
	"errors"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func seconds(n uint32) *uint32 { return &n }

func labels(bits ...int) *wire.Labels {
	var l wire.Labels
	for _, n := range bits {
		l = l.Set(n)
	}
	return &l
}

// TestChange makes every change on a kernel, and asks before and after whether
// it was made.
func TestChange(t *testing.T) {
	for _, c := range []struct {
		text   string
		change Change
		want   string // of the flow, of mark, status, labels and helper
	}{
		{"mark=0x7", marking(7, ^uint32(0)), "mark=0x7 status=SEEN_REPLY,CONFIRMED,HELPER labels=[10 0] helper=ftp"},
		{"mark=0x30/0xf0", marking(0x30, 0xf0), "mark=0x1135 status=SEEN_REPLY,CONFIRMED,HELPER labels=[10 0] helper=ftp"},
		{"mark=0x0/0xf005", marking(0, 0xf005), "mark=0x120 status=SEEN_REPLY,CONFIRMED,HELPER labels=[10 0] helper=ftp"},
		{"timeout=60s", Change{Timeout: seconds(60)}, "mark=0x1125 status=SEEN_REPLY,CONFIRMED,HELPER labels=[10 0] helper=ftp"},
		{"status=+ASSURED", Change{Status: wire.StatusAssured}, "mark=0x1125 status=SEEN_REPLY,ASSURED,CONFIRMED,HELPER labels=[10 0] helper=ftp"},
		{"status=+FIXED_TIMEOUT", Change{Status: wire.StatusFixedTimeout}, "mark=0x1125 status=SEEN_REPLY,CONFIRMED,FIXED_TIMEOUT,HELPER labels=[10 0] helper=ftp"},
		{"labels={1,65}", Change{Labels: labels(1, 65)}, "mark=0x1125 status=SEEN_REPLY,CONFIRMED,HELPER labels=[2 2] helper=ftp"},
		{"labels=+1,-4", Change{Labels: labels(1), LabelMask: labels(1, 4)}, "mark=0x1125 status=SEEN_REPLY,CONFIRMED,HELPER labels=[2 0] helper=ftp"},
		{"labels={}", Change{Labels: labels()}, "mark=0x1125 status=SEEN_REPLY,CONFIRMED,HELPER labels=[0 0] helper=ftp"},
		{"helper=none", Change{DropHelper: true}, "mark=0x1125 status=SEEN_REPLY,CONFIRMED,HELPER labels=[10 0] helper="},
		{"mark=0x2/0xf timeout=1000s status=+ASSURED labels=+9 helper=none",
			Change{Mark: &wire.Masked32{Value: 2, Mask: 0xf}, Timeout: seconds(1000), Status: wire.StatusAssured, Labels: labels(9), LabelMask: labels(9), DropHelper: true},
			"mark=0x1122 status=SEEN_REPLY,ASSURED,CONFIRMED,HELPER labels=[210 0] helper="},
	} {
		_, k := made(t, 3)
		tup := tuple(500)
		tup.Proto, tup.DstPort = wire.ProtoTCP, 21
		set(t, k, create(tup, marked(0x1125), func(c *wire.Create) {
			c.Entry.Status = wire.StatusSeenReply
			c.Entry.Labels, c.Entry.Helper = *labels(4), "ftp"
			c.Entry.Present |= wire.HasLabels | wire.HasHelper | wire.HasStatus
		}))
		others := rows(t, k)
		was := others[tup]
		delete(others, tup)
		var e wire.Entry
		if c.change.String() != c.text {
			t.Errorf("%s is written %q", c.text, c.change)
		}
		if found, err := k.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: tup}}, &e); err != nil || !found || c.change.did(&e.Flow) {
			t.Errorf("%s: found %v, %v, said to be made before: %v", c.text, found, err, e)
		}
		res := apply(t, k, changing(t, where(t, k, "tcp"), c.change), Options{})
		if found, err := k.Get(t.Context(), wire.Get{Key: wire.Key{Tuple: tup}}, &e); err != nil || !found || !c.change.did(&e.Flow) || res.Applied != 1 {
			t.Errorf("%s: %v, found %v, %v, said not to be made: %+v", c.text, res, found, err, e.Flow)
		}
		now := rows(t, k)
		if now[tup] == was && c.change.Timeout == nil || !strings.HasSuffix(now[tup], c.want+" master=") {
			t.Errorf("%s: %q\nbecame %q", c.text, was, now[tup])
		}
		if c.change.Timeout != nil && e.Timeout != *c.change.Timeout {
			t.Errorf("%s: %d s are left", c.text, e.Timeout)
		}
		delete(now, tup)
		sameRows(t, c.text+": other flows", now, others)
	}
}

// TestChangeIsChecked refuses what no flow could take, before there is a plan.
func TestChangeIsChecked(t *testing.T) {
	_, k := made(t, 1)
	for name, c := range map[string]Change{
		"nothing": {}, "a mask of 0": marking(1, 0), "a long timeout": {Timeout: seconds(wire.MaxTimeout + 1)},
		"expected": {Status: wire.StatusExpected}, "dying": {Status: wire.StatusDying}, "translated": {Status: wire.StatusSrcNAT},
		"labels that are only masked": {LabelMask: labels(1)},
	} {
		var field *wire.FieldError
		if p, err := Update(where(t, k, "udp"), c); p != nil || !errors.As(err, &field) {
			t.Errorf("%s: %v %v", name, p, err)
		}
		if p, err := UpdateFlow(wire.Flow{Orig: tuple(0)}, c); p != nil || !errors.As(err, &field) {
			t.Errorf("%s, one flow: %v %v", name, p, err)
		}
	}
	if p, err := Direct("create", create(tuple(1)), create(wire.Tuple{})); p != nil || err == nil {
		t.Errorf("a flow without a tuple: %v %v", p, err)
	}
}

// TestRefused has flows that the kernel refuses to change among others.
func TestRefused(t *testing.T) {
	fixed := func(c *wire.Create) {
		c.Entry.Status, c.Entry.Present = wire.StatusFixedTimeout, c.Entry.Present|wire.HasStatus
	}
	for _, stop := range []bool{false, true} {
		quiet(t)
		_, k := made(t, 1000)
		for i := range 1000 {
			if i%10 == 7 {
				set(t, k, gone(i), create(tuple(i), fixed))
			}
		}
		before := rows(t, k)
		change := marking(9, ^uint32(0))
		change.Timeout = seconds(300)
		j := kept(t)
		res, err := changing(t, where(t, k, "udp"), change).Apply(t.Context(), k, Options{StopOnError: stop, Journal: j})
		marks := 0
		for tup, row := range rows(t, k) {
			if row != before[tup] {
				marks++
			}
		}
		var refused *conntrack.Error
		switch {
		case res.Failed != len(res.Errors) || res.Applied != marks:
			t.Errorf("stop %v: %v, %d errors, %d flows are changed", stop, res, len(res.Errors), marks)
		case !stop && (err != nil || res.Failed != 100 || res.Applied != 900):
			t.Errorf("skip: %v %v", res, err)
		case stop && (!errors.As(err, &refused) || res.Failed == 0 || res.Failed > 26 || res.Applied > window || res.Applied == 0):
			t.Errorf("stop: %v %v", res, err)
		}
		if e := res.Errors[0]; e.Reason != "the flow has FIXED_TIMEOUT, its timeout cannot be changed" {
			t.Error(e)
		}
		if !stop {
			adds(t, res)
		}
		// Those that were refused may have been changed in part.
		if n := len(changes(t, j, res.ID)); n != res.Applied+res.Failed {
			t.Errorf("stop %v: the journal holds %d changes", stop, n)
		}
		if back := apply(t, k, undo(t, j, res.ID), Options{}); back.Applied < res.Applied || back.Failed > 0 {
			t.Errorf("undo: %v", back)
		}
		sameRows(t, "undone", rows(t, k), before)
	}
}

// TestRefusedInPart has a kernel that makes the first part of a change and then
// refuses the second: an undo takes the first part back.
func TestRefusedInPart(t *testing.T) {
	m, k := made(t, 0)
	m.SetLabelRule(false) // no room for labels
	fill(t, k, 40)
	before := rows(t, k)
	change := marking(9, ^uint32(0))
	change.Labels = labels(3)
	j := kept(t)
	res := apply(t, k, changing(t, where(t, k, "mark == 1"), change), Options{Journal: j})
	if res.Failed != 10 || res.Applied != 0 || count(t, k, map[string]any{"mark": 9.0}) != 10 {
		t.Fatalf("%v: the kernel is another than thought", res)
	}
	apply(t, k, undo(t, j, ""), Options{})
	sameRows(t, "undone", rows(t, k), before)
}

// TestDirectRefused makes flows of which some are there.
func TestDirectRefused(t *testing.T) {
	for _, c := range []struct {
		stop    bool
		n       int
		applied int
	}{{false, 300, 290}, {true, 300, -1}, {false, 1, 0}} {
		m, k := made(t, 0)
		m.Configure(func(s *fake.Sysctls) { s.Timestamp = false })
		for i := range min(10, c.n) {
			set(t, k, create(tuple(i*25), marked(5)))
		}
		before := rows(t, k)
		var reqs []wire.Request
		for i := range c.n {
			reqs = append(reqs, create(tuple(i), marked(8)))
		}
		j := kept(t)
		res, err := directly(t, reqs...).Apply(t.Context(), k, Options{StopOnError: c.stop, Journal: j})
		n := len(rows(t, k)) - len(before)
		switch {
		case c.n == 1 || c.stop:
			var refused *conntrack.Error
			if !errors.As(err, &refused) || res.Failed == 0 || res.Applied != n {
				t.Errorf("%d, stop %v: %v %v", c.n, c.stop, res, err)
			}
		case err != nil || res.Applied != c.applied || res.Failed != 10 || res.Exists != 0 || n != c.applied:
			t.Errorf("%v %v", res, err)
		}
		if n := len(changesIf(t, j, res)); n != res.Applied {
			t.Errorf("%d, stop %v: the journal holds %d flows, %d were made", c.n, c.stop, n, res.Applied)
		}
		apply(t, k, undo(t, j, res.ID), Options{})
		sameRows(t, "undone", rows(t, k), before)
	}
}
