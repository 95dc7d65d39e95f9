package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

func (p *Program) journalCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "journal",
		Short: "list what was changed, the newest first",
		Long: `journal lists the changes that were made by ctsh, each with the id that undo
takes. They are kept in $XDG_STATE_HOME/ctsh/journal, or below ~/.local/state:
the last 20 files, of up to 4096 small changes each, and up to 256 MiB.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.enter(opt, nil, func() error {
				return p.command(cmd.Context(), opt, "journal", "ct.journal():print()")
			})
		},
	}
}

func (p *Program) undoCommand(opt *options) *cobra.Command {
	var yes, force bool
	cmd := &cobra.Command{
		Use:   "undo [ID]",
		Short: "take a change back",
		Long: `undo shows what taking a change back would do, and with --yes does it: deleted
flows are made again, made ones deleted, changed ones get what they had. ID is
one that ctsh journal lists, or its beginning; without it the last change of
this network namespace is meant that was not undone.

Flows that are there already stay as they are, so that it can be repeated. Idle
flows come back as they were; a connection that moves packets survives only if
none met the gap.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("undo: one change at a time")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			id := "nil"
			if len(args) == 1 {
				id = fmt.Sprintf("%q", args[0])
			}
			chunk := fmt.Sprintf("local p = ct.undo(%s, {force = %v}) ", id, force)
			if yes {
				chunk += "print(p:apply())"
			} else {
				chunk += fmt.Sprintf("print(p:preview(0)) print('nothing is changed yet; ctsh undo ' .. p.undoes .. '%s --yes does it')", map[bool]string{true: " --force"}[force])
			}
			return p.command(cmd.Context(), opt, "undo", chunk)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do it")
	cmd.Flags().BoolVar(&force, "force", false, "also for a change of another boot or network namespace")
	return cmd
}

// command runs a command that is written in Lua. Its errors are those of a
// command: they show no source.
func (p *Program) command(ctx context.Context, opt *options, name, chunk string) error {
	opt.command = true
	return p.runSource(ctx, opt, name, ".", chunk, nil)
}

// journalDir is where changes are taken down, and what to do with it at the end.
// In a scratch namespace nothing outlives the run.
func journalDir() (dir string, end func(), err error) {
	if !netns.InScratch() {
		dir, err = journal.Dir()
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "ctsh-scratch-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
