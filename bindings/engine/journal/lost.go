package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// lose adds the journals that stand behind the damage. Nothing of them is given
// back; but who asks for the newest journal must not get an older one in its
// place, so it must be known that they are there.
func (c *contents) lose(src io.ReaderAt, n int64, first uint64) {
	good, more := len(c.extents), false
	all := search(src, c.damage.Offset, n, func(typ byte, payload []byte, at place) {
		more = true
		var h Header
		if typ != typeHeader || json.Unmarshal(payload, &h) != nil {
			return
		}
		id, ok := parseID(h.ID)
		if k := id - first; ok && id >= first+uint64(len(c.extents)) && k < fileIDs {
			for uint64(len(c.extents)) <= k { // the header of one before may be damaged
				c.extents = append(c.extents, extent{offset: at.offset, lost: true})
			}
			c.extents[k].header = at
		}
	})
	c.torn = c.damage.Reason == record.CutShort && all && !more
	if good > 0 && !c.extents[good-1].ended() {
		return // it is that one that is damaged
	}
	if len(c.extents) == good {
		c.extents = append(c.extents, extent{lost: true})
	}
	c.extents[good].offset = c.damage.Offset
}

// search calls fn for the good records from an offset to n that begin a journal or
// a batch, or end a journal, and tells whether all could be read. Where records
// begin is not known, so each byte may be the first of one.
func search(src io.ReaderAt, offset, n int64, fn func(typ byte, payload []byte, at place)) (all bool) {
	var r record.Reader
	buf := make([]byte, 64<<10)
	for offset < n {
		got, err := src.ReadAt(buf[:min(int64(len(buf)), n-offset)], offset)
		for i := 0; i+record.HeadLen < got; i++ {
			size := int64(binary.BigEndian.Uint32(buf[i+1:]))
			switch {
			case buf[i] == typeBatch && size == batchLen:
			case (buf[i] == typeHeader || buf[i] == typeEnd) && size <= record.MaxHeader && buf[i+record.HeadLen] == '{':
			default:
				continue
			}
			at := place{offset: offset + int64(i), payload: int(size)}
			r.Restart(io.NewSectionReader(src, at.offset, record.HeadLen+size), at.offset, 0)
			if typ, payload, err := r.Next(); err == nil {
				fn(typ, payload, at)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false
		}
		if got <= record.HeadLen {
			break
		}
		offset += int64(got - record.HeadLen)
	}
	return true
}
