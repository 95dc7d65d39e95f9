package label

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// file writes a connlabel.conf and returns its path.
func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "connlabel.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNames(t *testing.T) {
	tab := Open(file(t, "# labels\n0 eth0-in\n\n  0x7f\tlast one # of all\r\n3 web\n3 http\n3 web\n5 Web"))
	if want := []string{"Web", "eth0-in", "http", "last one", "web"}; !slices.Equal(tab.Names(), want) {
		t.Errorf("names %q, want %q", tab.Names(), want)
	}
	for name, want := range map[string]int{"eth0-in": 0, "last one": 127, "web": 3, "http": 3, "Web": 5, "0": 0, "7": 7, "127": 127} {
		if bit, err := tab.Bit(name); err != nil || bit != want {
			t.Errorf("%q is bit %d, %v; want %d", name, bit, err, want)
		}
	}
	for bit, want := range map[int]string{0: "eth0-in", 3: "web", 127: "last one"} {
		if name, ok := tab.Name(bit); !ok || name != want || tab.Texts()[bit] != want {
			t.Errorf("bit %d is %q, %q, want %q", bit, name, tab.Texts()[bit], want)
		}
	}
	for _, bit := range []int{-1, 1, 128} {
		if name, ok := tab.Name(bit); ok {
			t.Errorf("bit %d is %q", bit, name)
		}
	}
	if tab.Texts()[1] != "1" || len(tab.Problems()) != 0 {
		t.Errorf("bit 1 is called %q, problems %v", tab.Texts()[1], tab.Problems())
	}
}

func TestUnknown(t *testing.T) {
	path := file(t, "3 web\n")
	for _, c := range []struct{ path, name, want string }{
		{path, "wob", `unknown label "wob"; did you mean "web"?`},
		{path, "WEB", `unknown label "WEB"; did you mean "web"?`},
		{path, "zzzzzz", `unknown label "zzzzzz"; names are those of ` + path},
		{path, "128", "a number from 0 to 127"},
		{path, "", `unknown label ""`},
		{path + ".none", "web", "there is no /etc/xtables/connlabel.conf to name labels"},
		{file(t, "web 3\n"), "web", `connlabel.conf:1: "web" is not the number of a bit`},
		{file(t, "web 3\nx\ny\n"), "web", "and 2 more lines"},
	} {
		_, err := Open(c.path).Bit(c.name)
		var unknown *UnknownError
		if !errors.As(err, &unknown) || unknown.Name != c.name || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestProblems(t *testing.T) {
	path := file(t, "0 good\nx y\n128 beyond\n-1 neg\n010 octal\n7\n8 a,b\n9 42\n10 0x5\n11 bell\a\n12 \xff\n13 good\n99999999999999999999 huge\n14 a#b\n15 fine\n")
	tab := Open(path)
	want := []struct {
		line int
		msg  string
	}{{2, `"x" is not the number`}, {3, "the last is 127"}, {4, `"-1" is not the number`}, {5, "leading zero"}, {6, "bit 7 has no name"}, {7, "comma"}, {8, "is a number"}, {9, "is a number"}, {10, "cannot be shown"}, {11, "cannot be shown"}, {12, "name of bit 0 already"}, {13, "the last is 127"}, {14, "comma or #"}}
	got := tab.Problems()
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		if got[i].File != path || got[i].Line != w.line || !strings.Contains(got[i].Error(), w.msg) {
			t.Errorf("%v, want line %d: %s", got[i], w.line, w.msg)
		}
	}
	if names := tab.Names(); !slices.Equal(names, []string{"fine", "good"}) {
		t.Errorf("names %q", names)
	}
}

func TestFiles(t *testing.T) {
	none, dir := filepath.Join(t.TempDir(), "none"), t.TempDir()
	second := file(t, "4 second")
	if tab := Open(none, second); tab.Path() != second || !slices.Equal(tab.Names(), []string{"second"}) {
		t.Errorf("%s, %q; want the first that exists", tab.Path(), tab.Names())
	}
	if tab := Open(none); tab.Path() != "" || len(tab.Names()) != 0 || len(tab.Problems()) != 0 {
		t.Errorf("without a file: %s, %q, %v", tab.Path(), tab.Names(), tab.Problems())
	}
	for path, want := range map[string]string{
		dir: dir + ": cannot be read: not a file",
		file(t, "3 web\n4 "+strings.Repeat("x", 70_000)+"\n5 after\n"): ":2: cannot be read on",
		file(t, "3 web\n"+strings.Repeat("# comment\n", maxFile/10+1)): "what follows is not read",
	} {
		tab := Open(path, second)
		if p := tab.Problems(); len(p) != 1 || !strings.Contains(p[0].Error(), want) || tab.Path() != path {
			t.Errorf("%v, want one with %s", p, want)
		}
		if path != dir && !slices.Equal(tab.Names(), []string{"web"}) {
			t.Errorf("%s: names %q, want what stands before", path, tab.Names())
		}
	}
}

func TestReadOnce(t *testing.T) {
	path := file(t, "3 web\n")
	tab := Open(path)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if bit, err := tab.Bit("web"); bit != 3 || err != nil {
				t.Errorf("web is %d, %v", bit, err)
			}
		})
	}
	wg.Wait()
	if err := os.WriteFile(path, []byte("4 web\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bit, err := tab.Bit("web"); bit != 3 || err != nil {
		t.Errorf("web is %d after the file has changed, %v", bit, err)
	}
	undo := Replace(tab)
	if System() != tab {
		t.Error("not replaced")
	}
	if undo(); System() == tab {
		t.Error("still replaced")
	}
}

// FuzzRead reads any file: every name that it gives leads to its bit and back,
// and is told from a number.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"0 eth0-in\n3 web # x\n", "0x7f a b\r\n", "1 1\n01 x\n", "\xff\n3\u00a0x\n3\tx\n", "5 +a\n6 -a\n#\n # \n7 a#b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tab := &Table{path: "f"}
		tab.once.Do(func() {
			tab.bits = map[string]int{}
			tab.read(strings.NewReader(text))
		})
		for _, name := range tab.Names() {
			bit, err := tab.Bit(name)
			if err != nil || bit != tab.bits[name] {
				t.Fatalf("%q is bit %d, %v; want %d", name, bit, err, tab.bits[name])
			}
			if _, ok := tab.Name(bit); !ok || strings.Contains(name, ",") {
				t.Fatalf("bit %d of %q has no name", bit, name)
			}
		}
		for _, p := range tab.Problems() {
			if p.Error() == "" || p.Line < 1 || p.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%+v", p)
			}
		}
	})
}
