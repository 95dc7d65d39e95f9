package exec

import (
	"time"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Open sets the global exec. A run of it is a task: closing the state waits
// for the command to be gone.
func Open(v *vm.VM) { module.Open(v.L, v, v.Set) }

var module = registry.NewModule[*vm.VM]("", "runs commands").
	Func("exec(command: string | table, ...: text | number) -> process",
		"runs a command and waits for its end; other tasks go on meanwhile. Every argument reaches it as it is: there is no shell, no quoting and no globbing. "+
			"A table holds the command, its arguments and options: timeout (a duration, 60 s), after which its whole process group gets SIGTERM, and SIGKILL 2 s later; "+
			"stdin (text, none); env (a table of what to change in the environment, false removes); dir (where to run it); cap (a size up to 16 MiB, 1 MiB: how much is kept of each output). "+
			"What the command does, also to fail or to run out of time, is in what is returned. "+
			"What it leaves running in its process group is killed when it ends; a daemon that made a session of its own is left alone. "+
			"--dry-run and --read-only do not bound what the command does: they bound what ctsh itself tells the kernel. --allow without exec takes exec away", run).
	Raises("ENOENT if there is no such command; EPERM if it may not be run; E2BIG if the arguments are too long; ECANCELED").
	Example(`
ct> exec("echo", "hello", 42)
hello 42
ct> r = exec{"cat", "-n", stdin = "one\ntwo\n", timeout = "5s"}
ct> r.ok, r.code, r:lines()[2]:match("two")
true
0
two
ct> exec("false")
exit 1
ct> if not exec("grep", "-q", "no such user", "/etc/passwd").ok then print("not there") end
not there
ct> exec("ecoh")
prompt:1: exec: command "ecoh" not found in PATH ...`)

func run(v *vm.VM, c *registry.Call) int {
	cmd := commandOf(c)
	c.Raise(v.Room())
	ctx := v.Context()
	p := newProcess(cmd)
	v.Tasks.Go("exec "+cmd.args[0], p.run(ctx))
	v.Tasks.Block(func() { p.await(ctx) })
	c.Raise(luaerr.Interrupted(ctx))
	c.Raise(p.failure)
	return c.Return(processType.New(c.L, p))
}

// How long things may take.
const (
	defaultTimeout = 60 * time.Second
	grace          = 2 * time.Second        // from SIGTERM to SIGKILL
	stuck          = 5 * time.Second        // from SIGKILL to giving up: a process inside the kernel does not die
	drain          = 200 * time.Millisecond // from the end of the command to that of its pipes
	farewell       = 50 * time.Millisecond  // for the end of a command that is no longer wanted, before it is left to its task
)
