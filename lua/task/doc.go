// Package task runs the tasks of one script: goroutines of which one at a time
// may touch Lua, because all of its threads share one state. That one has the
// turn. A binding that waits for something gives the turn away meanwhile.
//
// Besides tasks there are timers, channels between tasks, and a limit on how
// long a handler or timer function may run without an end. Methods are called
// with the turn held unless they say otherwise.
//
// It must not know Lua or what the tasks do.
package task
