// Package journal keeps on disk what is about to be changed, as it was, so that
// it can be brought back whatever becomes of the process.
//
// A [Store] is a directory with one file a journal. [Store.Begin] makes one,
// [Writer.Intend] puts a batch of changes into it and syncs it: nothing of the
// batch may be sent to the kernel before it returns nil. After a write or a sync
// that failed the [Writer] refuses everything for ever, because nobody knows what
// is on the disk: a second sync that succeeds says nothing about the pages that
// the first one lost (Linux: mm/filemap.c, file_check_and_advance_wb_err).
//
// [Store.Read] gives back what happened or may have happened. Where a file is
// damaged, that is its good part and nothing else.
//
// # Format
//
// A file ID.journal is framed as package record says, with the magic "ctshjrnl"
// and version 1. Numbers are big endian. Types of records:
//
//	H      the [Header], JSON; it is the first record
//	B      begin of a batch: its number from 0 (uint32), how many changes follow
//	       (uint32, 1 to 1000), when, as nanoseconds since 1970 (int64) and of
//	       CLOCK_BOOTTIME (int64)
//	a - z  a change, the letter is its [Kind]: d delete, u update, c create,
//	       x action; the payload is the caller's
//	S      what is known of the batch before: its number (uint32), and the places
//	       in it (uint16 each, from 0) of changes that did not happen
//	E      the [Outcome], JSON; it is the last record
//
// A file without E is of a process that died, or runs still: a running one holds
// an exclusive flock on it. A file ID.undone beside it holds JSON about the
// journal that took this one back.
//
// The package must not know what a change is, talk to the kernel about anything
// but files and clocks, or know Lua.
package journal
