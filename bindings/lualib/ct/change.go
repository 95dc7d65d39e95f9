package ct

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
	"github.com/ctsh/ctsh/lua/registry"
)

// The verbs that plan a change.
func init() {
	const raises = "ETYPE without a filter, for rows that are no flows, and for the flows of several namespaces"
	queryType.
		Method("delete() -> plan", "plans to delete the flows, or the expectations that there are now", func(s *selection, c *registry.Call) int {
			if s.q.Fields() == expectFields {
				return s.deleteExpects(c)
			}
			space := s.mustSelect(c)
			return s.h.planIn(c, space, plan.Delete(s.q), nil)
		}).
		Raises(raises).
		Example(`ct> tostring(flows:where{proto = "udp"}:delete())
plan: delete flows:where("proto == udp")
ct> r = flows:where("udp and mark == $1", nil)
prompt:1: filter: parameter $1 is nil, at byte 17 of "udp and mark == $1"...`).
		Method("update("+changeFields+") -> plan",
			"plans to change the flows. mark is a value, or value/mask for some of its bits; timeout is from now on, in whole seconds as in timeout; status is a bit to set, since none can be cleared; labels are all that the flow has then; helper = false takes the helper away",
			func(s *selection, c *registry.Call) int { return s.update(c, changeFrom(c)) }).
		Raises(raises+", and for no change").
		Example(`ct> tostring(flows:where{proto = "udp"}:update{mark = "0x10/0xff", timeout = "5m"})
plan: update mark=0x10/0xff timeout=300s flows:where("proto == udp")`).
		Method("mark(mark: mask) -> plan", "plans to set the mark, or with value/mask some bits of it; the kernel does so in one step", func(s *selection, c *registry.Call) int {
			v, m := c.Masked(1)
			return s.update(c, plan.Change{Mark: &wire.Masked32{Value: v, Mask: m}})
		}).
		Raises(raises).
		Example(`ct> r = flows:where("mark == 1"):mark("0x20/0xf0"):apply()
ct> flows:where("dport == 53"):first().mark
33`).
		Method("label(change: string, ...: string) -> plan", `plans to add labels to the flows, and to take some away: "+web", "-old". A flow can have labels if a rule used some when it was born`, func(s *selection, c *registry.Call) int {
			return s.update(c, labelChange(c))
		}).
		Raises(raises+", and for a label that has no name and is no number from 0 to 127").
		Example(`ct> tostring(flows:where("udp"):label("+7", "-9"))
plan: update labels=+7,-9 flows:where("udp")`).
		Method("timeout(timeout: duration 0..8589934) -> plan", "plans to let the flows live so long from now, or until their next packet sets it again. The kernel counts whole seconds: a part of one counts as one, and 0 deletes the flow", func(s *selection, c *registry.Call) int {
			sec := wholeSeconds(c.Number(1))
			return s.update(c, plan.Change{Timeout: &sec})
		}).
		Raises(raises).
		Example(`ct> r = flows:where("udp"):timeout("5m"):apply()
ct> flows:where("udp and timeout > 5m"):count()
0`).
		Method("zero() -> plan", "plans to reset the counters of the flows; rows of the result are the flows with what they had counted. Each is read and reset in one step, so that nothing is counted twice or lost", func(s *selection, c *registry.Call) int {
			space := s.mustSelect(c)
			return s.h.planIn(c, space, plan.Zero(s.q), nil)
		}).
		Raises(raises).
		Example(`ct> r = flows:where("udp"):zero():apply()
ct> r.applied, r.rows:count()
2
2`)
	flowType.
		Method("label(change: string, ...: string) -> plan", `plans to add labels to it, and to take some away: "+web", "-old"`, func(f *flow, c *registry.Call) int {
			p, err := plan.UpdateFlow(f.entry().Flow, labelChange(c))
			return f.h.plan(c, p, err)
		}).
		Example(`ct> tostring(flows:where("dport == 53"):first():label("+7"))
plan: update labels=+7 udp 10.0.0.1:4001 > 192.0.2.53:53`)
}

// update plans a change of the flows of s.
func (s *selection) update(c *registry.Call, to plan.Change) int {
	space := s.mustSelect(c)
	p, err := plan.Update(s.q, to)
	return s.h.planIn(c, space, p, err)
}

// wholeSeconds rounds a duration up, as the kernel counts it: a timeout of 0
// deletes a flow at once, so that only what is 0 may become 0.
func wholeSeconds(d float64) uint32 {
	if d == 0 {
		return 0
	}
	const inexact = 1e-7 // "3000ms" is a little more than 3 seconds
	return uint32(max(1, math.Ceil(d-inexact)))
}

// changeFields are the arguments of update.
const changeFields = "changes: {mark?: mask, timeout?: duration 0..8589934, status?: string, labels?: table, helper?: bool}"

// changeFrom reads what update changes: mark, timeout, status, labels and
// helper.
func changeFrom(c *registry.Call) (to plan.Change) {
	t := c.Table(1)
	if t.Has("mark") {
		v, m := t.Masked("mark")
		to.Mark = &wire.Masked32{Value: v, Mask: m}
	}
	if t.Has("timeout") {
		secs := wholeSeconds(t.Number("timeout"))
		to.Timeout = &secs
	}
	if t.Has("status") {
		bit, ok := wire.ParseStatus(t.Text("status"))
		if !ok {
			c.Unknown("status", t.Text("status"), wire.StatusNames())
		}
		to.Status = bit
	}
	if t.Has("labels") {
		l := labelsFrom(c, t)
		to.Labels = &l
	}
	if t.Has("helper") {
		if t.Bool("helper") {
			t.Bad("helper", "false removes the helper; another cannot be set on a flow that exists")
		}
		to.DropHelper = true
	}
	return to
}

// labelsFrom reads a list of labels, by name or number.
func labelsFrom(c *registry.Call, t *registry.Table) (l wire.Labels) {
	list := t.Get("labels").(*lua.LTable)
	n := 0
	list.ForEach(func(k, v lua.LValue) {
		if _, ok := k.(lua.LNumber); !ok {
			t.Bad("labels", "want a list of labels, got the key %s", k)
		}
		l = l.Set(mustLabel(c, "labels", v.String()))
		n++
	})
	if n != list.Len() {
		t.Bad("labels", "the list has holes")
	}
	return l
}

// labelChange reads what to add and what to take away.
func labelChange(c *registry.Call) plan.Change {
	var bits, mask wire.Labels
	for i := 1; i <= c.Len(); i++ {
		word := c.Get(i).String()
		name, off := strings.CutPrefix(word, "-")
		if !off {
			name = strings.TrimPrefix(word, "+")
		}
		bit := mustLabel(c, "change", name)
		if mask.Bit(bit) {
			c.Bad("change", "label %q is named twice", name)
		}
		mask = mask.Set(bit)
		if !off {
			bits = bits.Set(bit)
		}
	}
	return plan.Change{Labels: &bits, LabelMask: &mask}
}

// labelBit finds a label by its name or number.
func labelBit(name string) (int, error) { return label.System().Bit(name) }

// mustLabel is labelBit for an argument or field, which is refused where there
// is no such label.
func mustLabel(c *registry.Call, arg, name string) int {
	bit, err := labelBit(name)
	if err != nil {
		c.Bad(arg, "%s", err)
	}
	return bit
}
