// Package world makes what a flow is seen against: the time, the name of the
// network namespace, the timeouts that its kernel gives and the addresses of
// its machine.
//
// A [Source] belongs to one namespace, and [Source.Look] makes the
// [field.World] of one reading of the table. The settings of the kernel are
// read at most once a reading, by the first flow that asks: a query that has
// no use for them costs nothing.
//
// What the kernel does to the timeout of a flow is written down in timeout.go,
// protocol by protocol. A timeout that cannot be told for certain is unknown:
// a flow that seems idle and is not may be deleted for it.
//
// The package must not change anything and must not read the table.
package world
