package field

import (
	"maps"
	"slices"
)

// Set is the fields that the rows of a query have, in order.
type Set struct {
	list   []*Field
	byName map[string]*Field
	cells  int // how many of the fields are cells
}

func newSet(parts ...[]Field) *Set {
	s := &Set{byName: map[string]*Field{}}
	for _, part := range parts {
		for i := range part {
			s.add(&part[i])
		}
	}
	return s
}

func (s *Set) add(f *Field) {
	s.list = append(s.list, f)
	s.byName[f.Name] = f
}

// Columns makes the set of rows that are cells: cell i is what column i is
// called and typed like. How the columns were computed does not matter any
// more. Their names must differ.
func Columns(columns ...*Field) *Set {
	s := &Set{byName: make(map[string]*Field, len(columns))}
	for _, c := range columns {
		s.addCell(c)
	}
	return s
}

// With is the set of the same rows with columns added as cells behind those
// that they have. The names must be new.
func (s *Set) With(columns ...*Field) *Set {
	t := &Set{list: slices.Clone(s.list), byName: maps.Clone(s.byName), cells: s.cells}
	for _, c := range columns {
		t.addCell(c)
	}
	return t
}

// addCell adds a field that is read from the next cell.
func (s *Set) addCell(c *Field) {
	i := s.cells
	s.cells++
	s.add(Compute(Field{Name: c.Name, Kind: c.Kind, Unit: c.Unit, Doc: c.Doc, Words: c.Words, Mask: c.Mask, Min: c.Min, Max: c.Max, Whole: c.Whole, Part: PartCells},
		func(r *Row) (Value, bool) { return r.cells[i].Value, r.cells[i].Has }))
}

// Lookup returns the field of a name.
func (s *Set) Lookup(name string) (*Field, bool) {
	f, ok := s.byName[name]
	return f, ok
}

// Fields returns the fields in order.
func (s *Set) Fields() []*Field { return s.list }

// Whole returns the fields that make up a whole row in output: all but the
// derived ones.
func (s *Set) Whole() []*Field {
	var list []*Field
	for _, f := range s.list {
		if !f.Derived {
			list = append(list, f)
		}
	}
	return list
}

// Names lists the names of the fields in order.
func (s *Set) Names() []string { return NamesOf(s.list) }

// NamesOf lists the names of fields.
func NamesOf(list []*Field) []string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.Name
	}
	return names
}

// Cell is one value of a row that was computed; it may be absent.
type Cell struct {
	Value
	Has bool
}
