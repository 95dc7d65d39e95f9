// Package mirror keeps a copy of the connection tracking table in memory,
// current to the last event.
//
// Events make it fast and dumps make it right: it listens before it reads the
// table for the first time, reads it again after every loss and every so
// often without one, and joins the two by generations, so that neither an
// event nor a row of a dump ever undoes what is newer.
//
// The package knows the kernel by its interface only and must not change
// anything there. It is no history: a flow that is gone is gone from here.
package mirror
