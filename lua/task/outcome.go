package task

import "slices"

// FailedError says which task of a script an error ended.
type FailedError struct {
	Task string
	Err  error
}

// Error names the task.
func (e *FailedError) Error() string { return "a task failed: " + e.Task + ": " + e.Err.Error() }

// Unwrap returns what ended the task.
func (e *FailedError) Unwrap() error { return e.Err }

// maxPending bounds the errors that can still be taken back.
const maxPending = 100

// outcome is how the tasks of a script ended so far.
type outcome struct {
	settled *FailedError // the first error that stays
	pending []*Task      // failed tasks that somebody may still wait for
}

// settle notes an error for good.
func (o *outcome) settle(name string, err error) {
	if o.settled == nil {
		o.settled = &FailedError{Task: name, Err: err}
	}
}

// add notes the error of a task that nobody has waited for yet. Where there
// are too many of them it stays.
func (o *outcome) add(t *Task) {
	if len(o.pending) >= maxPending {
		o.settle(t.name, t.err)
		return
	}
	o.pending = append(o.pending, t)
}

// takeBack forgets the error of a task, because somebody got it.
func (o *outcome) takeBack(t *Task) {
	if i := slices.Index(o.pending, t); i >= 0 {
		o.pending = slices.Delete(o.pending, i, i+1)
	}
}

// err is the error that the script ends with, nil for none.
func (o *outcome) err() error {
	switch {
	case o.settled != nil:
		return o.settled
	case len(o.pending) > 0:
		return &FailedError{Task: o.pending[0].name, Err: o.pending[0].err}
	}
	return nil
}
