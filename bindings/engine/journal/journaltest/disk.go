package journaltest

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/journal"
)

// Disk is the file system of the machine until a fault is set. Syncs are counted
// and not made: they cost time, and no test pulls the plug.
type Disk struct {
	mu     sync.Mutex
	room   int64 // bytes that still fit
	full   bool  // room counts
	free   int64 // what is said to be free
	lies   bool  // free counts
	syncs  int   // that still succeed
	broken bool  // syncs counts
	synced []string
	files  []*file
}

// FillAfter makes the disk full once n more bytes were written: the write that
// goes beyond is done in part, as the kernel does it, and fails with ENOSPC.
func (d *Disk) FillAfter(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room, d.full = n, true
}

// BreakAfter makes every sync after n more of them fail with EIO, of files and of
// directories.
func (d *Disk) BreakAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs, d.broken = n, true
}

// Claim makes the disk say that n bytes are free.
func (d *Disk) Claim(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free, d.lies = n, true
}

// Repair takes all faults away.
func (d *Disk) Repair() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.broken, d.lies = false, false, false
}

// Synced are the names of what was synced so far, in order: of files that in
// the directory, of the directory ".".
func (d *Disk) Synced() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.synced...)
}

// Forget forgets what was synced so far.
func (d *Disk) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = nil
}

// MkdirAll implements [journal.FS].
func (d *Disk) MkdirAll(path string) error { return os.MkdirAll(path, 0o700) }

// OpenDir implements [journal.FS].
func (d *Disk) OpenDir(path string) (journal.Folder, error) {
	f, err := journal.OS{}.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return &folder{f, d}, nil
}

// take is how many of n bytes still fit.
func (d *Disk) take(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.full {
		return n
	}
	n = int(min(d.room, int64(n)))
	d.room -= int64(n)
	return n
}

// sync is the error of the next sync.
func (d *Disk) sync(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken && d.syncs == 0 {
		return unix.EIO
	}
	d.syncs--
	d.synced = append(d.synced, name)
	return nil
}

type folder struct {
	journal.Folder
	disk *Disk
}

// Sync implements [journal.Handle].
func (f *folder) Sync() error { return f.disk.sync(".") }

// Create implements [journal.Folder].
func (f *folder) Create(name string) (journal.File, error) {
	c, err := f.Folder.Create(name)
	if err != nil {
		return nil, err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	created := &file{c, f.disk, name}
	f.disk.files = append(f.disk.files, created)
	return created, nil
}

// Rename implements [journal.Folder].
func (f *folder) Rename(from, to string) error {
	if err := f.Folder.Rename(from, to); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, c := range f.disk.files {
		if c.name == from {
			c.name = to
		}
	}
	return nil
}

// Free implements [journal.Folder].
func (f *folder) Free() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.lies {
		return f.disk.free, nil
	}
	return f.Folder.Free()
}

type file struct {
	journal.File
	disk *Disk
	name string
}

// Write implements [io.Writer].
func (f *file) Write(p []byte) (int, error) {
	n := f.disk.take(len(p))
	if n == len(p) {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:n])
	if err == nil {
		err = unix.ENOSPC
	}
	return n, err
}

// Sync implements [journal.Handle].
func (f *file) Sync() error {
	f.disk.mu.Lock()
	name := f.name
	f.disk.mu.Unlock()
	return f.disk.sync(name)
}
