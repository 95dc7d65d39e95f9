// Package journaltest has a file system with faults, for the tests of whoever
// must not change anything that the journal could not keep.
//
// It is for tests: the product must not import it.
package journaltest
