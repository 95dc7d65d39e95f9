package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// options are the global flags, shared by every command.
type options struct {
	netns    string   // name or path of the network namespace to work in
	scratch  bool     // work in a fresh user and network namespace
	timeout  duration // the whole run may take this long; 0 is no limit
	json     bool     // machine-readable output
	dryRun   bool     // every apply becomes a preview
	noGuard  bool     // plans may touch the flows of the own session
	readOnly bool     // no socket that could change the kernel is opened
	chunks   []string // -e, in the order given
	command  bool     // what runs is a command of ours that is written in Lua

	allow  allowance // what a script may reach besides the table
	trust  bool      // root runs files that others can write
	memory memory    // what a script may use of it; 0 is no bound
}

// execute parses the command line and runs the command it names.
func (p *Program) execute(ctx context.Context) error {
	opt := &options{}
	root := p.rootCommand(opt)
	root.SetArgs(separate(p.Args, root))
	return root.ExecuteContext(ctx)
}

func (p *Program) rootCommand(opt *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "ctsh [flags] [FILE [args] | - [args] | -e CHUNK [args]]",
		Short: "the connection-tracking shell: a prompt and a script runner over the Linux conntrack table",
		Long: `ctsh is the connection-tracking shell.

  ctsh                  a prompt on a terminal; otherwise the script on standard input
  ctsh FILE [args]      run a script; arguments after FILE are the script's own
  ctsh -e CHUNK [args]  run a piece of Lua
  ctsh - [args]         run the script on standard input

As root, ctsh runs files only that are root's and that nobody else can write,
with every directory on the way (one with the sticky bit, such as /tmp, may be
writable), and so with what they require. -e and standard input are not looked
at, nor is a file with --trust. With --scratch such a file of others does run,
but with --allow none and no way out of the scratch.

--dry-run and --read-only bound what ctsh itself tells the kernel. Programs that
a script starts, files and the network are for --allow.

Exit codes: 0 done, 1 script error or more memory than --memory, 2 usage or
syntax, 3 guard, 5 no privilege or a file that root does not run, 6 partial
failure, 124 --timeout, 130 interrupt; and those of a shell for a signal, as 129
for a hang-up, 141 for a closed pipe, 143 for a termination.`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return opt.check(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.start(cmd.Context(), opt, args)
		},
	}
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.Flags().SetInterspersed(false)
	root.Flags().StringArrayVarP(&opt.chunks, "execute", "e", nil, "run `CHUNK` of Lua; may be repeated")

	global := root.PersistentFlags()
	global.StringVar(&opt.netns, "netns", "", "work in the network namespace `NAME|PATH`")
	global.BoolVar(&opt.scratch, "scratch", false, "work in a fresh namespace with a real, empty table; needs no root")
	global.Var(&opt.timeout, "timeout", "end with exit code 124 after `DURATION` (5s, 1h30m, 2d)")
	global.BoolVar(&opt.json, "json", false, "machine-readable output")
	global.BoolVar(&opt.noGuard, "no-guard", false, "let changes touch the flows of your own session")
	global.BoolVar(&opt.dryRun, "dry-run", false, "show what plans would change, tell the kernel nothing;\nexec, fs and http act all the same")
	global.BoolVar(&opt.readOnly, "read-only", false, "refuse every change of the kernel that ctsh would make;\nexec, fs and http act all the same")
	global.Var(&opt.memory, "memory", "end a script that needs more than `SIZE` (256MiB, 1GiB; at least 96MiB)\nwith exit code 1; each program it starts has the same bound")
	opt.allow.Allow = library.AllowAll
	global.Var(&opt.allow, "allow", "let scripts use what is in `LIST`: exec, net, fs; or all or none")
	global.BoolVar(&opt.trust, "trust", false, "as root, run files that others can write: who can write one is root then")

	root.SetHelpCommand(p.helpCommand())
	root.AddCommand(p.runCommand(opt), p.journalCommand(opt), p.undoCommand(opt), p.doctorCommand(opt), p.versionCommand(opt))
	return root
}

// check refuses flags that contradict each other, and one that was meant to
// say something and does not: the empty name is what a variable leaves that is
// not set, and would stand for the namespace of the machine.
func (o *options) check(cmd *cobra.Command) error {
	if o.netns == "" && cmd.Flags().Changed("netns") {
		return usagef("--netns: the name is empty; leave the flag out to work in the namespace of this process")
	}
	if o.scratch && o.netns != "" {
		return usagef("--scratch and --netns exclude each other")
	}
	if cmd.HasParent() && len(o.chunks) > 0 {
		return usagef("-e does not go together with the command %q", cmd.Name())
	}
	if o.memory != 0 && cmd.HasParent() && cmd.Name() != "run" {
		return usagef("--memory goes with a script, not with the command %q", cmd.Name())
	}
	return nil
}

// separate puts "--" before the first argument that belongs to a script, so
// that a script's own arguments are never taken for commands or flags of ours:
// `ctsh FILE --json` and `ctsh -e CHUNK version` hand theirs over untouched.
func separate(args []string, root *cobra.Command) []string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.AddFlagSet(root.Flags())
	flags.AddFlagSet(root.PersistentFlags())

	chunk := false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			break
		}
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			if !chunk && isCommand(root, arg) {
				break
			}
			out := append([]string{}, args[:i]...)
			return append(append(out, "--"), args[i:]...)
		}
		flag, inline := lookup(flags, arg)
		if flag == nil {
			break // cobra will name the unknown flag
		}
		chunk = chunk || flag.Name == "execute"
		if flag.NoOptDefVal == "" && !inline {
			i++ // the next argument is the value of this flag
		}
	}
	return append([]string{}, args...) // never nil: cobra would read os.Args
}

// lookup finds the flag that arg names and reports whether the value is part
// of the same argument: --flag=value, -evalue.
func lookup(flags *pflag.FlagSet, arg string) (flag *pflag.Flag, inline bool) {
	if name, long := strings.CutPrefix(arg, "--"); long {
		name, _, inline = strings.Cut(name, "=")
		return flags.Lookup(name), inline
	}
	return flags.ShorthandLookup(arg[1:2]), len(arg) > 2
}

// isCommand reports whether word names a command, including those that cobra
// adds by itself when it runs.
func isCommand(root *cobra.Command, word string) bool {
	switch word {
	case "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return true
	}
	for _, c := range root.Commands() {
		if c.Name() == word {
			return true
		}
	}
	return false
}

// noArgs refuses positional arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// flagError turns what pflag says into a usage error that suggests the flag
// which was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return usagef("%v", err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if meant := luaerr.Suggest(unknown.GetSpecifiedName(), names); meant != "" {
		return usagef("%v; did you mean --%s?", err, meant)
	}
	return usagef("%v; `%s --help` lists the flags", err, cmd.CommandPath())
}

// usageError is a mistake in the command line: exit code 2.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...)}
}
