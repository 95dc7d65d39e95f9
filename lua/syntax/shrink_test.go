package syntax

import (
	"strings"
	"testing"
)

// shrunk leaves lines of a program out as long as the compiled function and
// the other interpreter go on to disagree.
func shrunk(t *testing.T, interpreter string, compile compiler, source string) string {
	for size := strings.Count(source, "\n") / 2; size > 0; {
		lines := strings.SplitAfter(strings.TrimPrefix(source, prelude), "\n")
		var tries []string
		for i := 0; i < len(lines); i++ {
			for n := size; n > 0 && i+n <= len(lines); n /= 2 {
				rest := strings.Join(lines[:i], "") + strings.Join(lines[i+n:], "")
				tries = append(tries, prelude+rest)
				if n < size {
					break
				}
			}
		}
		best := source
		if len(tries) == 0 {
			break
		}
		for i, want := range reference(t, interpreter, tries) {
			if !strings.HasPrefix(want, "no chunk") && len(tries[i]) < len(best) && result(compile, tries[i]) != want {
				best = tries[i]
			}
		}
		if best == source {
			size /= 2
		}
		source = best
	}
	return source
}
