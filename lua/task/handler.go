package task

import (
	"errors"
	"fmt"
)

// MaxErrors is how many errors in a row end a handler or timer.
const MaxErrors = 10

func done(err error) error {
	if errors.Is(err, ErrDone) {
		return nil
	}
	return err
}

// guard counts the errors in a row of one handler.
type guard struct {
	g    *Group
	name string
	row  int
}

// call takes the turn and calls fn, unless the script is over. It returns what
// ends the handler, if anything.
func (h *guard) call(fn func() error) error {
	h.g.Lock()
	err := h.g.call(fn)
	h.g.Unlock()
	return h.check(err)
}

// check reports err and goes on, or returns what ends the handler.
func (h *guard) check(err error) error {
	switch {
	case err == nil:
		h.row = 0
		return nil
	case errors.Is(err, ErrDone) || h.g.ctx.Err() != nil:
		return ErrDone
	}
	if h.row++; h.row == MaxErrors {
		return fmt.Errorf("stopped after %d errors in a row, the last: %w", h.row, err)
	}
	h.g.Lock()
	h.g.report(h.name, err)
	h.g.Unlock()
	return nil
}

// Handler returns a function that calls fn with the turn held, for a task that
// gets its items elsewhere: errors are reported, and what it returns ends the
// task (nil goes on, ErrDone ends in peace). A call may run for as long of
// itself as [Group.SetLimit] says. The function is called without the turn.
func (g *Group) Handler(name string) func(fn func() error) error {
	h := guard{g: g, name: name}
	return h.call
}
