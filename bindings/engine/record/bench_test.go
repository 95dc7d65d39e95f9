package record

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkRecord(b *testing.B) {
	payload := make([]byte, 306)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(HeadLen + 306)
		b.ReportAllocs()
		w := NewWriter(io.Discard, format)
		for b.Loop() {
			if err := w.Append(1, payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		const many = 10_000
		var file bytes.Buffer
		w := NewWriter(&file, format)
		for range many {
			_ = w.Append(1, payload)
		}
		_ = w.Flush()
		src := bytes.NewReader(nil)
		r, at := &Reader{}, len(format.start())
		b.SetBytes(HeadLen + 306)
		b.ReportAllocs()
		for left := 0; b.Loop(); left-- {
			if left == 0 {
				src.Reset(file.Bytes()[at:])
				r.Restart(src, int64(at), 0)
				left = many
			}
			if _, _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
