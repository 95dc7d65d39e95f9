package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// roleVar makes the test program play another process: see roles.
const roleVar = "JOURNAL_TEST_ROLE"

var roles = map[string]func() error{"write": writeForEver, "share": shareForEver, "serve": serve, "begin": beginOne, "hold": holdOne, "fill": fillDisk}

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVar)]; role != nil {
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// at is a store in a fresh directory.
func at(t testing.TB, opt ...Option) *Store {
	t.Helper()
	return Open(filepath.Join(t.TempDir(), "state", "journal"), opt...)
}

// some is a header.
func some(op string) Header {
	return Header{Namespace: "4:4026531840", Name: "the machine", Op: op, Target: "tcp and dport == 22", Command: "ctsh run x.lua", User: "root"}
}

func begin(t testing.TB, s *Store, h Header) *Writer {
	t.Helper()
	w, err := s.Begin(h, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// payloads are n of them, which tell their batch and their place in it.
func payloads(number, n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = payload(number, i)
	}
	return list
}

// payload is of 0 to 600 bytes more than it takes to tell.
func payload(number, i int) []byte {
	b := fmt.Appendf(nil, "%d/%d ", number, i)
	return append(b, bytes.Repeat([]byte{byte(number + i)}, (number*31+i*7)%600)...)
}

// change is a Change that is kept.
type change struct {
	kind    Kind
	text    string
	settled bool
}

// all reads a journal to its end, and sees that backwards is the same.
func all(t testing.TB, r *Reader) []change {
	t.Helper()
	var list, back []change
	must(t, r.Each(func(c Change) error {
		list = append(list, change{c.Kind, string(c.Payload), c.Settled})
		return nil
	}))
	must(t, r.Back(func(c Change) error {
		back = append(back, change{c.Kind, string(c.Payload), c.Settled})
		return nil
	}))
	if len(list) != r.Len() {
		t.Fatalf("Len is %d for %d changes", r.Len(), len(list))
	}
	slices.Reverse(back)
	if !slices.Equal(list, back) {
		t.Fatalf("%d changes forwards and %d backwards are not the same", len(list), len(back))
	}
	return list
}

// read opens a journal until the test ends.
func read(t testing.TB, s *Store, id string) *Reader {
	t.Helper()
	r, err := s.Read(id)
	if err != nil {
		t.Fatalf("read %q: %v", id, err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// written is a journal of batches that has ended, in a file of its own, as all
// that follow in s.
func written(t testing.TB, s *Store, h Header, batches ...int) Header {
	t.Helper()
	w := begin(t, s, h)
	for number, n := range batches {
		must(t, w.Intend(Delete, payloads(number, n)))
		must(t, w.Settle(nil))
	}
	must(t, w.End(Outcome{}))
	must(t, s.Close())
	return w.Header()
}

// entry is that of one journal.
func entry(t testing.TB, s *Store, id string) Entry {
	t.Helper()
	list, err := s.List()
	must(t, err)
	for _, e := range list {
		if e.ID == id {
			return e
		}
	}
	t.Fatalf("%s is not among %d journals", id, len(list))
	return Entry{}
}

// is tells whether err is an E.
func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
