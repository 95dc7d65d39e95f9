// Package record frames bytes in a file, so that what was written can be told
// from what a crash or a bad disk made of it.
//
// A file begins with the magic of its [Format] and one byte of version. Records
// follow without a gap:
//
//	type      1 byte, not 0
//	length    4 bytes, big endian, of the payload, at most MaxLen
//	checksum  4 bytes, big endian, CRC-32C over type, length and payload
//	payload
//
// A [Reader] returns records as long as they are whole, and then either io.EOF,
// at a clean end only, or a [*DamageError] that says where the good part ends
// and why. Behind the first bad record nothing is looked for: a length that
// cannot be trusted leads nowhere.
//
// Where a first record says what the others are about, in JSON, [Cut] and
// [MaxHeader] bound it.
//
// The package must not know what types and payloads mean, nor open or sync
// files. Where a file ends cleanly is the only end it knows: that a last record
// is missing whole is for its users to notice, by a record that must be last.
package record
