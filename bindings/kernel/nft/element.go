package nft

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// layout is how the key of a set is made: fields one behind the other, in a
// concatenation each padded to 4 bytes.
type layout struct {
	fields   []Field
	interval bool
	size     int // of a key
}

func newLayout(fields []Field, interval bool) *layout {
	l := &layout{fields: fields, interval: interval}
	for i := range fields {
		l.size += l.width(i)
	}
	return l
}

// width is how many bytes field i takes.
func (l *layout) width(i int) int {
	if len(l.fields) == 1 {
		return l.fields[0].Len
	}
	return (l.fields[i].Len + 3) &^ 3
}

// ranged tells that the kernel keeps both ends of an element in one place: it
// does for concatenations of ranges (nft_set_pipapo.c). The ends of other
// intervals are elements of their own (nft_set_rbtree.c).
func (l *layout) ranged() bool { return l.interval && len(l.fields) > 1 }

// Element is a value, range or combination of them that a set can hold. Two
// are equal if they are the same in sets of one type.
type Element struct {
	layout   *layout
	from, to string // the key bytes of both ends, that of a range included
	all      bool   // stands for whatever no other element does
}

// String is the element as nft writes it: "10.0.0.0/8 . 80".
func (e Element) String() string {
	if e.all {
		return "*"
	}
	if e.layout == nil {
		return ""
	}
	parts := make([]string, len(e.layout.fields))
	at := 0
	for i, f := range e.layout.fields {
		from, to := []byte(e.from[at:at+f.Len]), []byte(e.to[at:at+f.Len])
		e.layout.turn(f, from, to)
		parts[i] = f.text(from, to)
		at += e.layout.width(i)
	}
	return strings.Join(parts, " . ")
}

// turn puts values into the byte order of the kernel, and back.
func (l *layout) turn(f Field, values ...[]byte) {
	if k := kinds[f.Type]; k == nil || !k.host || l.interval || bigEndian {
		return
	}
	for _, b := range values {
		slices.Reverse(b)
	}
}

// bare is e without its type, to compare it with those of other sets.
func (e Element) bare() Element { return Element{from: e.from, to: e.to, all: e.all} }

// same tells whether both are the same value, whatever set they were made for.
func (e Element) same(other Element) bool { return e.bare() == other.bare() }

// covers tells whether all of other lies in e.
func (e Element) covers(other Element) bool {
	if e.all || other.all {
		return e.all == other.all
	}
	for i, at := 0, 0; i < len(e.layout.fields); i++ {
		n := e.layout.width(i)
		if e.from[at:at+n] > other.from[at:at+n] || e.to[at:at+n] < other.to[at:at+n] {
			return false
		}
		at += n
	}
	return true
}

// overlaps tells whether there is a value in both.
func (e Element) overlaps(other Element) bool {
	if e.all || other.all {
		return e.all == other.all
	}
	for i, at := 0, 0; i < len(e.layout.fields); i++ {
		n := e.layout.width(i)
		if e.from[at:at+n] > other.to[at:at+n] || e.to[at:at+n] < other.from[at:at+n] {
			return false
		}
		at += n
	}
	return true
}

// dot is what stands between the fields of a concatenation.
var dot = regexp.MustCompile(`\s+\.\s+`)

// Parse reads an element: one text with the fields of a concatenation
// separated by " . ", or a text for each field. The error is a [*TypeError].
func (s *Set) Parse(parts ...string) (Element, error) {
	given := strings.Join(parts, " . ")
	if len(parts) == 1 {
		parts = dot.Split(strings.TrimSpace(parts[0]), -1)
	}
	e, err := s.layout.parse(parts)
	if err != nil {
		return Element{}, &TypeError{Set: s.String(), Element: given, Reason: err.Error()}
	}
	return e, nil
}

func (l *layout) parse(parts []string) (Element, error) {
	if len(parts) != len(l.fields) {
		return Element{}, fmt.Errorf("want %s, got %s", l.want(), count(len(parts), "value"))
	}
	from, to := make([]byte, l.size), make([]byte, l.size)
	for i, at := 0, 0; i < len(parts); i++ {
		f := l.fields[i]
		if kinds[f.Type] == nil {
			return Element{}, fmt.Errorf("values of type %s cannot be written", f.Type)
		}
		lo, hi := from[at:at+f.Len], to[at:at+f.Len]
		if err := f.parse(lo, hi, parts[i]); err != nil {
			if len(parts) > 1 {
				return Element{}, fmt.Errorf("value %d: %w (%s)", i+1, err, f.Type)
			}
			return Element{}, fmt.Errorf("%w (%s)", err, f.Type)
		}
		l.turn(f, lo, hi)
		at += l.width(i)
	}
	e := Element{layout: l, from: string(from), to: string(to)}
	if e.from != e.to && !l.interval {
		return Element{}, errors.New(`it is a range, and the set has no "flags interval"`)
	}
	return e, nil
}

// want says what an element is made of.
func (l *layout) want() string {
	if len(l.fields) == 1 {
		return "1 value"
	}
	types := make([]string, len(l.fields))
	for i, f := range l.fields {
		types[i] = f.Type
	}
	return fmt.Sprintf("%d values, %s", len(types), strings.Join(types, " . "))
}

// count says how many there are of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
