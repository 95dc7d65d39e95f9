package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// BenchmarkArchive writes and reads files of 200 000 flows, each a connection with
// all that a dump says of one, and reads a text of as many.
func BenchmarkArchive(b *testing.B) {
	const flows = 200_000
	e := restoretest.New(restoretest.Tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 80)).Entry
	e.Present |= wire.HasState | wire.HasMark | wire.HasID | wire.HasUse | wire.HasCounters | wire.HasStart | wire.HasSynProxy
	e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 7}, Flags: [2]wire.TCPFlags{0x23, 0x23}})
	raw := e.AppendMessage(nil)
	path := filepath.Join(b.TempDir(), "flows")
	perFlow := func(name string, size int, fn func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(flows * size))
			b.ReportAllocs()
			for b.Loop() {
				fn(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flows, "ns/flow")
		})
	}
	write := func(b *testing.B, add func(w *Writer) error) {
		w, err := Create(path, Header{})
		if err != nil {
			b.Fatal(err)
		}
		for range flows {
			if err := add(w); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	perFlow("write", len(raw), func(b *testing.B) { write(b, func(w *Writer) error { return w.Add(raw) }) })
	perFlow("write entries", len(raw), func(b *testing.B) { write(b, func(w *Writer) error { return w.AddEntry(&e) }) })
	perFlow("open", len(raw), func(b *testing.B) { open(b, path) })
	f := open(b, path)
	perFlow("views", len(raw), func(b *testing.B) {
		if err := f.Views(func(*wire.View) error { return nil }); err != nil {
			b.Fatal(err)
		}
	})
	perFlow("entries", len(raw), func(b *testing.B) {
		if err := f.Each(func(*wire.Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	})
	perFlow("requests", len(raw), func(b *testing.B) {
		var buf []byte
		if err := restore.Ordered(f.Each, func(e *wire.Entry, _ *restore.MasterError) error {
			c, err := restore.Request(e, restore.Options{})
			if err == nil {
				buf, err = c.Append(buf[:0], 1, 0)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	})
	text := bytes.Repeat([]byte(line+"\n"), flows)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	perFlow("open text", len(line), func(b *testing.B) { open(b, path) })
}
