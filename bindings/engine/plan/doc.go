// Package plan holds changes to the table as values: what is to be done, to
// which flows, and what became of it.
//
// A [Plan] changes nothing until [Plan.Apply]. Apply first finds the flows,
// then asks its guard, then acts, so that a plan which goes too far is refused
// before the first message.
//
// The package must not know Lua or open a socket, and nothing else may send a
// changing request on behalf of a script.
package plan
