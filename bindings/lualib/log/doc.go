// Package log is the global log of scripts: one line about what a script does,
// with fields, in the form that whoever reads standard error needs. On a
// terminal it is text; under systemd it is a message to the journal with fields
// of its own; anywhere else it is a line of JSON.
//
// Every value is escaped for where it goes (package escape), a line is bounded
// and written at once, and keys are in order, so that equal calls make equal
// lines.
//
// The package must not decide what is worth a line, must not hold lines back,
// and must not touch the standard logger of Go.
package log
