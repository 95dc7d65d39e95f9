package query

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
)

// Groups are the rows of a query by some values of theirs, of which it is not
// said yet what to tell.
type Groups struct {
	q    Query
	cols []filter.Column
	keys int // how many groups are kept, 0 for all
}

// By groups the rows by values. keys bounds how many groups are kept, the
// heaviest ones; 0 keeps all.
func (q Query) By(cols []filter.Column, keys int) Groups { return Groups{q, cols, keys} }

// Query is what is grouped.
func (g Groups) Query() Query { return g.q }

// String renders g as it would be typed.
func (g Groups) String() string { return g.q.String() + g.text() }

func (g Groups) text() string {
	s := ":by(" + quote(textOf(g.cols))
	if g.keys > 0 {
		s += ", {keys = " + strconv.Itoa(g.keys) + "}"
	}
	return s + ")"
}

// Aggregate tells something of every group. verb is how that was typed, such
// as `count()`.
func (g Groups) Aggregate(aggs []group.Aggregate, verb string) (Query, error) {
	s := &groupStage{by: g, aggs: aggs, verb: verb}
	t, err := s.table()
	if err != nil {
		return g.q, err
	}
	q := g.q.then(s)
	q.fields, q.flows = t.Fields(), false
	return q, nil
}

// Totals tells something of all rows of q together, in one row.
func (q Query) Totals(aggs []group.Aggregate) (Query, error) {
	return Groups{q: q}.Aggregate(aggs, "")
}

// Hist counts the rows of every group by the power of two that a number
// reaches, in order.
func (g Groups) Hist(col filter.Column) (Query, error) {
	bucket, err := group.Bucket(col.Field)
	if err != nil {
		return g.q, err
	}
	from := filter.Column{Field: bucket, Text: "from"}
	all := Groups{g.q, append(g.cols[:len(g.cols):len(g.cols)], from), g.keys}
	s := &groupStage{all, []group.Aggregate{{Name: "n", Func: "count"}}, "hist(" + quote(col.Text) + ")", &g}
	t, err := s.table()
	if err != nil {
		return g.q, err
	}
	q := g.q.then(s)
	q.fields, q.flows = t.Fields(), false
	keys := make([]filter.Column, len(all.cols))
	for i, c := range all.cols {
		f, _ := q.fields.Lookup(c.Name)
		keys[i] = filter.Column{Field: f, Text: c.Name}
	}
	order := q.sorting(keys, 0)
	order.quiet = true
	return q.then(order), nil
}

// groupStage holds the groups and passes them on at the end.
type groupStage struct {
	by    Groups
	aggs  []group.Aggregate
	verb  string
	shown *Groups // as it was typed, where that differs
}

func (s *groupStage) text() string {
	by := s.by
	if s.shown != nil {
		by = *s.shown
	}
	if len(by.cols) == 0 {
		return ":" + s.verb
	}
	return by.text() + ":" + s.verb
}

func (s *groupStage) asks() (needs, bool) {
	n := needsOf(fieldsOf(s.by.cols))
	for _, a := range s.aggs {
		if a.Of != nil {
			n = n.of(a.Of)
		}
	}
	return n, true
}

func (s *groupStage) table() (*group.Table, error) {
	return group.New(fieldsOf(s.by.cols), s.aggs, group.Options{Keys: s.by.keys})
}

func (s *groupStage) start(run *Report, next sink) sink {
	t, err := s.table()
	return &grouper{t, err, run, next}
}

type grouper struct {
	t    *group.Table
	err  error // cannot be: the same table was made when the query was
	run  *Report
	next sink
}

func (g *grouper) row(r *field.Row) error {
	if g.err != nil {
		return g.err
	}
	g.t.Add(r)
	return nil
}

func (g *grouper) end() error {
	if g.err != nil {
		return g.err
	}
	if groups, rows := g.t.Dropped(); groups > 0 {
		g.run.note(fmt.Sprintf("only the heaviest groups were kept: %s with %s went, so the figures of small groups are too low",
			plural(groups, "light group"), plural(rows, "row")))
	}
	if list := g.t.Estimated(); len(list) > 0 {
		g.run.note(strings.Join(list, ", ") + ": estimated, there were too many values to keep them all")
	}
	return emit(g.next, g.t.Each)
}

// Bar is the column that a table of q draws, "" for none: the counts of a
// histogram.
func (q Query) Bar() string {
	for _, s := range q.stages {
		if g, ok := s.(*groupStage); ok && g.shown != nil {
			if _, ok := q.fields.Lookup("n"); ok {
				return "n"
			}
		}
	}
	return ""
}
