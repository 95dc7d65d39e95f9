package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// A plan in a file names its flows, so that what is applied is what was looked
// at, by somebody else or later:
//
//	'H'  one, first: where it is for, JSON ([Kept])
//	'S'  a step, JSON: what is done to the flows that follow
//	'F'  a flow of the step, as the netlink message that a dump has of it
//	'E'  one, last: empty
var keptFormat = record.Format{Name: "plan", Magic: "ctshplan", Version: 1}

const (
	keptHead = 'H'
	keptStep = 'S'
	keptFlow = 'F'
	keptEnd  = 'E'
)

// Kept says what a plan in a file is for.
type Kept struct {
	Boot      string         `json:"boot"`      // of the machine, see journal.Here
	Namespace string         `json:"namespace"` // identity of the network namespace
	Name      string         `json:"name"`      // of that, in words
	Saved     journal.Moment `json:"saved"`
}

// keptEffect is a step in a file.
type keptEffect struct {
	Do     string  `json:"do"` // delete, update or zero
	Change *Change `json:"change,omitempty"`
	Target string  `json:"target"`
}

// KeepError says that a plan cannot be kept in a file.
type KeepError struct{ Op string }

// Error implements error.
func (e *KeepError) Error() string {
	return fmt.Sprintf("a plan to %s cannot be kept in a file: only those can that change flows which are there", e.Op)
}

// Keep looks up the flows of p, but for protected ones, and writes the plan to do
// the same to these. It returns how many there are. A plan that cannot be kept is
// a [*KeepError].
func (p *Plan) Keep(ctx context.Context, to io.Writer, head Kept, guard Protection) (n int, err error) {
	w := record.NewWriter(to, keptFormat)
	add := func(typ byte, v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return w.Append(typ, data)
	}
	if err := add(keptHead, head); err != nil {
		return 0, err
	}
	var msg []byte
	for _, s := range p.steps {
		f, ok := s.(*flowStep)
		op, target := s.words()
		e := keptEffect{Target: target}
		if ok {
			switch to := f.effect.(type) {
			case deletion:
				e.Do = "delete"
			case update:
				e.Do, e.Change = "update", &to.to
			case zero:
				e.Do = "zero"
			default:
				ok = false
			}
		}
		if !ok {
			return n, &KeepError{op}
		}
		found, _, err := f.collect(ctx, &guard, int(^uint(0)>>1))
		if err == nil {
			err = add(keptStep, e)
		}
		for flow := range found.all() {
			if err != nil {
				return n, err
			}
			msg = (&wire.Entry{Flow: *flow}).AppendMessage(msg[:0])
			err = w.Append(keptFlow, msg)
			n++
		}
		if err != nil {
			return n, err
		}
	}
	if err := w.Append(keptEnd); err != nil {
		return n, err
	}
	return n, w.Flush()
}

// ReadKept reads a plan that was kept. One that is damaged anywhere is an error:
// half a plan is not what was looked at.
func ReadKept(from io.Reader) (*Plan, Kept, error) {
	var head Kept
	p := &Plan{}
	r, err := record.NewReader(from, keptFormat)
	if err != nil {
		return nil, head, err
	}
	var step *flowStep
	for first := true; ; first = false {
		typ, data, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, head, errors.New("the plan is not whole: its end is missing")
		case err != nil:
			return nil, head, err
		case first != (typ == keptHead):
			return nil, head, fmt.Errorf("the plan is damaged: a record of type %q is out of place", typ)
		case typ == keptEnd:
			if len(p.steps) == 0 {
				return nil, head, errors.New("the plan has no step")
			}
			return p, head, nil
		case typ == keptHead:
			err = json.Unmarshal(data, &head)
		case typ == keptStep:
			if step, err = readStep(data); err == nil {
				p.steps = append(p.steps, step)
			}
		case typ == keptFlow && step != nil:
			var v wire.View
			var f wire.Flow
			if err = v.Reset(data); err == nil {
				v.Flow(&f)
				step.flows = append(step.flows, f)
			}
		default:
			err = fmt.Errorf("a record of type %q is not known", typ)
		}
		if err != nil {
			return nil, head, fmt.Errorf("the plan cannot be read: %w", err)
		}
	}
}

func readStep(data []byte) (*flowStep, error) {
	var e keptEffect
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	s := &flowStep{target: e.Target}
	switch {
	case e.Do == "delete":
		s.effect = deletion{}
	case e.Do == "zero":
		s.effect = zero{}
	case e.Do == "update" && e.Change != nil:
		if err := e.Change.check(); err != nil {
			return nil, err
		}
		s.effect = update{*e.Change}
	default:
		return nil, fmt.Errorf("%q is nothing that can be done to a flow", e.Do)
	}
	return s, nil
}
