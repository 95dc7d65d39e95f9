// Package file opens the files that users name, and replaces them: so that
// nothing waits for what is no regular file, nobody else sends a write of root
// elsewhere, and a file is there whole or as it was.
//
// It must not know what files hold, nor serve the files that ctsh names itself:
// those of the journal have rules of their own.
package file
