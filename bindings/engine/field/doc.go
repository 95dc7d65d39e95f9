// Package field is the table of everything that can be asked of a flow: one
// entry a field with its name, type, unit, documentation, where it comes from
// and what it needs. Scripts, filters, grouping, JSON, CSV and help follow it.
//
// A [Row] is a flow as it is asked: it decodes of a message only the parts
// that somebody wants, and each once. What filters ask most is read where it
// lies in the message, before anything is decoded.
//
// The package must not know what is asked for: filters and queries are above.
package field
