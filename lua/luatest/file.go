package luatest

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/lua/vm"
)

var update = flag.Bool("update", false, "write what came out into the transcripts")

// Files runs every transcript (*.ctt) of a folder as a test of its own, in a
// state from newVM. Lines that begin with "# " are remarks, and blank lines at
// the end of an output do not count. With -update, an output that does not fit
// is replaced by what came.
func Files(t *testing.T, dir string, newVM func(t *testing.T, stdout io.Writer) *vm.VM) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.ctt"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no transcripts in %s (%v)", dir, err)
	}
	for _, path := range list {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".ctt"), func(t *testing.T) { runFile(t, path, newVM) })
	}
}

func runFile(t *testing.T, path string, newVM func(t *testing.T, stdout io.Writer) *vm.VM) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := split(string(text))
	var out bytes.Buffer
	v := newVM(t, &out)
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	var now strings.Builder
	for _, p := range parts {
		if p.remark {
			now.WriteString(p.text)
			continue
		}
		steps, err := parse(p.text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, s := range steps {
			diff := s.check(v, &out)
			if diff != "" && !*update {
				t.Error(diff)
			}
			if diff != "" {
				s.want = s.came
			}
			now.WriteString(s.String())
		}
		now.WriteString("\n")
	}
	if got := strings.TrimRight(now.String(), "\n") + "\n"; *update && got != string(text) {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the source
			t.Fatal(err)
		}
	}
}

// piece is a part of a file: remarks and blank lines, or steps.
type piece struct {
	text   string
	remark bool
}

// split takes a file apart where input begins and where remarks do.
func split(text string) (list []piece) {
	remark := true
	begin := 0
	flush := func(at int) {
		if at > begin {
			list = append(list, piece{text[begin:at], remark})
		}
		begin = at
	}
	for at := 0; at < len(text); {
		line, rest, _ := strings.Cut(text[at:], "\n")
		switch {
		case strings.HasPrefix(line, "# ") && !remark:
			flush(at)
			remark = true
		case strings.HasPrefix(line, first):
			flush(at) // a step of its own
			remark = false
		}
		at = len(text) - len(rest)
	}
	flush(len(text))
	return list
}

// String renders the step as it stands in a file.
func (s *step) String() string {
	text := first + strings.ReplaceAll(s.input, "\n", "\n"+more) + "\n"
	for _, line := range s.want {
		text += line + "\n"
	}
	return text
}
