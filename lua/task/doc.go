// Package task runs the tasks of one script: goroutines of which one at a time
// may touch Lua, because all of its threads share one state. A binding that
// waits for something gives the turn away meanwhile.
//
// It must not know Lua or what the tasks do.
package task
