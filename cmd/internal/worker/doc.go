// Package worker runs this program again as a process whose memory is bounded:
// nothing inside a process can bound the memory of Lua, and running out of it
// ends a Go program without a chance to say why.
//
// [Run] starts the worker and says how it ended; [Enter], called first thing by
// every start of the program, makes a worker of the one that Run started. The
// bound is RLIMIT_DATA. It counts whatever the process maps for writing; about
// 40 MiB of that are Go's own, most of them never touched.
//
// Standard input and output are handed on as they are. Standard error comes as
// another descriptor and becomes os.Stderr; descriptor 2 is a pipe to the parent. So
// what a script says goes straight to where it belongs, and what the Go runtime
// writes when it ends the process, always to descriptor 2, does not get there.
//
// The package must not know of scripts or flags, and must not print anything
// but what came over that pipe and is no crash.
package worker
