package plan

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// idling are the flows of k as seen where the timeouts of UDP are 600 s and those
// of TCP 432000 s for connections that stand; of others nothing is known.
func idling(k conntrack.Kernel) query.Query {
	return query.New(&query.Flows{Spaces: []*query.Space{{Kernel: k, Look: idleWorld}}})
}

func idleWorld() *field.World {
	return &field.World{Timeout: func(f *wire.Flow) (uint32, bool) {
		switch {
		case f.Orig.Proto == wire.ProtoUDP:
			return 600, true
		case f.Orig.Proto == wire.ProtoTCP && f.Has(wire.HasState) && f.State == 3:
			return 432000, true
		}
		return 0, false
	}}
}

// services makes a table of several groups: 3 of SSH, 20 of DNS and so on.
func services(t testing.TB, k conntrack.Kernel) {
	t.Helper()
	n := 0
	add := func(count int, proto uint8, port uint16, state uint8, left uint32) {
		for range count {
			tup := tuple(n)
			tup.Proto, tup.DstPort = proto, port
			set(t, k, create(tup, func(c *wire.Create) {
				c.Entry.Timeout = left
				if state > 0 {
					c.Entry.State, c.Entry.Present = state, c.Entry.Present|wire.HasState
				}
			}))
			n++
		}
	}
	add(3, wire.ProtoTCP, 60022, 3, 431995) // a packet 5 s ago
	add(4, wire.ProtoTCP, 60443, 3, 400000)
	add(2, wire.ProtoTCP, 60443, 7, 100)
	add(20, wire.ProtoUDP, 60053, 0, 600)
	add(1, wire.ProtoUDP, 60053, 0, 589) // 10 s ago is not lately any more
	add(5, wire.ProtoUDP, 60999, 0, 100)
	add(1, wire.ProtoSCTP, 60080, 0, 100)
	add(2, wire.ProtoUDP, 60123, 0, 591)
}

func TestPreview(t *testing.T) {
	_, k := made(t, 0)
	services(t, k)
	before := rows(t, k)
	guard := protecting(t, "dport == 60123")
	guard.World = idleWorld()
	j := kept(t)
	apply(t, k, Delete(where(t, k, "tcp and dport == 60022")), Options{Journal: j})
	back := undo(t, j, "")
	narrow := func(text string) query.Query { return narrowed(t, idling(k), text) }
	for _, c := range []struct {
		name           string
		plan           *Plan
		n, active      int
		unsure, others int
		protected      int
		groups, text   string
	}{
		{"everything", Delete(idling(k)), 33, 20, 3, 0, 2, "udp 60053 21, udp 60999 5, tcp 60443 ESTABLISHED 4, tcp 60443 TIME_WAIT 2, sctp 60080 NONE 1",
			"plan: delete flows\n33 flows, 94% of the 35 in the table; 2 more are protected and left out\n" +
				"  udp 60053              21\n  udp 60999              5\n  tcp 60443 ESTABLISHED  4\n  tcp 60443 TIME_WAIT    2\n  sctp 60080 NONE        1\n" +
				"20 flows moved packets in the last 10 s\nof 3 flows it is not known when a packet passed last"},
		{"one flow", Delete(narrow("sctp")), 1, 0, 1, 0, 0, "sctp 60080 NONE 1",
			"plan: delete flows:where(\"sctp\")\n1 flow, 3% of the 35 in the table\n  sctp 60080 NONE  1\nof 1 flow it is not known when a packet passed last"},
		{"nothing", Delete(narrow("mark == 5")), 0, 0, 0, 0, 0, "", "plan: delete flows:where(\"mark == 5\")\n0 flows"},
		{"an update", changing(t, narrow("dport == 60999"), marking(1, 1)), 5, 0, 0, 0, 0, "udp 60999 5",
			"plan: update mark=0x1/0x1 flows:where(\"dport == 60999\")\n5 flows, 14% of the 35 in the table\n  udp 60999  5"},
		{"a new flow", directly(t, create(tuple(500))), 1, 0, 0, 0, 0, "", "plan: create udp 10.0.1.244:4000 > 192.0.2.1:53\n1 change"},
		{"an action", Act("set", "x = 1", Action{N: 2, Do: func(context.Context) (Counts, error) { panic("it was done") }}), 2, 0, 0, 0, 0, "", "plan: set x = 1\n2 changes"},
		{"an undo", back, 3, 3, 0, 0, 0, "tcp 60022 ESTABLISHED 3", "plan: undo delete flows:where(\"tcp and dport == 60022\")\n3 flows as they were before\n" +
			"  tcp 60022 ESTABLISHED  3\n3 flows moved packets in the last 10 s before they were deleted"},
	} {
		view, err := c.plan.Preview(t.Context(), k, guard, 4)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if view.Matched() != c.n || view.Active != c.active || view.Unsure != c.unsure || view.Others != c.others || view.Protected != c.protected || view.Table != 35 {
			t.Errorf("%s: %+v", c.name, view)
		}
		var groups []string
		for _, g := range view.Groups {
			groups = append(groups, g.Name+" "+strconv.Itoa(g.N))
		}
		if got := strings.Join(groups, ", "); got != c.groups {
			t.Errorf("%s: groups %q, want %q", c.name, got, c.groups)
		}
		if view.String() != c.text {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, view, c.text)
		}
		if want := min(4, view.Matched()); len(view.Flows) != want && len(view.Flows) != 0 || len(view.Groups) > 0 && view.Again == 0 && len(view.Flows) != want {
			t.Errorf("%s: %d flows are shown, want %d", c.name, len(view.Flows), want)
		}
	}
	apply(t, k, back, Options{})
	sameRows(t, "after all that", rows(t, k), before)
}

// TestPreviewOfManyGroups names five and counts the others.
func TestPreviewOfManyGroups(t *testing.T) {
	_, k := made(t, 0)
	for i := range 30 {
		for n := range i/5 + 1 {
			tup := tuple(100*i + n)
			tup.DstPort = uint16(60000 + i)
			set(t, k, create(tup))
		}
	}
	view, err := Delete(flows(k)).Preview(t.Context(), k, Protection{}, 0)
	if err != nil || view.Matched() != 105 || len(view.Groups) != 5 || view.Others != 105-30 || view.Groups[0].Name != "udp 60025" || view.Groups[0].N != 6 || len(view.Flows) != 0 {
		t.Errorf("%+v %v", view, err)
	}
	if !strings.Contains(view.String(), "\n  others     75\n") {
		t.Errorf("%s", view)
	}
}

// TestPreviewOfSteps says what each step of a sum does.
func TestPreviewOfSteps(t *testing.T) {
	_, k := made(t, 12)
	p := Delete(where(t, k, "mark == 1")).Plus(changing(t, where(t, k, "mark == 2"), marking(9, 0xf))).Plus(directly(t, create(tuple(99))))
	view, err := p.Preview(t.Context(), k, Protection{}, 100)
	if err != nil || view.Matched() != 7 || len(view.Flows) != 6 || view.Bounded() != 7 {
		t.Fatalf("%+v %v", view, err)
	}
	for _, want := range []string{"plan: delete flows:where(\"mark == 1\"): 3 flows", " then update mark=0x9/0xf flows:where(\"mark == 2\"): 3 flows", " then create udp"} {
		if !strings.Contains(view.String(), want) {
			t.Errorf("%q is missing in\n%s", want, view)
		}
	}
	if p.Op() != "3 steps" || !p.Touches() || len(p.Queries()) != 2 || directly(t, create(tuple(1))).Touches() {
		t.Errorf("%s: %v %d", p.Op(), p.Touches(), len(p.Queries()))
	}
}

// TestPreviewOfDamage says that a journal is not whole before it is taken back.
func TestPreviewOfDamage(t *testing.T) {
	k, _, id, whole := deleted(t)
	for name, text := range map[string][]byte{"cut short": whole[:len(whole)*3/5], "the checksum is wrong": flipped(whole, len(whole)/2), "": whole} {
		view, err := undo(t, written(t, id, text), id).Preview(t.Context(), k, Protection{}, 0)
		if err != nil || (view.Damage != nil) != (name != "") || (view.Matched() < 1000) != (name != "") {
			t.Fatalf("%s: %+v %v", name, view, err)
		}
		said := strings.Contains(view.String(), "\nthe journal is damaged at byte ")
		if said != (name != "") || !strings.Contains(view.String(), name) {
			t.Errorf("%s:\n%s", name, view)
		}
	}
}
