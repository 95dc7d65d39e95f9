// Package restore says how a flow that was read before is made again: the request
// for it, the order that masters and their children need, what of it the kernel
// does not take, and whether the flow that came of it is the one that was.
//
// What a dump says cannot be sent back as it is. The kernel translates packets of
// a flow only where the reply tuple is the inverse of the original one and the
// translation stands in attributes of its own, takes TCP flags under a mask, and
// knows nothing of the windows of a connection whose packets it did not see.
// [Request] turns the one into the other. [Losses] tells what it leaves behind.
//
// The package must not send anything, read files or the table, or decide whether
// a flow may be restored: journals and saved tables are read elsewhere, and the
// guard of a plan stands before every change.
package restore
