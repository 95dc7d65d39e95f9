// Package child runs a program that takes our place: it is given the signals
// meant for us, and its end is ours.
//
// It must not decide what is run, with which limits, files or namespaces: the
// caller prepares the command.
package child
