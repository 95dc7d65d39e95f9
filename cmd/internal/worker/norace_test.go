//go:build !race

package worker

// race says that the race detector is in the program. It maps more than any
// bound allows.
const race = false
