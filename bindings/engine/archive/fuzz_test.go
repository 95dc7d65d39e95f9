package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// FuzzFile reads arbitrary bytes as a file: no panic, the same flows each time, and
// what is opened without damage has as many as it says.
func FuzzFile(f *testing.F) {
	whole, err := os.ReadFile(save(f, Header{Name: "x"}, messages()[:4]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add([]byte(line + "\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := in(b)
		if err != nil {
			_ = err.Error()
			return
		}
		first, err := raws(file)
		if (err != nil) != (file.Damage() != nil) || len(first) != file.Len() {
			t.Fatalf("%d flows of %d, %v and %v", len(first), file.Len(), err, file.Damage())
		}
		n := 0
		_ = file.Each(func(e *wire.Entry) error {
			n++
			if c, err := restore.Request(e, restore.Options{Age: file.Age()}); err == nil {
				_, _ = c.Append(nil, 1, 0)
			}
			_ = restore.Losses(e, restore.Options{})
			return nil
		})
		if n != len(first) {
			t.Fatalf("%d flows, then %d", len(first), n)
		}
	})
}

// FuzzRecords reads arbitrary bytes as the payloads of records with the right
// checksums, each behind its type and length.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("H\x00\x02{}E\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00"))
	seed := []byte("H\x00\x02{}F")
	msg := messages()[0]
	seed = append(binary.BigEndian.AppendUint16(seed, uint16(len(msg))), msg...)
	f.Add(append(seed, "E\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		w := record.NewWriter(&out, format)
		for len(b) >= 3 {
			n := min(int(binary.BigEndian.Uint16(b[1:])), len(b)-3)
			_ = w.Append(b[0], b[3:3+n])
			b = b[3+n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		file, err := in(out.Bytes())
		var damage *record.DamageError
		if err != nil {
			if !errors.As(err, &damage) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		list, err := raws(file)
		if len(list) != file.Len() || (err != nil) != (file.Damage() != nil) {
			t.Fatalf("%d flows of %d: %v", len(list), file.Len(), err)
		}
	})
}

// FuzzText reads an arbitrary line: no panic, and a flow that is read can be written
// as a message and read again.
func FuzzText(f *testing.F) {
	for _, s := range []string{line, `-A -t "5" # x`, "-A -t 5 -s fd00::1 -d fd00::2 -n [::1]:5 -p tcp --sport 1 --dport 2 --state CLOSE",
		"-I -u UNSET -p icmp --icmp-type=8 --icmp-code 0", "-A -l 3 -w 7 -m 0x1 -p gre --srckey 1 --dstkey 2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w words
		var e, again wire.Entry
		if w.split(text) != "" || len(w.list) == 0 || w.flow(&e) != "" {
			return
		}
		var v wire.View
		if reason := check(e.AppendMessage(nil), &v); reason != "" {
			t.Fatalf("%q: %s", text, reason)
		}
		if v.Entry(&again); again.Flow != e.Flow {
			t.Fatalf("%q\ngives %+v\nand again %+v", text, e.Flow, again.Flow)
		}
	})
}
