package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/vm"
	"github.com/ctsh/ctsh/repl/line"
)

// Session is one prompt over one Lua state, whose turn it holds except while
// it waits for a line: then tasks and handlers run.
type Session struct {
	VM        *vm.VM
	Lines     line.Reader
	Out       io.Writer
	History   History
	Interrupt <-chan os.Signal // stops the evaluation under way, may be nil
}

// Prompts of a first line and of a continuation.
const (
	promptFirst = "ct> "
	promptMore  = "..> "
)

// Run reads and evaluates until the end of input or of the script, which comes
// back as a *luaerr.Exit where exit(n) was called.
func (s *Session) Run() error {
	// A task may end the script while a line is being waited for.
	defer context.AfterFunc(s.VM.Tasks.Context(), func() { _ = s.Lines.Close() })()
	for {
		source, err := s.read()
		switch {
		case errors.Is(err, line.ErrInterrupt):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := s.evaluate(source); err != nil {
			return err
		}
	}
}

// read reads lines until they make a chunk, or a mistake.
func (s *Session) read() (string, error) {
	source, prompt := "", promptFirst
	for {
		var text string
		var err error
		stop := func() {}
		s.VM.Tasks.Block(func() {
			text, err = s.Lines.ReadLine(prompt)
			stop = s.watch(s.interruptTask) // a task may keep the turn
		})
		stop()
		if cause := s.VM.Tasks.Cause(); cause != nil {
			return "", cause
		}
		if err != nil {
			return "", err
		}
		if source += text; !s.VM.Incomplete(source) {
			return source, nil
		}
		source, prompt = source+"\n", promptMore
	}
}

// evaluate runs a chunk and prints its values. Its mistakes are printed; what
// it returns ends the session.
func (s *Session) evaluate(source string) error {
	if source == "" {
		return nil
	}
	if err := s.History.Append(source); err != nil {
		fmt.Fprintf(s.Out, "history is not written: %v\n", err)
	}
	ctx, cancel := context.WithCancel(s.VM.Tasks.Context())
	defer cancel()
	defer s.watch(s.interruptEvaluation(cancel))()
	texts, err := s.VM.Show(ctx, "prompt", source)
	var exit *luaerr.Exit
	switch {
	case errors.As(err, &exit):
		return exit
	case s.VM.Tasks.Cause() != nil:
		return s.VM.Tasks.Cause()
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(s.Out, "interrupted")
	case err != nil:
		fmt.Fprintln(s.Out, s.VM.Explain(err))
	}
	for _, text := range texts {
		fmt.Fprintln(s.Out, text)
	}
	return nil
}

// interruptEvaluation is what an interrupt does during an evaluation: the first
// one stops that, the next ones the task that keeps it from coming back.
func (s *Session) interruptEvaluation(cancel func()) func() {
	stopped := false
	return func() {
		if stopped {
			s.interruptTask()
		}
		stopped = true
		cancel()
	}
}

// interruptTask stops the task or handler that has the turn.
func (s *Session) interruptTask() {
	s.VM.Tasks.Interrupt(luaerr.New(luaerr.ECANCELED, "", "interrupted at the prompt"))
}

// watch calls fn at each interrupt, until the returned function is called.
func (s *Session) watch(fn func()) (stop func()) {
	if s.Interrupt == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-s.Interrupt:
				fn()
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended // the next interrupt is for whoever watches next
	}
}
