// Package plan holds changes to the table as values: what is to be done, to
// which flows, and what became of it.
//
// A [Plan] is a list of steps and changes nothing until [Plan.Apply]. Apply
// first finds what every step acts on and asks the guards: how many flows, what
// share of the table, which of them are protected. A plan that goes too far is
// refused before the first message. Then, a few hundred flows at a time:
//
//	read again   the flows as they are now; one that is gone, that was made
//	             anew or that the filter no longer selects is left out
//	journal      what is about to change, on disk before the kernel is told;
//	             where that took long the flows are read once more
//	send         by tuple, zone and id, in batches
//
// While one batch is sent the next is read. The time between the look at a flow
// and its change is a few milliseconds; no kernel closes that window, since
// ctnetlink has no transactions.
//
// [Undo] makes the plan that takes back what a journal says.
//
// The package must not know Lua or open a socket, and nothing else may send a
// changing request on behalf of a script.
package plan
