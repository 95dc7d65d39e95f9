package query

import (
	"context"
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// identity is what tells one flow from any other: its tuple and zones, its
// namespace, and the id, which differs for another flow under the same tuple.
type identity struct {
	orig  wire.Tuple
	rzone uint16
	id    uint32
	netns string
}

func identityOf(r *field.Row) identity {
	e := r.Need(field.PartOrig | field.PartReply | field.PartIdentity)
	return identity{orig: e.Orig, rzone: e.Reply.Zone, id: e.ID, netns: netnsOf(r)}
}

// identities is a set of rows.
type identities interface {
	add(r *field.Row) (fresh bool)
	has(r *field.Row) bool
}

func newIdentities(q Query) identities {
	if q.flows {
		return flowSet{}
	}
	return newSeen(q.fields.Fields())
}

type flowSet map[identity]struct{}

func (s flowSet) add(r *field.Row) bool {
	k := identityOf(r)
	if _, known := s[k]; known {
		return false
	}
	s[k] = struct{}{}
	return true
}

func (s flowSet) has(r *field.Row) bool { _, ok := s[identityOf(r)]; return ok }

// seen is a set of the values of some fields.
type seen struct{ t *group.Table }

func newSeen(fields []*field.Field) seen {
	t, err := group.New(fields, nil, group.Options{})
	if err != nil {
		panic(err) // keys of any kind can be grouped by
	}
	return seen{t}
}

func (s seen) add(r *field.Row) bool {
	before := s.t.Len()
	s.t.Add(r)
	return s.t.Len() > before
}

func (s seen) has(r *field.Row) bool { return s.t.Has(r) }

// memberStage passes the rows that another query also has, or with not those
// that it does not have.
type memberStage struct {
	other Query
	not   bool
}

func (s *memberStage) text() string {
	if s.not {
		return ":unless(" + s.other.String() + ")"
	}
	return ":where(" + s.other.String() + ")"
}

// In narrows q to the rows that other has too, or with not to those that it
// has not: flows by their identity, other rows by their values. other runs
// first.
func (q Query) In(other Query, not bool) (Query, error) {
	verb := "where"
	if not {
		verb = "unless"
	}
	if err := q.sameRows(other, verb); err != nil {
		return q, err
	}
	q.narrow = q.narrow || not || other.narrow
	return q.then(&memberStage{other, not}), nil
}

// maxCompared is how many columns a set of rows can have.
const maxCompared = 64

// sameRows refuses a query whose rows cannot be those of q.
func (q Query) sameRows(other Query, verb string) error {
	if other.Calls() || verb == "+" && q.Calls() {
		return &Error{Verb: verb, Msg: "one query inside another cannot call functions", Hint: "take its rows first: :snapshot()"}
	}
	if q.flows && other.flows && verb != "+" {
		return nil // it is their identity that counts
	}
	a, b := q.fields.Fields(), other.fields.Fields()
	if !q.flows && len(a) > maxCompared {
		return &Error{Verb: verb, Msg: fmt.Sprintf("rows of more than %d columns are not compared", maxCompared), Hint: "select fewer"}
	}
	same := q.flows == other.flows && len(a) == len(b)
	for i := 0; same && i < len(a); i++ {
		same = a[i].Name == b[i].Name && a[i].Kind == b[i].Kind
	}
	if !same {
		return &Error{Verb: verb, Msg: "the rows of " + other.String() + " are of another kind", Hint: "both must be flows, or have the same columns"}
	}
	return nil
}

func (s *memberStage) asks() (needs, bool) {
	n := needs{parts: field.PartOrig | field.PartReply | field.PartIdentity}
	if !s.other.flows {
		n = needsOf(s.other.fields.Fields())
	}
	n.sysctls = s.other.Needs() // without which it has no rows
	return n, false
}

func (s *memberStage) start(run *Report, next sink) sink {
	return &member{stage: s, run: run, next: next}
}

type member struct {
	stage *memberStage
	run   *Report
	next  sink
	set   identities
}

// load runs the other query, when the first row comes: what is not needed is
// not read.
func (m *member) load() error {
	m.set = newIdentities(m.stage.other)
	rep, err := m.stage.other.Each(m.run.ctx, func(r *field.Row) error { m.set.add(r); return nil })
	m.run.add(rep)
	return err
}

func (m *member) row(r *field.Row) error {
	if m.set == nil {
		if err := m.load(); err != nil {
			return err
		}
	}
	if m.set.has(r) == m.stage.not {
		return nil
	}
	return m.next.row(r)
}

func (m *member) end() error { return m.next.end() }

// union is the rows of several queries, each once.
type union struct{ parts []Query }

// Plus is the rows of q and of other, those that both have once.
func (q Query) Plus(other Query) (Query, error) {
	if err := q.sameRows(other, "+"); err != nil {
		return q, err
	}
	u := New(&union{[]Query{q, other}})
	u.flows, u.narrow = q.flows, q.narrow && other.narrow
	return u, nil
}

// Fields implements Source.
func (u *union) Fields() *field.Set { return u.parts[0].fields }

// String implements Source.
func (u *union) String() string { return "(" + u.parts[0].String() + " + " + u.parts[1].String() + ")" }

// Each implements Source.
func (u *union) Each(ctx context.Context, ask Ask, fn func(*field.Row) error) error {
	known := newIdentities(u.parts[0])
	pass := matching(&ask.Filter, fn)
	for _, q := range u.parts {
		stopped := false
		rep, err := q.Each(ctx, func(r *field.Row) error {
			if !known.add(r) {
				return nil
			}
			err := pass(r)
			stopped = err != nil
			return err
		})
		if ask.tell != nil {
			ask.tell(rep)
		}
		if err != nil || stopped {
			return err
		}
	}
	return nil
}
