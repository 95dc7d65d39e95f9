package netns

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// watchEvery is how often the name is looked at even when inotify is silent:
// an unmount of the name alone makes no event in its directory.
const watchEvery = time.Second

// Watch notices within a second or so that the name or path the namespace was
// opened by is gone or has become another namespace. The channel then carries
// one [*DeletedError] (or the error that made watching impossible) and is
// closed. It is closed without a value when ctx ends, and also for a namespace
// that has no name to be deleted ([Current], [FromFD], [New]) not before that.
// For "pid:" it is the process that is watched.
func (ns *NS) Watch(ctx context.Context) <-chan error {
	gone := make(chan error, 1)
	if ns.path == "" {
		context.AfterFunc(ctx, func() { close(gone) })
		return gone
	}
	wait, stop := directoryWaiter(ctx, filepath.Dir(ns.path))
	go func() {
		defer close(gone)
		defer stop()
		for ctx.Err() == nil {
			if err := ns.checkName(); err != nil {
				gone <- err
				return
			}
			wait()
		}
	}()
	return gone
}

// checkName compares what the path is now with what was opened. The number of
// a namespace cannot be used again while we hold it, so equal means unchanged.
func (ns *NS) checkName() error {
	var st unix.Stat_t
	switch err := unix.Stat(ns.path, &st); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ESRCH):
		return &DeletedError{Name: ns.name}
	case err != nil:
		return &fs.PathError{Op: "watch network namespace", Path: ns.path, Err: err}
	case st.Ino == ns.stat.Ino && st.Dev == ns.stat.Dev:
		return nil
	case st.Dev == ns.stat.Dev:
		return &DeletedError{Name: ns.name, Replaced: true}
	}
	return &DeletedError{Name: ns.name} // unmounted: the plain file below shows
}

// directoryWaiter returns a function that returns after a change in dir, after
// watchEvery, or when ctx ends, whatever comes first; and one that frees it.
// Where inotify cannot be had (its limits) or fails, only the clock is used.
func directoryWaiter(ctx context.Context, dir string) (wait, stop func()) {
	clock := func() {
		select {
		case <-ctx.Done():
		case <-time.After(watchEvery):
		}
	}
	notify, err := openInotify(dir)
	if err != nil {
		return clock, func() {}
	}
	// A deadline in the past ends a read that is under way. The waiter looks at
	// ctx after it has set its own deadline, so it cannot overwrite this one.
	release := context.AfterFunc(ctx, func() { _ = notify.SetReadDeadline(time.Unix(1, 0)) })
	buf := make([]byte, 4096)
	wait = func() {
		err := notify.SetReadDeadline(time.Now().Add(watchEvery))
		if err == nil && ctx.Err() == nil {
			_, err = notify.Read(buf) // what happened is told by the name, not by the event
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			clock()
		}
	}
	return wait, func() { release(); _ = notify.Close() }
}

func openInotify(dir string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	const mask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "inotify "+dir), nil
}
