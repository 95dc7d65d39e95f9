package journal

import (
	"io/fs"
	"path/filepath"
	"slices"
)

// prune removes files that are too many, and the marks of journals that are
// gone. It returns the IDs of the files that stay, newest first, and those of them
// that may still be written to. What cannot be removed stays: that is no reason
// not to work. It is called under the lock of the directory.
func (s *Store) prune(d Folder, names []string, undoes string) (ids, live []string) {
	ids = idsOf(names)
	undone := covering(undoes, ids)
	var total int64
	for i, id := range ids {
		size, locked := inspect(d, id+suffix)
		total += size
		if locked {
			live = append(live, id)
		}
		// The newest stays however large it is: the next small change must not
		// cost the way back from a large one.
		if i == 0 || i < s.keep-1 && total <= s.bytes || id == undone || locked {
			continue
		}
		if s.remove(d, id) {
			ids[i] = ""
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	// A journal goes before its mark, so that a crash in between leaves none that
	// seems not to be undone.
	for _, name := range names {
		if id, kind, ok := split(name); ok && kind != suffix && (kind != markSuffix || covering(id, ids) == "") {
			_ = d.Remove(name)
		}
	}
	return ids, live
}

// inspect tells the length of a file, 0 where it cannot be told, and whether it
// may still be written to.
func inspect(d Folder, name string) (size int64, live bool) {
	f, err := d.Open(name)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	free, err := f.TryLock(false)
	return size, err != nil || !free
}

// remove removes a file that nobody writes or reads, and tells whether it is
// gone.
func (s *Store) remove(d Folder, id string) bool {
	f, err := d.Open(id + suffix)
	if err != nil {
		return false
	}
	defer f.Close()
	if own(f, filepath.Join(s.dir, id+suffix), fs.FileMode(0)) != nil {
		return false
	}
	if free, err := f.TryLock(true); err != nil || !free {
		return false
	}
	return d.Remove(id+suffix) == nil
}
