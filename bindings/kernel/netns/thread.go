package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Do runs fn on a thread inside the namespace and returns its error. Sockets
// that fn makes, files of /proc/sys/net that it opens and processes that it
// starts belong to the namespace; goroutines that it starts do not. A panic
// or a runtime.Goexit in fn (t.FailNow) goes on in the caller.
//
// Entering needs CAP_SYS_ADMIN, in our user namespace and in the one that owns
// the namespace; without it the error is a [*PrivilegeError].
func (ns *NS) Do(fn func() error) error {
	if ns.FD() < 0 {
		return fmt.Errorf("enter network namespace %q: %w", ns.name, fs.ErrClosed)
	}
	return onThread(func(stay func()) error {
		home, err := Current()
		if err != nil {
			return err
		}
		defer home.Close()
		if !ns.Equal(home) {
			if err := ns.enter(); err != nil {
				return err
			}
			defer func() {
				if home.enter() != nil {
					stay()
				}
			}()
		}
		return fn()
	})
}

// enter moves the calling thread.
func (ns *NS) enter() error {
	raw, err := ns.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("enter network namespace %q: %w", ns.name, err)
	}
	var errno error
	err = raw.Control(func(fd uintptr) { errno = unix.Setns(int(fd), unix.CLONE_NEWNET) })
	switch err := errors.Join(err, errno); {
	case errors.Is(err, unix.EPERM):
		return &PrivilegeError{Op: fmt.Sprintf("enter network namespace %q", ns.name), Need: "CAP_SYS_ADMIN", Err: unix.EPERM,
			Hint: "in our user namespace and in the one that owns the namespace"}
	case err != nil:
		return fmt.Errorf("enter network namespace %q: %w", ns.name, err)
	}
	return nil
}

// onThread runs fn on a goroutine locked to a thread. When fn has called stay
// the lock is never opened, and the runtime ends the thread with the goroutine
// instead of giving it, in a strange namespace, to others.
func onThread(fn func(stay func()) error) error {
	var (
		err    error
		caught any
		ended  bool // fn returned; else it panicked or called Goexit
		done   = make(chan struct{})
	)
	go func() {
		defer close(done)
		dirty := false
		runtime.LockOSThread()
		defer func() {
			if !dirty {
				runtime.UnlockOSThread()
			}
		}()
		defer func() {
			if ended {
				return
			}
			if v := recover(); v != nil {
				caught = &Panic{Value: v, Stack: debug.Stack()}
			}
		}()
		err = fn(func() { dirty = true })
		ended = true
	}()
	<-done
	if caught != nil {
		panic(caught)
	}
	if !ended {
		runtime.Goexit()
	}
	return err
}

// Panic is what [NS.Do] panics with when its function did: the original value
// and the stack of the place where it happened.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

// Unwrap gives the panic value when it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
