package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is not root and not whoever runs the tests.
const nobody = 65534

// tree makes files and directories in a fresh directory, which the test works
// in. A name with a slash at its end is a directory, "a>b" a link to b.
func tree(t *testing.T, names map[string]fs.FileMode) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name := range names {
		if dir := filepath.Dir(strings.TrimSuffix(name, "/")); dir != "." {
			must(t, os.MkdirAll(dir, 0o755))
		}
		link, target, isLink := strings.Cut(name, ">")
		switch {
		case isLink:
			must(t, os.Symlink(target, link))
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(name, 0o755))
		default:
			must(t, os.WriteFile(name, []byte("text of "+name), 0o600))
		}
	}
	for name, mode := range names { // last, so that the umask has no say
		if !strings.Contains(name, ">") {
			must(t, os.Chmod(name, mode))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mine opens as Open does, with the owner of the tests in the role of root.
func mine(t *testing.T, path string) (*os.File, error) {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	if !filepath.IsAbs(path) {
		path = dir + "/" + path
	}
	return open(path, uint32(os.Getuid()))
}

func TestOpen(t *testing.T) {
	tree(t, map[string]fs.FileMode{
		"good.lua": 0o644, "exec.lua": 0o755, "group.lua": 0o664, "world.lua": 0o606,
		"dir/": 0o755, "dir/s.lua": 0o600, "shared/": 0o775, "shared/s.lua": 0o600, "sticky/": os.ModeSticky | 0o777, "sticky/s.lua": 0o600,
		"to>good.lua": 0, "deep>dir/up": 0, "dir/up>../shared/s.lua": 0, "into>shared": 0, "loop>loop": 0, "gone>nowhere": 0,
		"dir/back>..": 0,
	})
	must(t, unix.Mkfifo("fifo", 0o600))
	here, err := os.Getwd()
	must(t, err)
	for path, want := range map[string]string{ // the component at fault, or an error, or ""
		"good.lua": "", "exec.lua": "", "./dir/../good.lua": "", "dir//s.lua": "", "to": "", "sticky/s.lua": "", "dir/back/dir/back/to": "",
		here + "/good.lua": "", "/../" + here + "/good.lua": "", "/proc/self/cwd/good.lua": "",
		"group.lua": "group.lua", "world.lua": "world.lua", "shared/s.lua": "shared", "deep": "shared", "into/s.lua": "shared",
		"shared/../good.lua": "shared",
		"none.lua":           unix.ENOENT.Error(), "shared/none.lua": unix.ENOENT.Error(), "gone": unix.ENOENT.Error(), "": unix.EISDIR.Error(),
		"dir": unix.EISDIR.Error(), "good.lua/x": unix.ENOTDIR.Error(), "loop": unix.ELOOP.Error(), "a\x00b": unix.EINVAL.Error(),
		strings.Repeat("x", 300): unix.ENAMETOOLONG.Error(), "fifo": errNotRegular.Error(), "/dev/null": errNotRegular.Error(), "/": unix.EISDIR.Error(),
	} {
		f, err := mine(t, path)
		var others *Error
		switch {
		case err == nil:
			text, readErr := io.ReadAll(f)
			if want != "" || readErr != nil || !strings.HasPrefix(string(text), "text of ") {
				t.Errorf("%q was opened: %q, %v; want %s", path, text, readErr, want)
			}
			f.Close()
		case errors.As(err, &others):
			if others.Component != filepath.Join(here, want) || want == "" || !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%q: %v, want %q", path, err, want)
			}
		case err.Error() != want:
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}

// What a shell makes of <(command) has no path but is open here.
func TestOpenPipe(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	f, err := mine(t, fmt.Sprintf("/dev/fd/%d", r.Fd()))
	must(t, err)
	defer f.Close()
	_, err = w.WriteString("through the pipe")
	must(t, err)
	w.Close()
	if text, err := io.ReadAll(f); err != nil || string(text) != "through the pipe" {
		t.Errorf("%q, %v", text, err)
	}
	// A name that looks like one is a name like any other.
	tree(t, map[string]fs.FileMode{"fd>pipe:[1]": 0})
	if f, err := mine(t, "fd"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", f, err)
	}
}

func TestOpenLeavesNothing(t *testing.T) {
	tree(t, map[string]fs.FileMode{"good.lua": 0o600, "bad.lua": 0o666, "to>good.lua": 0, "d/": 0o700})
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	before := count()
	for range 50 {
		for _, path := range []string{"good.lua", "bad.lua", "to", "d", "none"} {
			if f, err := mine(t, path); err == nil {
				f.Close()
			}
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	if err := os.Lchown(t.TempDir(), nobody, 0); err != nil {
		t.Skipf("cannot give files away: %v", err)
	}
}

func TestOpenOfOthers(t *testing.T) {
	needRoot(t)
	tree(t, map[string]fs.FileMode{
		"his.lua": 0o644, "hisdir/": 0o755, "hisdir/s.lua": 0o644, "link>good.lua": 0, "good.lua": 0o644,
		"tmp/": os.ModeSticky | 0o777, "tmp/his.lua": 0o644, "tmp/mine.lua": 0o644, "tmp/link>mine.lua": 0,
		"histmp/": os.ModeSticky | 0o777, "histmp/s.lua": 0o600, "it's/": 0o755, "it's/\x1b[31m": 0o666,
	})
	for _, name := range []string{"his.lua", "hisdir", "link", "tmp/his.lua", "tmp/link", "histmp", "it's/\x1b[31m"} {
		must(t, os.Lchown(name, nobody, 0))
	}
	here, err := os.Getwd()
	must(t, err)
	for path, want := range map[string][]string{ // parts of the message; nil opens
		"good.lua": nil, "tmp/mine.lua": nil,
		"his.lua":      {"the file " + here + "/his.lua belongs to", "has mode 0644; chown root:root " + here + "/his.lua"},
		"hisdir/s.lua": {"the directory " + here + "/hisdir belongs to", "copy the file to a directory of root's such as"},
		"link":         {"the link " + here + "/link belongs to", "; chown -h root:root " + here + "/link"},
		"tmp/his.lua":  {"the file " + here + "/tmp/his.lua"}, "tmp/link": {"the link " + here + "/tmp/link"},
		"histmp/s.lua":  {"the directory " + here + "/histmp", "mode 1777", "or chown root:root " + here + "/histmp"},
		"it's/\x1b[31m": {`the file ` + here + `/it's/\x1b[31m`, `chmod go-w '` + here + `/it'\''s/\x1b[31m'`},
	} {
		f, err := Open(path)
		if err == nil {
			f.Close()
		}
		if (err == nil) != (want == nil) {
			t.Errorf("%q: %v", path, err)
		}
		for _, part := range want {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%q: no %q in: %v", path, part, err)
			}
		}
	}
	if e := (&Error{Owner: 4294967294}).Error(); !strings.Contains(e, "belongs to user 4294967294") {
		t.Error(e)
	}
}

// However names are exchanged meanwhile, what is read was looked at.
func TestOpenRace(t *testing.T) {
	needRoot(t)
	tree(t, map[string]fs.FileMode{"d/s.lua": 0o644, "e/s.lua": 0o644, "s.lua": 0o644, "evil.lua": 0o644})
	must(t, os.Lchown("e", nobody, 0))
	must(t, os.Lchown("evil.lua", nobody, 0))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, "d", unix.AT_FDCWD, "e", unix.RENAME_EXCHANGE)
				_ = unix.Renameat2(unix.AT_FDCWD, "s.lua", unix.AT_FDCWD, "evil.lua", unix.RENAME_EXCHANGE)
			}
		}
	}()
	opened, refused := 0, 0
	for i := 0; i < 2000 || (opened == 0 || refused == 0) && i < 1<<20; i++ {
		path, want := "s.lua", "text of s.lua"
		if i%2 == 0 {
			path, want = "d/s.lua", "text of d/s.lua"
		}
		f, err := Open(path)
		if err != nil {
			refused++
			continue
		}
		opened++
		if text, err := io.ReadAll(f); err != nil || string(text) != want {
			t.Errorf("read %q, %v", text, err)
		}
		f.Close()
	}
	close(stop)
	<-stopped
	if opened == 0 || refused == 0 {
		t.Errorf("%d opened, %d refused: no race", opened, refused)
	}
}
