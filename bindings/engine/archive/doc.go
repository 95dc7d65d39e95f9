// Package archive keeps flows in a file, as they were read: lossless, so that all
// that the kernel takes can be restored, and whole or not there at all.
//
// A [Writer] makes a file, and [Open] reads one. It also reads what the conntrack
// command of conntrack-tools writes with -L -o save, which says less.
//
// # Format
//
// A file begins with the 8 bytes "ctshflow" and the version, a byte that is 1.
// Records follow without a gap, each of them
//
//	type      1 byte
//	length    4 bytes, big endian, of the payload, at most 16 MiB
//	checksum  4 bytes, big endian, CRC-32C (Castagnoli) over type, length and payload
//	payload
//
// in this order:
//
//	'H'  one, first: where the flows come from, as a JSON object ([Header])
//	'F'  any number: a flow, as the netlink message that a dump of ctnetlink has of
//	     it, netlink header (16 bytes) and nfgenmsg (4 bytes) included. Its type is
//	     CT_NEW (0x0100); family, attributes and their byte order are those of
//	     linux/netfilter/nfnetlink_conntrack.h. What stands in the header in the
//	     byte order of a host is in that of the machine that wrote the file, and so
//	     are the headers of attributes and the labels.
//	'E'  one, last: the number of flows, 8 bytes, big endian
//
// A file without the last record, with another number in it, or with anything
// behind it is damaged, as is one with a checksum that is wrong. What stands
// before the damage was written like that and can be used.
//
// The package must not read or change the table, nor decide which flows are
// restored: package restore knows how. What it says of a file comes from outside
// and must be escaped where it is printed.
package archive
