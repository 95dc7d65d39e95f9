package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.enter(opt, func() error { return p.runFile(cmd.Context(), opt, args[0], args[1:]) })
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// start is ctsh without a command: a chunk, a file, standard input or the
// prompt.
func (p *Program) start(ctx context.Context, opt *options, args []string) error {
	return p.enter(opt, func() error {
		switch {
		case len(opt.chunks) > 0:
			return p.runSource(ctx, opt, "-e", ".", strings.Join(opt.chunks, "\n"), args)
		case len(args) > 0:
			return p.runFile(ctx, opt, args[0], args[1:])
		case p.StdinTTY:
			return p.prompt(ctx, opt)
		}
		return p.runFile(ctx, opt, "-", nil)
	})
}

// enter runs fn where the flags say: here, or again in a scratch namespace.
func (p *Program) enter(opt *options, fn func() error) error {
	if !opt.scratch {
		return fn()
	}
	code, again, err := scratch()
	switch {
	case err != nil:
		return err
	case !again:
		return fn()
	case code != 0:
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
		source, err = io.ReadAll(p.Stdin)
	} else {
		source, err = os.ReadFile(path)
	}
	switch {
	case errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(path, "./"):
		return usagef("no command or script %q%s", path, meant(path))
	case err != nil:
		return &usageError{fmt.Sprintf("cannot read the script: %v", err)}
	}
	return p.runSource(ctx, opt, name, dir, string(source), args)
}

// meant suggests a command for a word that is neither command nor file.
func meant(word string) string {
	if h := luaerr.DidYouMean(word, []string{"run", "doctor", "version", "help", "completion"}); h != "" {
		return "; " + h
	}
	return ""
}

// runSource runs a script to its end. The first signal stops it; a second one
// ends the program.
func (p *Program) runSource(ctx context.Context, opt *options, name, dir, source string, args []string) error {
	ctx, stop := p.interruptible(ctx)
	defer stop()
	h, err := p.newHost(ctx, opt, name, dir, args)
	if err != nil {
		return err
	}
	err = h.Run(name, source)
	if err == nil {
		err = h.Wait()
	}
	err = h.finish(p, err)
	if closeErr := h.close(); err == nil {
		err = closeErr
	}
	return err
}

// interruptible returns a context that the first signal cancels.
func (p *Program) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if p.Signals == nil {
		return ctx, cancel
	}
	go func() {
		select {
		case <-p.Signals:
			cancel()
		case <-ctx.Done():
			return
		}
		if _, ok := <-p.Signals; ok {
			os.Exit(luaerr.ExitInterrupt)
		}
	}()
	return ctx, cancel
}
