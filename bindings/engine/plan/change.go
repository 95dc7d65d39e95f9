package plan

import (
	"fmt"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Change is what an update does to each flow. Nil and zero fields stay as they
// are.
type Change struct {
	Mark       *wire.Masked32
	Timeout    *uint32 // seconds
	Status     wire.Status
	Labels     *wire.Labels
	LabelMask  *wire.Labels
	DropHelper bool
}

// check refuses a change of nothing and what no flow could take.
func (c Change) check() error {
	if c == (Change{}) {
		return &wire.FieldError{Op: "update", Field: "changes", Msg: "nothing to change"}
	}
	probe := wire.Flow{Orig: wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoTCP,
		Src: wire.Addr{10: 0xff, 11: 0xff, 15: 1}, Dst: wire.Addr{10: 0xff, 11: 0xff, 15: 2}}}
	req, err := c.request(&probe)
	if err == nil {
		_, err = req.Append(nil, 1, 0)
	}
	return err
}

// request is the update of one flow.
func (c Change) request(f *wire.Flow) (wire.Request, error) {
	key := f.Key()
	key.HasID = false // the kernel ignores it in updates
	return &wire.Update{Key: key, Mark: c.Mark, Timeout: c.Timeout, Status: c.Status, Current: f.Status,
		Labels: c.Labels, LabelMask: c.LabelMask, DropHelper: c.DropHelper}, nil
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
		add("labels")
	}
	if c.DropHelper {
		add("helper=none")
	}
	return strings.Join(parts, " ")
}
