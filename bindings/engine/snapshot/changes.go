package snapshot

import (
	"sync"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// compared are the fields in which a flow may change.
var compared = sync.OnceValue(func() []comparedField {
	var list []comparedField
	for _, f := range field.Flow.Whole() {
		if f.Part&(field.PartCounters|field.PartTimeout) == 0 && f.Name != "use" {
			list = append(list, comparedField{f.Name, f.Reader()})
		}
	}
	return list
})

type comparedField struct {
	name string
	read func(*field.Row) (field.Value, bool)
}

// Changes names the fields of a whole flow in which two looks at one differ, in
// the order of [field.Flow]. A field that is known in one of them only differs.
// What moves with the traffic is left out: counters, the timeout and the
// references, which packets on their way hold too.
func Changes(before, after *wire.Entry) []string {
	var c comparison
	c.before.ResetEntry(before)
	c.after.ResetEntry(after)
	var names []string
	c.each(func(name string) bool {
		names = append(names, name)
		return true
	})
	return names
}

// comparison has the rows that two flows are compared in, and which must not be
// made for each.
type comparison struct {
	before, after field.Row
}

// each calls fn with the names of the fields that differ until it returns
// false.
func (c *comparison) each(fn func(name string) bool) {
	for _, f := range compared() {
		was, had := f.read(&c.before)
		is, has := f.read(&c.after)
		if (had != has || had && was != is) && !fn(f.name) {
			return
		}
	}
}

// differ tells whether Changes would name a field of flow j of before and flow
// i of after.
func (c *comparison) differ(before *Snapshot, j int, after *Snapshot, i int) bool {
	was, is := still(before.flows.at(j)), still(after.flows.at(i))
	if was == is && before.sameExtra(j, after, i) {
		return false // all fields are read from what was compared
	}
	before.At(j, &c.before)
	after.At(i, &c.after)
	differ := false
	c.each(func(string) bool {
		differ = true
		return false
	})
	return differ
}

// still is f without what moves with the traffic.
func still(f *wire.Flow) wire.Flow {
	s := *f
	s.Counter, s.Timeout, s.Use = [2]wire.Counters{}, 0, 0
	s.Present &^= wire.HasCounters | wire.HasTimeout | wire.HasUse
	return s
}
