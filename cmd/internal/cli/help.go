package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/stdlib"
)

// helpCommand tells about a command, a module of the standard library or what
// scripts use: a word that is none of them is a mistake.
func (p *Program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | NAME]",
		Short: "tell about a command, or about a function, type or module of Lua",
		Long: `help tells about a command of ctsh, about what scripts use, by the name that
help("NAME") takes in Lua, or about a module of the standard library.`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return names(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Root().Help()
			}
			if found, rest, err := cmd.Root().Find(args); err == nil && found != cmd.Root() && len(rest) == 0 {
				found.InitDefaultHelpFlag()
				return found.Help()
			}
			return p.topic(cmd.Root(), strings.Join(args, " "))
		},
	}
}

// topic tells about something of Lua.
func (p *Program) topic(root *cobra.Command, name string) error {
	text, err := registry.About(name)
	if module, ok := modules()[name]; err != nil && ok {
		text, err = module, nil
	}
	var unknown *luaerr.Error
	if errors.As(err, &unknown) {
		hint := luaerr.DidYouMean(name, names(root))
		if hint == "" {
			hint = unknown.Hint
		}
		if hint == registry.NoTopic {
			hint = "`ctsh help` lists the commands, and help() in Lua the rest"
		}
		return usagef("%s; %s", unknown.Msg, hint)
	}
	_, err = fmt.Fprintln(p.Stdout, text)
	return err
}

// names are those of the commands and of the modules of the standard library.
func names(root *cobra.Command) []string {
	var list []string
	for _, c := range root.Commands() {
		list = append(list, c.Name())
	}
	for name := range modules() {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// modules are those of the standard library by name, with the remarks that
// each begins with.
func modules() map[string]string {
	heads := map[string]string{}
	entries, err := stdlib.Modules.ReadDir(".")
	if err != nil {
		return heads // it is a part of this program
	}
	for _, e := range entries {
		source, _ := stdlib.Modules.ReadFile(e.Name())
		var lines []string
		for line := range strings.Lines(string(source)) {
			remark, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "--")
			if !ok {
				break
			}
			lines = append(lines, strings.TrimPrefix(remark, " "))
		}
		heads[strings.TrimSuffix(e.Name(), ".lua")] = strings.Join(lines, "\n")
	}
	return heads
}
