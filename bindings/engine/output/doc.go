// Package output writes rows as text: a table for people, JSON, CSV and TSV for
// programs, and the lines of the conntrack command. Each writer streams: a row
// is on its way before the next is asked for, but for the first rows of a
// table, which decide its widths.
//
// All text that is not ours is escaped for where it goes, so that no helper
// name, label or header moves a cursor or becomes a formula.
//
// The package must not know where rows come from or who reads the text: it
// opens no file, asks no terminal and knows no Lua.
package output
