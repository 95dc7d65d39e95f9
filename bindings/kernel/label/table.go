package label

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Bits is how many labels there are; they are numbered from 0.
const Bits = 128

// paths are where the names are looked for: where conntrack(8) does
// (libnetfilter_conntrack, CONNLABEL_CFG), and nft(8) in the include path that
// it was built with (nftables, CONNLABEL_CONF).
var paths = []string{"/etc/xtables/connlabel.conf", "/etc/connlabel.conf", "/etc/nftables/connlabel.conf"}

// Table is the names of one file. Its methods read it when they are first
// called, and may be called from several goroutines.
type Table struct {
	paths []string
	once  sync.Once

	path     string
	bits     map[string]int
	names    []string
	first    [Bits]string // the first name of each bit, "" for none
	texts    [Bits]string
	problems []Problem
}

// Open returns the table of the first file that exists, of the given ones or,
// with none given, of where other programs look.
func Open(files ...string) *Table {
	if len(files) == 0 {
		files = paths
	}
	return &Table{paths: files}
}

var system atomic.Pointer[Table]

func init() { system.Store(Open()) }

// System is the table of this machine, read once in the life of the process.
func System() *Table { return system.Load() }

// Replace makes t the table of this machine until undo is called. It is for
// tests.
func Replace(t *Table) (undo func()) {
	old := system.Swap(t)
	return func() { system.Store(old) }
}

// Path is the file that was read, "" where none exists.
func (t *Table) Path() string { t.load(); return t.path }

// Names lists all names in order.
func (t *Table) Names() []string { t.load(); return t.names }

// Problems lists what could not be read, in the order of the lines.
func (t *Table) Problems() []Problem { t.load(); return t.problems }

// Name returns the name of a bit, the first one of the file, and whether it has
// one. A bit beyond 127 has none.
func (t *Table) Name(bit int) (name string, ok bool) {
	t.load()
	if bit < 0 || bit >= Bits {
		return "", false
	}
	return t.first[bit], t.first[bit] != ""
}

// Texts is what each bit is called: its name, or its number. It is not to be
// changed.
func (t *Table) Texts() *[Bits]string { t.load(); return &t.texts }

// Bit finds a label by its name, or by its number from 0 to 127, which no name
// can be. Upper and lower case differ, as they do for other programs. The error
// is an [*UnknownError].
func (t *Table) Bit(name string) (int, error) {
	if n, err := number(name); err == nil {
		return n, nil
	}
	t.load()
	if bit, ok := t.bits[name]; ok {
		return bit, nil
	}
	return 0, &UnknownError{Name: name, Nearest: suggest.Nearest(name, t.names), Path: t.path, Problems: t.problems}
}

// load reads the file if that was not done.
func (t *Table) load() {
	t.once.Do(func() {
		t.bits = map[string]int{}
		t.open()
		slices.Sort(t.names)
		for bit := range t.texts {
			if t.texts[bit] = t.first[bit]; t.texts[bit] == "" {
				t.texts[bit] = strconv.Itoa(bit)
			}
		}
	})
}
