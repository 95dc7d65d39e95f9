package archive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/file"
)

// messages are flows as a dump has them, and some have everything.
func messages() (list [][]byte) {
	for i, c := range restoretest.Every() {
		e := c.Entry
		e.ID, e.Present = uint32(i), e.Present|wire.HasID
		list = append(list, e.AppendMessage(nil))
	}
	return list
}

// save writes flows to a new file and returns its path.
func save(t testing.TB, h Header, list [][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flows")
	w, err := Create(path, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range list {
		if err := w.Add(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// in reads a file that is held in memory.
func in(file []byte) (*File, error) {
	f := &File{path: "-", stdin: file}
	return f, f.read(f.survey)
}

func raws(f *File) (list [][]byte, err error) {
	err = f.Views(func(v *wire.View) error { list = append(list, bytes.Clone(v.Raw())); return nil })
	return list, err
}

func TestRoundTrip(t *testing.T) {
	h := Header{Namespace: "net:[1]", Name: "blue", Query: "tcp and \"\x1b[31m\" " + strings.Repeat("\xe2\x82\xac", 2000), Accounting: true}
	want := messages()
	path := save(t, h, want)
	f := open(t, path)
	if f.Len() != len(want) || f.Damage() != nil {
		t.Fatalf("%d flows of %d, %v", f.Len(), len(want), f.Damage())
	}
	for pass := range 2 {
		got, err := raws(f)
		if err != nil || len(got) != len(want) {
			t.Fatalf("pass %d: %d flows of %d: %v", pass, len(got), len(want), err)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("flow %d was % x and is % x", i, want[i], got[i])
			}
		}
	}
	got := f.Header()
	if got.Namespace != h.Namespace || got.Name != h.Name || !got.Accounting || got.Timestamps || got.Version != 1 || got.Kernel == "" || got.Boot == "" {
		t.Errorf("%+v", got)
	}
	if n := len(got.Query); n < record.MaxText-3 || n > record.MaxText+40 || !strings.HasPrefix(h.Query, got.Query[:record.MaxText-3]) || !strings.HasSuffix(got.Query, " bytes cut]") {
		t.Errorf("of %d bytes of query %d are kept: ...%q", len(h.Query), n, got.Query[n-40:])
	}
	if age := f.Age(); age < 0 || age > time.Hour {
		t.Errorf("%s old", age)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	alone(t, filepath.Dir(path), "flows")
}

// alone sees that a directory has these files and no other.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range list {
		found = append(found, e.Name())
	}
	if strings.Join(found, " ") != strings.Join(names, " ") {
		t.Errorf("the directory has %q, want %q", found, names)
	}
}

func TestEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flows")
	w, err := Create(path, Header{})
	if err != nil {
		t.Fatal(err)
	}
	reqs := restoretest.Mixed()
	for _, c := range reqs {
		if err := w.AddEntry(&c.Entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	i := 0
	if err := open(t, path).Each(func(e *wire.Entry) error {
		if e.Flow != reqs[i].Entry.Flow {
			t.Errorf("flow %d was %+v and is %+v", i, reqs[i].Entry.Flow, e.Flow)
		}
		i++
		return nil
	}); err != nil || i != len(reqs) {
		t.Errorf("%d flows of %d: %v", i, len(reqs), err)
	}
}

// Nothing saved is something else than nothing there.
func TestNoFlows(t *testing.T) {
	f := open(t, save(t, Header{}, nil))
	if list, err := raws(f); f.Len() != 0 || len(list) != 0 || err != nil {
		t.Errorf("%d flows: %v", len(list), err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var unknown *UnknownError
	if _, err := Open(empty); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
}

// What is not put in its place leaves nothing behind, and what was there before.
func TestNotFinished(t *testing.T) {
	path := save(t, Header{Name: "before"}, messages()[:3])
	w, err := Create(path, Header{Name: "after"})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range messages() {
		if err := w.Add(raw); err != nil {
			t.Fatal(err)
		}
	}
	if f := open(t, path); f.Len() != 3 {
		t.Errorf("%d flows before the end", f.Len())
	}
	w.Abort()
	w.Abort()
	alone(t, filepath.Dir(path), "flows")
	if f := open(t, path); f.Len() != 3 || f.Header().Name != "before" {
		t.Errorf("%d flows of %q", f.Len(), f.Header().Name)
	}
	if w, err = Create(path, Header{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Abort() // does nothing any more
	if f := open(t, path); f.Len() != 0 {
		t.Errorf("%d flows of the new file", f.Len())
	}
}

// TestNotReplaced saves where the file cannot be put into its place.
func TestNotReplaced(t *testing.T) {
	path := save(t, Header{Name: "before"}, nil)
	w, err := Create(path, Header{Name: "after"})
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".ctsh-*"))
	if err != nil || len(others) != 1 || os.Remove(others[0]) != nil {
		t.Fatalf("%q %v", others, err)
	}
	for range 2 {
		var failed *Error
		if err := w.Close(); !errors.Is(err, os.ErrNotExist) || !errors.As(err, &failed) {
			t.Errorf("%v", err)
		}
	}
	if err := w.Add(messages()[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a flow behind the failure: %v", err)
	}
	alone(t, filepath.Dir(path), "flows")
	if f := open(t, path); f.Header().Name != "before" {
		t.Errorf("%+v", f.Header())
	}
}

func TestWrongMessages(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "flows"), Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	good := messages()[0]
	request, err := restoretest.Mixed()[0].Append(nil, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	one := restoretest.Mixed()[0].Entry
	one.Present &^= wire.HasReply
	destroyed := bytes.Clone(good)
	destroyed[4] = wire.MsgDelete
	more := append(bytes.Clone(good), 8, 0, wire.AttrMark, 0, 0, 0, 0, 5) // behind the end
	for i, raw := range [][]byte{nil, good[:15], good[:len(good)-1], more, append(bytes.Clone(good), 0, 0, 0, 0), one.AppendMessage(nil), destroyed} {
		var bad *FlowError
		if err := w.Add(raw); !errors.As(err, &bad) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	for _, raw := range [][]byte{good, request} {
		if err := w.Add(raw); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(); err != nil || w.flows != 2 {
		t.Errorf("%d flows: %v", w.flows, err)
	}
}

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := unix.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, link := range [][2]string{{"nowhere", "dangling"}, {"file", "link"}} {
		if err := os.Symlink(link[0], at(link[1])); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, at("fifo"), "/dev/null", at("dangling"), at("link"), at("new") + "/"} {
		var kind *file.KindError
		if _, err := Create(path, Header{}); !errors.As(err, &kind) {
			t.Errorf("save to %s: %v", path, err)
		}
	}
	for _, path := range []string{dir, at("fifo"), "/dev/null"} {
		var kind *file.KindError
		if _, err := Open(path); !errors.As(err, &kind) {
			t.Errorf("read %s: %v", path, err)
		}
	}
	for _, path := range []string{at("none/file"), at("dangling")} {
		if _, err := Open(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("read %s: %v", path, err)
		}
	}
	if _, err := Create(at("none/file"), Header{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("save to a directory that is not there: %v", err)
	}
	alone(t, dir, "dangling", "fifo", "link")
	// A link is read, but nobody else sends a write elsewhere by one.
	if err := os.Rename(save(t, Header{}, messages()[:2]), at("file")); err != nil {
		t.Fatal(err)
	}
	var kind *file.KindError
	if _, err := Create(at("link"), Header{}); !errors.As(err, &kind) || open(t, at("link")).Len() != 2 {
		t.Errorf("save to a link: %v", err)
	}
	alone(t, dir, "dangling", "fifo", "file", "link")
}

// TestChanged reads files that are not what they were when they were opened.
func TestChanged(t *testing.T) {
	then := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(path string) error{
		"cut":      func(path string) error { return os.Truncate(path, 500) },
		"written":  func(path string) error { return os.Chtimes(path, then, then) },
		"replaced": func(path string) error { return os.Rename(save(t, Header{}, messages()[:20]), path) },
	} {
		for _, path := range []string{save(t, Header{}, messages()[:20]), holding(t, strings.Repeat(line+"\n", 20))} {
			f := open(t, path)
			if list, err := raws(f); err != nil || len(list) != 20 {
				t.Fatalf("%d flows: %v", len(list), err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			var changed *ChangedError
			if list, err := raws(f); !errors.As(err, &changed) || len(list) != 0 {
				t.Errorf("%s: %d flows, %v", name, len(list), err)
			}
		}
	}
}

// TestDescriptors holds none between reads.
func TestDescriptors(t *testing.T) {
	path := save(t, Header{}, messages()[:20])
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := count()
	var files []*File
	for range 50 {
		f := open(t, path)
		if _, err := raws(f); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if now := count(); now > before+5 { // other tests have some meanwhile
		t.Errorf("%d descriptors for %d files", now-before, len(files))
	}
}

func TestOtherFiles(t *testing.T) {
	whole, err := os.ReadFile(save(t, Header{}, messages()[:1]))
	if err != nil {
		t.Fatal(err)
	}
	next := bytes.Clone(whole)
	next[len(format.Magic)]++
	var version *record.FormatError
	if _, err := in(next); !errors.As(err, &version) || version.Version != 2 {
		t.Errorf("a version to come: %v", err)
	}
	for _, text := range []string{"\x7fELF", "hello", "{}", "ctshjrnl\x01", "tcp 6 100 ESTABLISHED src=10.0.0.1", "\x00"} {
		var unknown *UnknownError
		if _, err := in([]byte(text)); !errors.As(err, &unknown) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorsOfTheCaller(t *testing.T) {
	stop := errors.New("stop")
	text, err := in([]byte(line + "\n" + line + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*File{open(t, save(t, Header{}, messages())), text} {
		n := 0
		err := f.Each(func(*wire.Entry) error { n++; return stop })
		if err != stop || n != 1 { //nolint:errorlint // as it is
			t.Errorf("%v after %d flows", err, n)
		}
	}
}

func TestWords(t *testing.T) {
	err := error(&Error{"save flows to", "/tmp/\x1b[1m", &os.PathError{Op: "write", Path: "/tmp/.ctsh-x", Err: unix.ENOSPC}})
	if got, want := err.Error(), `cannot save flows to "/tmp/\x1b[1m": no space left on device; free space there, or save elsewhere`; got != want || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%s, want %s", got, want)
	}
	if got := (&LineError{3, "a\x1b" + strings.Repeat("x", 1000), "odd"}).Error(); len(got) > 500 || !strings.HasPrefix(got, `line 3: odd in "a\x1b`) {
		t.Error(got)
	}
}
