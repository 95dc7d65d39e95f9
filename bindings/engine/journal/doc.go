// Package journal keeps on disk what is about to be changed, as it was, so that
// it can be brought back whatever becomes of the process.
//
// A [Store] is a directory of files that hold journals, one journal a change.
// [Store.Begin] makes one, [Writer.Intend] puts a batch of changes into it and
// syncs it: nothing of the batch may be sent to the kernel before it returns nil.
// After a write or a sync that failed the [Writer] refuses everything for ever,
// and nothing more goes into its file, because nobody knows what is on the disk:
// a second sync that succeeds says nothing about the pages that the first one
// lost (Linux: mm/filemap.c, file_check_and_advance_wb_err).
//
// [Store.Read] gives back what happened or may have happened. Where a file is
// damaged, that is its good part and nothing else. Journals behind the damage are
// known, and refused.
//
// # Files and syncs
//
// A small change costs one sync. The journals of a Store follow each other in a
// file that stays open, until it is 4 MiB long or holds 4096 of them; a second one
// that is begun while another is written, and the undo of one in that file, go
// elsewhere. The header of a journal is synced with its first batch, the
// directory once a file. The end of a change of one batch has no sync of its own:
// it is on the disk with the next batch of the file, or with [Store.Close]. A
// process that is killed loses nothing by that, since what was written stays in
// the page cache; and with the power the table of the kernel is gone too, and
// nothing is left that could be undone. Where the end is lost all the same, the
// change is one that may have happened.
//
// The process that may still write to a file holds an exclusive flock on it.
// Journals in it that have ended are read and undone meanwhile, by all. Files grow
// side by side: what is newest is told by the clock of the boot, and a header tells
// which older files may hold what is later.
//
// # Format
//
// A file ID.journal, where ID is that of its first journal, is framed as package
// record says, with the magic "ctshjrnl" and version 1. The IDs of the journals
// in it are consecutive. Numbers are big endian. A journal is an H, then Bs, each
// with its changes and Ss, then an E; behind it the next one may begin:
//
//	H      the [Header], JSON
//	B      begin of a batch: its number in the journal from 0 (uint32), how many
//	       changes follow (uint32, 1 to 1000), when, as nanoseconds since 1970
//	       (int64) and of CLOCK_BOOTTIME (int64)
//	a - z  a change, the letter is its [Kind]: d delete, u update, c create,
//	       x action; the payload is the caller's
//	S      what is known of the batch before: its number (uint32), and the places
//	       in it (uint16 each, from 0) of changes that did not happen
//	E      the [Outcome], JSON
//
// A journal without E is the last of its file. It is being written where the file
// is locked, else its process died. A file ID.undone holds JSON about the journal
// that took that of the ID back.
//
// The package must not know what a change is, talk to the kernel about anything
// but files and clocks, or know Lua.
package journal
