package luatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ctsh/ctsh/lua/vm"
)

// What input begins with, and its further lines.
const (
	first = "ct> "
	more  = "..> "
)

// hang is how long one input may take before it is taken to hang.
const hang = 30 * time.Second

// step is one input and what comes of it.
type step struct {
	input string
	want  []string
	came  []string // after check
}

// parse reads a transcript.
func parse(text string) ([]step, error) {
	text = strings.Trim(text, "\n")
	if text == "" {
		return nil, errors.New("there is no example")
	}
	var steps []step
	for i, line := range strings.Split(text, "\n") {
		input, isFirst := strings.CutPrefix(line, first)
		further, isMore := strings.CutPrefix(line, more)
		if isFirst {
			steps = append(steps, step{input: input})
			continue
		}
		if len(steps) == 0 {
			return nil, fmt.Errorf("line %d: want %q and input, got %q", i+1, first, line)
		}
		s := &steps[len(steps)-1]
		switch {
		case isMore && len(s.want) > 0:
			return nil, fmt.Errorf("line %d: %q behind output", i+1, more)
		case isMore:
			s.input += "\n" + further
		default:
			s.want = append(s.want, strings.TrimRight(line, " "))
		}
	}
	return steps, nil
}

// check runs the input and returns how what came out differs, "" where it
// does not. The turn must be held.
func (s *step) check(v *vm.VM, out *bytes.Buffer) string {
	out.Reset()
	ctx, cancel := context.WithTimeout(v.Tasks.Context(), hang)
	defer cancel()
	values, err := v.Show(ctx, "prompt", s.input)
	text := out.String()
	for _, x := range values {
		text += x + "\n"
	}
	if err != nil {
		message, _, _ := strings.Cut(v.Explain(err), "\n")
		text += message + "\n"
	}
	var got []string
	if text != "" {
		got = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for i := range got {
		got[i] = strings.TrimRight(got[i], " ")
	}
	for len(got) > 0 && got[len(got)-1] == "" {
		got = got[:len(got)-1]
	}
	for len(s.want) > 0 && s.want[len(s.want)-1] == "" {
		s.want = s.want[:len(s.want)-1]
	}
	s.came = got
	if matchLines(s.want, got) {
		return ""
	}
	return "ct> " + strings.ReplaceAll(s.input, "\n", "\n"+more) + "\n" + diff(s.want, got)
}
