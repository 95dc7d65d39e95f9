package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ctsh/ctsh/repl"
	"github.com/ctsh/ctsh/repl/line"
)

// prompt reads lines from the terminal until its user leaves.
func (p *Program) prompt(ctx context.Context, opt *options) (err error) {
	in, inOK := p.Stdin.(*os.File)
	out, outOK := p.Stdout.(*os.File)
	if !inOK || !outOK {
		return errors.New("the prompt needs a terminal")
	}
	history := repl.HistoryFile(p.Getenv)
	lines, err := history.Load()
	if err != nil {
		fmt.Fprintf(p.Stderr, "ctsh: history is not read: %v\n", err)
	}
	editor, err := line.Open(in, out, lines)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, editor.Close()) }()

	q := *p // what tasks print goes above the line that is being edited
	q.Stdout, q.Stderr = editor, editor
	h, err := q.newHost(ctx, opt, "ctsh", ".", nil)
	if err != nil {
		return err
	}
	session := &repl.Session{VM: h.VM, Lines: editor, Out: editor, History: history, Interrupt: p.Signals}
	err = h.finish(p, session.Run())
	return errors.Join(err, h.close())
}
