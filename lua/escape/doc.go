// Package escape makes text that came from elsewhere safe to show: to a
// terminal, as a cell of a CSV file, as JSON. A peer, a kernel or a file may put
// control characters in what it says; nothing that reads our output may be
// moved, coloured, fooled or made to calculate by them.
//
// What is escaped everywhere is the same: the control characters (C0, DEL, C1),
// the line and paragraph separators (U+2028, U+2029), the characters that turn
// the direction of writing, and bytes that are not UTF-8. All other text stays
// as it is, so that the usual case costs one look at each byte.
//
// The package must not know where text goes: it writes nothing and asks for no
// terminal.
package escape
