// Package scripttest runs the scripts of the folder scripts as their users would:
// by the command, against the running kernel, with real traffic where that
// matters. It counts what they do, runs them twice, dry and without privilege.
//
// It holds tests only, and must not be imported.
package scripttest
