// Package conntrack talks to the connection tracking table of a Linux network
// namespace: it dumps, reads, creates, updates, deletes and counts flows and
// expectations, manages timeout policies and listens to events, over
// ctnetlink.
//
// [Kernel] is the whole surface. [Open] returns the real one, and package fake
// an imagined one with a virtual clock and faults on demand; both are the
// same [Client] over another [Transport], so that what is tested against the
// fake is the code that meets the kernel.
//
// Every operation is cancelled by its context. Commands, dumps and events
// have sockets of their own, because a late answer on a shared one would be
// taken for the answer to the next question.
//
// The package must not decide what to change: plans, guards and journals are
// above it. It refuses what the kernel would misunderstand (package wire).
package conntrack
