package record

import (
	"fmt"
	"hash/crc32"
	"sync"
)

// MaxLen is the longest payload, in bytes.
const MaxLen = 16 << 20

// HeadLen is the length of what stands before a payload: type, length, checksum.
const HeadLen = 1 + 4 + 4

// castagnoli is the polynomial that processors have an instruction for. Its
// tables take 0.2 ms to make, which a command without records need not wait for.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// checksum is that of a record: head holds its type and length.
func checksum(head []byte, parts ...[]byte) uint32 {
	table := castagnoli()
	sum := crc32.Update(0, table, head[:5])
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}

// Format is a kind of file.
type Format struct {
	Name    string // what such a file is called in errors: "journal"
	Magic   string // its first bytes, at least one
	Version byte   // the byte behind them
}

// start is how a file of the format begins.
func (f Format) start() []byte { return append([]byte(f.Magic), f.Version) }

// FormatError says that a file is of another kind, or of a version that this
// program does not read. Nothing of it was read.
type FormatError struct {
	Format  Format // what was expected
	Version byte   // the version that was found, 0 where even the magic is wrong
}

// Error implements error.
func (e *FormatError) Error() string {
	if e.Version == 0 {
		return fmt.Sprintf("not a %s of ctsh: it begins with other bytes", e.Format.Name)
	}
	return fmt.Sprintf("the %s has version %d, this ctsh reads version %d; read it with the ctsh that wrote it", e.Format.Name, e.Version, e.Format.Version)
}

// CutShort is the Reason of a file that ends before its record does.
const CutShort = "cut short"

// DamageError says where the good part of a file ends. All that was returned
// before it was written like that.
type DamageError struct {
	Offset  int64  // bytes of the file that are good
	Records int    // records in them
	Reason  string // what is wrong with the next one, in words
	Err     error  // of the disk, nil where it returned bytes
}

// Error implements error.
func (e *DamageError) Error() string {
	s := fmt.Sprintf("damaged at byte %d: %s", e.Offset, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Records == 1 {
		return s + "; the record before is good"
	}
	return fmt.Sprintf("%s; the %d records before are good", s, e.Records)
}

// Unwrap is the error of the disk.
func (e *DamageError) Unwrap() error { return e.Err }
