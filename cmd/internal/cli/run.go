package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ctsh/ctsh/lua/luaerr"
)

func (p *Program) runCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [flags] FILE [args]",
		Short: "run a script; `-` reads it from standard input",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("run: which script? give a file, or - for standard input")
			}
			return named(args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.isolate(opt, args[0], func() error { return p.runFile(cmd.Context(), opt, args[0], args[1:]) })
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// start is ctsh without a command: a chunk, a file, standard input or the
// prompt.
func (p *Program) start(ctx context.Context, opt *options, args []string) error {
	switch {
	case len(opt.chunks) > 0:
		return p.isolate(opt, "", func() error {
			p.misplaced(args, "an argument of -e")
			return p.runSource(ctx, opt, "-e", ".", strings.Join(opt.chunks, "\n"), args)
		})
	case len(args) > 0:
		if err := named(args[0]); err != nil {
			return err
		}
		return p.isolate(opt, args[0], func() error { return p.runFile(ctx, opt, args[0], args[1:]) })
	case p.StdinTTY && p.StdoutTTY:
		return p.isolate(opt, "", func() error { return p.prompt(ctx, opt) })
	}
	return p.isolate(opt, "-", func() error { return p.runFile(ctx, opt, "-", nil) })
}

// named refuses a script without a name, which an unset variable leaves.
func named(file string) error {
	if file == "" {
		return usagef("the name of the script is empty; give a file, or - for standard input")
	}
	return nil
}

// safety are the flags whose absence changes more than was meant.
var safety = []string{"--dry-run", "--read-only", "--netns", "--scratch"}

// misplaced says that a flag which would have kept the run from harm is the
// script's own, as it stands behind the script. Behind "--" it is meant to be.
func (p *Program) misplaced(args []string, behind string) {
	for i, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if slices.Contains(safety, name) && !slices.Contains(p.Args[:len(p.Args)-len(args)+i], "--") {
			fmt.Fprintf(p.Stderr, "ctsh: %s behind %s goes to the script; ctsh's own flags stand before it\n", name, behind)
			return
		}
	}
}

// isolate runs fn where the flags say: here, or again in a scratch namespace,
// in a worker with bounded memory, or in both. file is the script, "-" standard
// input and "" neither.
func (p *Program) isolate(opt *options, file string, fn func() error) error {
	confined, err := opt.confine(file)
	if err != nil {
		return err
	}
	what := file
	switch {
	case file == "-":
		what = "stdin"
	case file == "" && len(opt.chunks) > 0:
		what = "-e"
	case file == "":
		what = "the prompt"
	}
	return p.enter(opt, confined, func() error { return p.bounded(opt, what, fn) })
}

// enter runs fn where --scratch says: here, or again in a scratch namespace.
func (p *Program) enter(opt *options, confined *confinement, fn func() error) error {
	if !opt.scratch {
		return fn()
	}
	code, again, err := p.scratch(confined)
	switch {
	case err != nil:
		return err
	case !again:
		return fn()
	case code != 0:
		confined.tell(p.Stderr, code)
		return &exitStatus{code}
	}
	return nil
}

// runFile reads a script and runs it.
func (p *Program) runFile(ctx context.Context, opt *options, path string, args []string) error {
	var source []byte
	var err error
	name, dir := path, filepath.Dir(path)
	if path == "-" {
		name, dir = "stdin", "."
		source, err = readSource(p.Stdin)
	} else {
		source, err = opt.readFile(path)
	}
	var refused *luaerr.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(path, "./"):
		return usagef("no command or script %q%s", path, meant(path))
	case err != nil:
		return &usageError{fmt.Sprintf("cannot read the script: %v", err)}
	}
	p.misplaced(args, "FILE")
	return p.runSource(ctx, opt, name, dir, string(source), args)
}

// sourceLimit is how much of a script is read: beyond the length that the Lua
// host accepts, so that it can refuse the rest, and short of what would fill
// the memory when the file is an endless device.
const sourceLimit = 1 << 20

func readSource(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, sourceLimit)) }

func (o *options) readFile(path string) ([]byte, error) {
	f, err := o.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readSource(f)
}

// meant suggests a command for a word that is neither command nor file.
func meant(word string) string {
	if h := luaerr.DidYouMean(word, []string{"run", "journal", "undo", "doctor", "version", "help", "completion"}); h != "" {
		return "; " + h
	}
	return ""
}

// runSource runs a script to its end. The first signal stops it; a second one
// ends the program without waiting for a script that does not stop.
func (p *Program) runSource(ctx context.Context, opt *options, name, dir, source string, args []string) error {
	ctx, impatient, release := p.interruptible(ctx)
	defer release()
	ended := make(chan error, 1)
	go func() { ended <- p.evaluate(ctx, opt, name, dir, source, args) }()
	select {
	case err := <-ended:
		return err
	case status := <-impatient:
		return status
	}
}

// evaluate runs a script in a state of its own.
func (p *Program) evaluate(ctx context.Context, opt *options, name, dir, source string, args []string) error {
	h, err := p.newHost(ctx, opt, name, dir, args)
	if err != nil {
		return err
	}
	err = h.Run(name, source)
	if err == nil {
		h.ct.Unattended()
		err = h.Wait()
	}
	if err == nil {
		for _, line := range h.ct.Unused() {
			fmt.Fprintf(p.Stderr, "ctsh: %s\n", line)
		}
	}
	err = h.finish(p, err)
	if closeErr := h.close(); err == nil {
		err = closeErr
	}
	return err
}

// interruptible returns a context that the first signal cancels, with the exit
// that signal asks for as its cause, and a channel that gets this exit at the
// second signal.
func (p *Program) interruptible(ctx context.Context) (stopped context.Context, impatient <-chan *exitStatus, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done, second := make(chan struct{}), make(chan *exitStatus, 1)
	go func() {
		for signals := 0; ; signals++ {
			select {
			case s := <-p.Signals:
				status := signalExit(s)
				if signals > 0 {
					second <- &exitStatus{status.Status}
					return
				}
				cancel(status)
			case <-done:
				return
			}
		}
	}()
	return ctx, second, func() { close(done); cancel(nil) }
}
