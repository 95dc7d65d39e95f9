package probe

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRemember finds a verdict in one process and has it in the next, unless
// the file is not to be trusted.
func TestRemember(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ctsh")
	path := filepath.Join(dir, "probes")
	defer func() { memory.path, memory.known = "", nil }()
	tried := 0
	feature := func() *Feature {
		return &Feature{ID: "filter-test", Group: groupDump, try: func(*lab) Verdict { tried++; return Verdict{Broken, "inverted"} }}
	}
	ask := func(want int, why string) {
		t.Helper()
		Remember(path)
		f := feature()
		v, known := f.recall()
		if !known {
			v = f.try(nil)
			f.remember(v)
		}
		if v != (Verdict{Broken, "inverted"}) || tried != want {
			t.Errorf("%s: %v, tried %d times, want %d", why, v, tried, want)
		}
	}
	ask(1, "the first process")
	ask(1, "the second process")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	ask(2, "a file that anybody can write")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	ask(3, "a folder that anybody can write")
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ask(3, "a folder of our own again")
	if err := os.WriteFile(path, []byte(`{"kernel":"another","verdicts":{"filter-test":{"state":"ok"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ask(4, "another kernel")
	if err := os.WriteFile(path, []byte(`{"kernel":`), 0o600); err != nil {
		t.Fatal(err)
	}
	ask(5, "half a file")
	f := feature()
	f.ID = "filter-unknown"
	f.remember(Verdict{Unknown, "no privilege"})
	Remember(path)
	if _, known := f.recall(); known {
		t.Error("what was not found out is remembered")
	}
}
