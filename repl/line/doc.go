// Package line reads edited lines from a terminal. It is the one small
// interface over github.com/chzyer/readline v1.5.1, which is used unmodified
// but never given what it cannot digest: keys reach it one at a time through a
// decoder of our own, widths are never zero, and history files, completion
// candidates, Ctrl-Z and NUL never reach it at all.
//
// Defects of v1.5.1 that the package keeps away from its users, each with a
// test: a terminal of 0x0 makes it spin; the Delete key on an empty line and a
// NUL count as end of file; Ctrl-Z stops the parent process; Ctrl-R then
// Ctrl-C with an empty history panics; Home and End as tmux sends them are
// ignored; Close hangs while a read is pending.
//
// It must not know Lua, the prompt's session or the kernel, and nothing else
// in the module may import chzyer/readline.
package line
