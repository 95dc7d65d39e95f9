// Package fs is the Lua module fs: the files, directories and locks that an
// operations script needs, and nothing that removes a tree.
//
// Every function gives the turn to other tasks while it waits. Reading has
// bounds and can be interrupted, also on a FIFO that nobody writes to. Writing
// is all or nothing: a new file takes the place of the old one once it is on
// the disk.
//
// It must not know what is in the files, and must not keep one open behind a
// call, locks excepted.
package fs
