package netns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// New makes a fresh anonymous namespace. It holds nothing but a loopback
// interface that is down (see [NS.LoopbackUp]) and dies with its last user.
// It needs CAP_SYS_ADMIN, which the root of a user namespace has; without it
// the error is a [*PrivilegeError].
func New() (*NS, error) {
	var fresh *NS
	err := onThread(func(stay func()) error {
		home, err := Current()
		if err != nil {
			return err
		}
		defer home.Close()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			if errors.Is(err, unix.EPERM) {
				return &PrivilegeError{Op: "make a network namespace", Need: "CAP_SYS_ADMIN", Err: err}
			}
			return limitHint(fmt.Errorf("make a network namespace: %w", err))
		}
		fresh, err = Current()
		if home.enter() != nil {
			stay()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	fresh.name = fmt.Sprintf("net:[%d]", fresh.Inode())
	return fresh, nil
}

// limitHint explains ENOSPC, which stands for a limit on namespaces.
func limitHint(err error) error {
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w; the limit is user.max_net_namespaces", err)
	}
	return err
}

// LoopbackUp brings the interface lo of the namespace up.
func (ns *NS) LoopbackUp() error { return ns.Do(loopbackUp) }

// loopbackUp works on the namespace of the calling thread.
func loopbackUp() error {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	defer unix.Close(sock)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	if err := unix.IoctlIfreq(sock, unix.SIOCGIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	err = unix.IoctlIfreq(sock, unix.SIOCSIFFLAGS, lo)
	switch {
	case errors.Is(err, unix.EPERM):
		return &PrivilegeError{Op: "bring lo up", Need: "CAP_NET_ADMIN", Err: err}
	case err != nil:
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
