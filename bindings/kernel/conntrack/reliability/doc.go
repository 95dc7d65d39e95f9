// Package reliability tries this folder's promises under load: that no event
// is lost without being counted, that nothing is lost where buffers are large
// enough, that dumps of a table in motion miss nothing that stands still, that
// an incomplete answer says so, and that every end is a clean one.
//
// A fault test without the traffic it claims is worth nothing: each states its
// least load and fails below it. `go test` runs a short version of each, with
// CTSH_FULL=1 (make reliability) the whole.
//
// What is not a test here is the traffic, [Churn], for the tests of the rooms
// above as well. The package is for tests only: programs must not import it,
// and it must not touch a namespace that a test did not make, but for the
// limit and the size of the table, which are the whole machine's and put back.
package reliability
