package restore

import (
	"fmt"
	"slices"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// MasterError says that a flow cannot be linked to its master by what is
// restored. It can be made without the link ([Options.NoMaster]).
type MasterError struct {
	Flow, Master wire.Tuple
	// Cycle tells that the masters lead back to themselves, which no kernel
	// says. Otherwise the master is not among the flows, and the link works
	// where the table has it.
	Cycle bool
}

// Error implements error.
func (e *MasterError) Error() string {
	if e.Cycle {
		return fmt.Sprintf("restore flow %s: it is among its own masters, by way of %s", e.Flow, e.Master)
	}
	return fmt.Sprintf("restore flow %s: its master %s is not among the flows, and must be in the table", e.Flow, e.Master)
}

// ChangedError says that a source of flows gave others when it was read again.
type ChangedError struct{ Flow wire.Tuple }

// Error implements error.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("restore flows: %s is new in the second reading of the same flows", e.Flow)
}

// Ordered calls fn for every flow of a source, masters before their children, to
// any depth; problem is nil or says why the master of a flow will not be there.
// The source is gone through twice, or three times where a flow has a master.
// Meanwhile it keeps which flow is whose child, and those flows whole whose
// master has a master.
//
// An error of fn or of the source ends it and is returned as it is. A
// [*ChangedError] says that the source is not the same each time.
func Ordered(source func(fn func(*wire.Entry) error) error, fn func(e *wire.Entry, problem *MasterError) error) error {
	o := order{children: map[wire.Tuple]*child{}, absent: map[wire.Tuple]bool{}, fn: fn}
	if err := source(func(e *wire.Entry) error { o.survey(e); return nil }); err != nil {
		return err
	}
	o.settle()
	if err := source(o.first); err != nil {
		return err
	}
	if len(o.children) == 0 {
		return nil
	}
	if err := source(o.second); err != nil {
		return err
	}
	return o.rest()
}

// order knows the children among flows. A flow is named by its original tuple
// and the zone of it, which is where the kernel looks for the master of a child
// (linux nf_conntrack_core.c, nf_ct_key_equal).
type order struct {
	children map[wire.Tuple]*child
	absent   map[wire.Tuple]bool // masters that are no children, until they are seen
	deep     []wire.Entry        // what is below level 1
	fn       func(*wire.Entry, *MasterError) error
}

type child struct {
	master wire.Tuple
	level  int // 1 behind a flow without a master; 0 while it is not known
	cycle  bool
}

// MasterOf is the original tuple of the master of e, with the zone where the kernel
// looks for it.
func MasterOf(e *wire.Entry) wire.Tuple {
	m := e.Master
	m.Zone = e.Orig.Zone
	return m
}

func (o *order) survey(e *wire.Entry) {
	if e.Has(wire.HasMaster) {
		o.children[e.Orig] = &child{master: MasterOf(e)}
	}
}

// settle finds the level of every child.
func (o *order) settle() {
	var path []*child
	for _, c := range o.children {
		path = path[:0]
		for c != nil && c.level == 0 {
			c.level = -1 // on the path
			path = append(path, c)
			above := o.children[c.master]
			if above == nil {
				o.absent[c.master] = true
			}
			c = above
		}
		level, cycle := 0, false
		if c != nil { // where the path meets what is known, or itself
			level, cycle = max(c.level, 0), c.cycle || c.level < 0
		}
		for i := len(path) - 1; i >= 0; i-- {
			level++
			path[i].level, path[i].cycle = level, cycle
		}
	}
}

// first passes on the flows without a master, and keeps those that come last.
func (o *order) first(e *wire.Entry) error {
	if !e.Has(wire.HasMaster) {
		delete(o.absent, e.Orig)
		return o.fn(e, nil)
	}
	c := o.children[e.Orig]
	if c == nil {
		return &ChangedError{e.Orig}
	}
	if c.level > 1 {
		o.deep = append(o.deep, *e)
	}
	return nil
}

// second passes on the children of those.
func (o *order) second(e *wire.Entry) error {
	if !e.Has(wire.HasMaster) {
		return nil
	}
	c := o.children[e.Orig]
	switch {
	case c == nil:
		return &ChangedError{e.Orig}
	case c.level > 1:
		return nil
	}
	return o.child(e, c)
}

// rest passes on their children, and those of these.
func (o *order) rest() error {
	slices.SortStableFunc(o.deep, func(a, b wire.Entry) int {
		return o.children[a.Orig].level - o.children[b.Orig].level
	})
	for i := range o.deep {
		e := &o.deep[i]
		if err := o.child(e, o.children[e.Orig]); err != nil {
			return err
		}
	}
	return nil
}

func (o *order) child(e *wire.Entry, c *child) error {
	if c.cycle || o.absent[MasterOf(e)] {
		return o.fn(e, &MasterError{Flow: e.Orig, Master: e.Master, Cycle: c.cycle})
	}
	return o.fn(e, nil)
}
