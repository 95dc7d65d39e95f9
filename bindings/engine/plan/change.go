package plan

import (
	"fmt"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// effect is what is done to each flow of a step.
type effect interface {
	// words are what is done.
	words() string
	// request is the change of a flow: as it was found, and as it is now. nil
	// leaves the flow as it is, since it changed meanwhile.
	request(found, now *wire.Flow) (wire.Request, error)
	// kind is what the journal calls it.
	kind() journal.Kind
}

// deletion deletes.
type deletion struct{}

func (deletion) words() string      { return "delete" }
func (deletion) kind() journal.Kind { return journal.Delete }
func (deletion) request(_, now *wire.Flow) (wire.Request, error) {
	return wire.NewDelete(now.Key())
}

// update changes.
type update struct{ to Change }

func (u update) words() string { return "update " + u.to.String() }

// kind is that of a deletion for a timeout of 0, by which the kernel drops the
// flow at once.
func (u update) kind() journal.Kind {
	if t := u.to.Timeout; t != nil && *t == 0 {
		return journal.Delete
	}
	return journal.Update
}

func (u update) request(_, now *wire.Flow) (wire.Request, error) {
	return u.to.request(now), nil
}

// Change is what an update does to each flow. Nil and zero fields stay as they
// are.
type Change struct {
	Mark       *wire.Masked32
	Timeout    *uint32 // seconds
	Status     wire.Status
	Labels     *wire.Labels
	LabelMask  *wire.Labels // which of them, nil for all
	DropHelper bool
}

// check refuses a change of nothing and what no flow could take.
func (c Change) check() error {
	if c == (Change{}) {
		return &wire.FieldError{Op: "update", Field: "changes", Msg: "nothing to change"}
	}
	probe := wire.Flow{Orig: wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP,
		Src: wire.Addr{10: 0xff, 11: 0xff, 15: 1}, Dst: wire.Addr{10: 0xff, 11: 0xff, 15: 2}}}
	_, err := c.request(&probe).Append(nil, 1, 0)
	return err
}

// request is the update of one flow.
func (c Change) request(f *wire.Flow) *wire.Update {
	key := f.Key()
	key.HasID = false // the kernel ignores it in updates
	return &wire.Update{Key: key, Mark: c.Mark, Timeout: c.Timeout, Status: c.Status, Current: f.Status,
		Labels: c.Labels, LabelMask: c.LabelMask, DropHelper: c.DropHelper}
}

// did tells whether a flow is as c makes it. The timeout goes down by itself, so
// it only must not be longer.
func (c Change) did(f *wire.Flow) bool {
	switch {
	case c.Mark != nil && f.Mark&c.Mark.Mask != c.Mark.Value&c.Mark.Mask,
		c.Timeout != nil && f.Has(wire.HasTimeout) && f.Timeout > *c.Timeout,
		c.Status&^f.Status != 0,
		c.DropHelper && f.Has(wire.HasHelper):
		return false
	case c.Labels == nil:
		return true
	}
	mask := wire.Labels{^uint64(0), ^uint64(0)}
	if c.LabelMask != nil {
		mask = *c.LabelMask
	}
	return f.Labels[0]&mask[0] == c.Labels[0]&mask[0] && f.Labels[1]&mask[1] == c.Labels[1]&mask[1]
}

// String renders the change as "mark=0x10/0xff timeout=60s".
func (c Change) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if c.Mark != nil {
		if c.Mark.Mask == ^uint32(0) {
			add("mark=%#x", c.Mark.Value)
		} else {
			add("mark=%#x/%#x", c.Mark.Value, c.Mark.Mask)
		}
	}
	if c.Timeout != nil {
		add("timeout=%ds", *c.Timeout)
	}
	if c.Status != 0 {
		add("status=+%s", c.Status)
	}
	if c.Labels != nil {
		add("labels=%s", c.labels())
	}
	if c.DropHelper {
		add("helper=none")
	}
	return strings.Join(parts, " ")
}

// labels renders which labels c sets and clears, as "+web,-db", or as they
// become where all are replaced.
func (c Change) labels() string {
	if c.LabelMask == nil {
		return "{" + strings.Join(field.LabelNames(*c.Labels), ",") + "}"
	}
	var parts []string
	for n := range 128 {
		if !c.LabelMask.Bit(n) {
			continue
		}
		sign := "-"
		if c.Labels.Bit(n) {
			sign = "+"
		}
		parts = append(parts, sign+field.LabelNames(wire.Labels{}.Set(n))[0])
	}
	return strings.Join(parts, ",")
}
