package plan

import (
	"fmt"
	"strings"
)

// Amounts are how many things a plan is about.
type Amounts struct {
	Touched  int // flows that are there and would be changed or deleted
	Requests int // other changes: flows that are to be made, elements of a set
	// What is taken back does not count towards the guard: flows that come again,
	// flows that go since they were made, flows that get what they had, and other
	// changes.
	Again, Unmade, Back, Reverts int
}

// Matched is how many there are together.
func (a Amounts) Matched() int {
	return a.Bounded() + a.Again + a.Unmade + a.Back + a.Reverts
}

// Bounded is how many of them count towards the guard of a plan that was given
// none.
func (a Amounts) Bounded() int { return a.Touched + a.Requests }

func (a Amounts) minus(b Amounts) Amounts {
	return Amounts{a.Touched - b.Touched, a.Requests - b.Requests, a.Again - b.Again, a.Unmade - b.Unmade, a.Back - b.Back, a.Reverts - b.Reverts}
}

// words says how many there are of each, and what part of a table.
func (a Amounts) words(table int) string {
	var list []string
	add := func(n int, word, what string) {
		if n > 0 {
			list = append(list, plural(n, word)+what)
		}
	}
	part := ""
	if table > 0 {
		// Several steps may be about the same flows.
		part = fmt.Sprintf(", %.0f%% of the %d in the table", min(100, 100*float64(a.Touched)/float64(table)), table)
	}
	add(a.Touched, "flow", part)
	add(a.Again, "flow", " as they were before")
	add(a.Unmade, "made flow", " deleted")
	add(a.Back, "flow", " changed back")
	add(a.Reverts+a.Requests, "change", "")
	if len(list) == 0 {
		return "0 flows"
	}
	return strings.Join(list, ", and ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
