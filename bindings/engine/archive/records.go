package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// surveyRecords reads the header, counts the flows and notes the first damage.
func (f *File) surveyRecords(src io.Reader) error {
	r, h, err := records(src)
	if err != nil {
		return err
	}
	err = follow(r, func(*wire.View) error { f.flows++; return nil })
	if !errors.As(err, &f.damage) && err != nil {
		return err
	}
	f.header = &h
	return nil
}

// records begins to read the file, behind its header.
func records(src io.Reader) (r *record.Reader, h Header, err error) {
	r, err = record.NewReader(src, format)
	if err != nil {
		return nil, h, err
	}
	start := r.Offset()
	typ, payload, err := r.Next()
	if errors.Is(err, io.EOF) {
		return nil, h, &record.DamageError{Offset: start, Reason: record.CutShort}
	}
	if err != nil {
		return nil, h, err
	}
	h, reason := parseHeader(typ, payload)
	if reason != "" {
		return nil, h, &record.DamageError{Offset: start, Reason: reason}
	}
	return r, h, nil
}

// follow calls fn for every flow behind the header, up to a clean end or a
// [*record.DamageError].
func follow(r *record.Reader, fn func(*wire.View) error) error {
	var v wire.View
	flows := uint64(0)
	for {
		offset, records := r.Offset(), r.Records()
		var damage string
		typ, payload, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			damage = record.CutShort + ": the last record is missing"
		case err != nil:
			return err
		case typ == typeFlow:
			damage = check(payload, &v)
		case typ == typeEnd && len(payload) == 8:
			return end(r, binary.BigEndian.Uint64(payload), flows, offset, records)
		default:
			damage = "a record that does not belong there"
		}
		if damage != "" {
			return &record.DamageError{Offset: offset, Records: records, Reason: damage}
		}
		flows++
		if err := fn(&v); err != nil {
			return err
		}
	}
}

// end sees that the last record is right, and the last. It stands at offset,
// behind so many records.
func end(r *record.Reader, says, flows uint64, offset int64, records int) error {
	if says != flows {
		return &record.DamageError{Offset: offset, Records: records, Reason: fmt.Sprintf("the last record counts %d flows, there are %d", says, flows)}
	}
	offset, records = r.Offset(), r.Records()
	if _, _, err := r.Next(); !errors.Is(err, io.EOF) {
		return &record.DamageError{Offset: offset, Records: records, Reason: "more stands behind the last record"}
	}
	return nil
}
