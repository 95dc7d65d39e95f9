package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Table is the sysctls of one network namespace. It holds nothing open and may
// be used by several goroutines.
type Table struct {
	ns   *netns.NS
	root string
}

// Open gives the sysctls of ns, nil for the namespace of the program. It does
// not take ns over: ns must stay open as long as the table is used.
func Open(ns *netns.NS) *Table { return &Table{ns: ns, root: "/proc/sys"} }

// OpenRoot gives sysctls kept as plain files below root, as a test or a saved
// copy of /proc/sys has them.
func OpenRoot(root string) *Table { return &Table{root: root} }

// Entry is a key with its state in one namespace.
type Entry struct {
	Key
	Present  bool  // the kernel has it here
	Writable bool  // its file has a write permission here; who may use it is another matter
	Value    int64 // 0 unless Present
	Err      error // why a present key could not be read, or nil
}

// Change is what [Table.Set] did.
type Change struct {
	Key      Key
	Was, Now int64 // Now is read back: the kernel rounds some values
}

// Get returns the value of a key (see [Lookup] for names) in base units.
// Errors: [*UnknownKeyError], [*AbsentError].
func (t *Table) Get(name string) (int64, error) {
	k, err := Lookup(name)
	if err != nil {
		return 0, err
	}
	var v int64
	err = t.do(func() error {
		v, err = t.read(k)
		return err
	})
	return v, err
}

// Set parses value as [Key.Parse] does, writes it and reads it back. Errors:
// [*UnknownKeyError], [*ValueError], [*AbsentError], [*ReadOnlyError],
// [*PrivilegeError]; nothing was changed then.
func (t *Table) Set(name, value string) (Change, error) {
	k, v, err := t.settable(name, value)
	if err != nil {
		return Change{}, err
	}
	return t.set(k, v, func(int64) bool { return true })
}

// SetInt is [Table.Set] with a number in base units.
func (t *Table) SetInt(name string, value int64) (Change, error) {
	return t.Set(name, strconv.FormatInt(value, 10))
}

// Replace is [Table.SetInt] for a key that has the value was, and tells whether
// it had: what somebody else has set stays, and is Was and Now of the change. was
// may be a value that the kernel rounded (see [Key.Kept]).
func (t *Table) Replace(name string, was, value int64) (change Change, had bool, err error) {
	k, v, err := t.settable(name, strconv.FormatInt(value, 10))
	if err != nil {
		return Change{}, false, err
	}
	change, err = t.set(k, v, func(now int64) bool {
		had = now == k.Kept(was)
		return had
	})
	return change, had, err
}

// List returns every declared key in the order of the table, absent ones too.
// The error is that of entering the namespace.
func (t *Table) List() ([]Entry, error) {
	entries := make([]Entry, 0, len(keys))
	err := t.do(func() error {
		for _, k := range keys {
			entries = append(entries, t.entry(k))
		}
		return nil
	})
	return entries, err
}

func (t *Table) entry(k Key) Entry {
	e := Entry{Key: k}
	info, err := os.Stat(t.path(k))
	if errors.Is(err, fs.ErrNotExist) {
		return e
	}
	e.Present = true
	if err == nil {
		e.Writable = info.Mode().Perm()&0o222 != 0
		e.Value, err = t.read(k)
	}
	e.Err = err
	return e
}

// settable finds a key that can be set, and reads a value for it.
func (t *Table) settable(name, value string) (k Key, v int64, err error) {
	if k, err = Lookup(name); err != nil {
		return k, 0, err
	}
	if k.ReadOnly {
		return k, 0, &ReadOnlyError{Key: k, Netns: t.where()}
	}
	v, err = k.Parse(value)
	return k, v, err
}

// set sets a key, if its value now may be changed.
func (t *Table) set(k Key, v int64, may func(now int64) bool) (Change, error) {
	change := Change{Key: k}
	err := t.do(func() (err error) {
		if change.Was, err = t.read(k); err != nil {
			return err
		}
		if change.Now = change.Was; !may(change.Was) {
			return nil
		}
		if err := t.write(k, v); err != nil {
			return err
		}
		change.Now, err = t.read(k)
		return err
	})
	return change, err
}

// read must run inside the namespace, as must write.
func (t *Table) read(k Key) (int64, error) {
	raw, err := os.ReadFile(t.path(k))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, t.absent(k)
	}
	if err != nil {
		return 0, fmt.Errorf("read sysctl %s: %w", k.Name, err)
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read sysctl %s: %w", k.Name, err)
	}
	return v, nil
}

func (t *Table) write(k Key, v int64) error {
	text := strconv.FormatInt(v, 10)
	f, err := os.OpenFile(t.path(k), os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.WriteString(text + "\n")
		err = errors.Join(err, f.Close())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return t.absent(k)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return &ValueError{Key: k, Value: text, Reason: "the kernel refuses it"}
	case errors.Is(err, fs.ErrPermission):
		if info, statErr := os.Stat(t.path(k)); statErr == nil && info.Mode().Perm()&0o222 == 0 {
			return &ReadOnlyError{Key: k, Netns: t.where()}
		}
		need := "CAP_NET_ADMIN in the user namespace that owns network namespace " + t.where()
		if k.Scope != PerNetns {
			need = "root of the initial user namespace"
		}
		return &PrivilegeError{Key: k, Need: need, Err: err}
	}
	return fmt.Errorf("set sysctl %s: %w", k.Name, err)
}

// absent says why a key is not there, from general to special.
func (t *Table) absent(k Key) error {
	e := &AbsentError{Key: k, Reason: k.Optional}
	_, err := os.Stat(filepath.Join(t.root, "net/netfilter/nf_conntrack_count"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(k.Name, conntrack):
		e.Reason = "connection tracking is not loaded (module nf_conntrack)"
	case k.Scope == InitOnly:
		e.Reason = "only the initial network namespace has it"
	case k.Scope == Global:
		e.Reason = "this kernel shows it in the initial network namespace only"
	case e.Reason == "":
		e.Reason = "this kernel does not have it"
	}
	return e
}

func (t *Table) path(k Key) string { return filepath.Join(t.root, k.path()) }

func (t *Table) do(fn func() error) error {
	if t.ns == nil {
		return fn()
	}
	return t.ns.Do(fn)
}

func (t *Table) where() string {
	if t.ns == nil {
		return "self"
	}
	return t.ns.String()
}
