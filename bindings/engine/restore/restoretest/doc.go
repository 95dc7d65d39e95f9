// Package restoretest fills tables for the tests of whoever saves flows or makes
// them again: [Mixed] is a table as gateways have them, [Every] one with all that
// a flow can have.
//
// It is for tests: the product must not import it.
package restoretest
