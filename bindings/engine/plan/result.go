package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/engine/snapshot"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Result says what became of a plan. Matched = Applied + Gone + Changed +
// Exists + Expired + Failed + Unknown + Protected, except after a dry run or an
// early end.
type Result struct {
	Op      string
	Matched int
	Applied int
	Gone    int // vanished before they were reached
	// Changed were left out because they are not what was found: made anew with
	// the same addresses, or changed so that the filter no longer selects them.
	Changed int
	Exists  int // to be brought back, but there already: they were left as they are
	Expired int // to be brought back, but their time has run out since
	Failed  int
	Unknown int // sent, but the kernel's answer was lost
	// Protected were left out: the user's own session, and what was said to be
	// protected.
	Protected int
	// Back are deleted flows that were there again when Verify looked, or
	// changed ones that were not as they should be.
	Back int
	// Differs are flows brought back, of the Checked ones that were read again,
	// in which something is not as it was.
	Checked, Differs int
	// Lost is what some flow had that was brought back, and has not any more.
	Lost   []restore.Loss
	Errors []*conntrack.Error
	Notes  []string // sentences on what is not exact or cannot be had
	ID     string   // of the journal, "" where there is none
	// Rows are the flows as they were before their counters were reset, nil for
	// other plans.
	Rows   *snapshot.Snapshot
	Took   time.Duration
	DryRun bool
}

// String renders the result in one line.
func (r *Result) String() string {
	s := fmt.Sprintf("%s: %d matched, %d applied", r.Op, r.Matched, r.Applied)
	if r.DryRun {
		s = fmt.Sprintf("%s: dry run, %d matched", r.Op, r.Matched)
	}
	for _, c := range []struct {
		n    int
		what string
	}{{r.Gone, "gone"}, {r.Changed, "changed meanwhile"}, {r.Exists, "there already"}, {r.Expired, "expired"}, {r.Failed, "failed"},
		{r.Unknown, "unknown"}, {r.Protected, "protected"}, {r.Back, "back"}, {r.Differs, "not as before"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	if r.DryRun {
		return s + ", nothing changed"
	}
	return s + " in " + r.Took.Round(10*time.Microsecond).String()
}

// lose adds what is not brought back, each once.
func (r *Result) lose(list []restore.Loss) {
	for _, l := range list {
		if !slices.Contains(r.Lost, l) {
			r.Lost = append(r.Lost, l)
		}
	}
}

// outcomes is how many flows something has become of.
func (r *Result) outcomes() int {
	return r.Applied + r.Gone + r.Changed + r.Exists + r.Expired + r.Failed + r.Unknown + r.Protected
}

// refuse accounts for a request that the kernel did not execute.
func (r *Result) refuse(err *conntrack.Error) {
	r.Failed++
	if len(r.Errors) < conntrack.MaxErrors {
		r.Errors = append(r.Errors, err)
	}
}

// example adds a sentence about many flows that ends in one of them.
func (r *Result) example(text string, flow wire.Tuple) {
	for _, old := range r.Notes {
		if strings.HasPrefix(old, text) {
			return
		}
	}
	r.Notes = append(r.Notes, text+flow.String())
}

// note adds a sentence, each once.
func (r *Result) note(text string) {
	for _, old := range r.Notes {
		if old == text {
			return
		}
	}
	r.Notes = append(r.Notes, text)
}
