// Package exec is the Lua function exec: it runs a command with a list of
// arguments, never through a shell, and returns what came of it.
//
// The command gets a session and process group of its own, without a terminal
// and with nothing to read unless it is told what. When it ends, is out of
// time or is no longer wanted, the whole group goes: asked with SIGTERM,
// killed 2 s later. It is always reaped, and pipes that somebody holds open
// behind it are given up. Should ctsh itself be killed, the kernel kills the
// command.
//
// It must not interpret what a command prints, and must not leave a process,
// descriptor or goroutine behind.
package exec
