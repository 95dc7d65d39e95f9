// Package label gives the 128 label bits of a flow the names that the machine
// has for them, in the connlabel.conf that conntrack(8) and nft(8) read: lines
// such as "3 web".
//
// The file is read once, when a name is first asked for. A line that cannot be
// read is passed over and kept as a [Problem]. The package must not change the
// file, and what it reads there must never stop anything: a bit without a name
// is called by its number.
package label
