// Package snapshot keeps flows as they were at one time, and tells what became
// of them by a later time: how fast they moved data, and which came, went and
// changed.
//
// A flow takes 176 bytes, and 8 more once flows are looked up. The collector
// finds no pointer in them. Flows are told apart by original tuple and zones,
// and from their re-creations by id and start time, each as far as it is known.
//
// The package must not read the table, know Lua or write files. A [Snapshot] is
// not for several goroutines at once, not even for reading: what looks flows up
// is made by the first look.
package snapshot
