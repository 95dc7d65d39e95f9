// Package cli is the ctsh command as a value. A Program holds everything the
// command takes from its surroundings (arguments, streams, environment, facts
// about the terminal, signals) and Main returns the exit code, so that a test
// runs the whole command without a process of its own.
//
// One file holds one command; program.go holds the value, root.go the command
// tree and the global flags, exit.go the exit codes, host.go the one place
// where the Lua host and the bindings are put together, and worker.go and
// ownership.go what stands between a script and the machine.
//
// It must not hold conntrack or Lua logic of its own, write to os.Stdout or
// read os.Args anywhere but in FromOS, or do work at init time: `ctsh version`
// is meant to end within 3 ms.
package cli
