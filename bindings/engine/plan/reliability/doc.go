// Package reliability tries what plans promise under faults: whenever a process
// is killed, an undo brings back all that it changed; where the journal cannot be
// written nothing is changed; and a flow that was made anew is not taken for the
// one that was looked at.
//
// A fault test without the load it claims is worth nothing: each states its
// least load and fails below it. `go test` runs a short version of each, with
// CTSH_FULL=1 (make reliability) the whole.
//
// There are tests only: programs must not import the package, and it must not
// touch a namespace that a test did not make.
package reliability
