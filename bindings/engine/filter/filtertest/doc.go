// Package filtertest makes flows and filters at random for the tests of whoever
// evaluates filters.
//
// It must not be imported by anything but tests.
package filtertest
