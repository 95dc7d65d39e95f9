//go:build !race

package cli

// race says that the race detector is in the program. It maps more than
// --memory can allow.
const race = false
