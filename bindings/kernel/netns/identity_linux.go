package netns

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Identity names a network namespace for as long as the machine runs: no other
// ever has the same name, while inode numbers are given out again (linux
// sock_net cookie, SO_NETNS_COOKIE since 5.14). nil is the namespace of the
// process. On older kernels it is the inode, marked as such.
func Identity(ns *NS) (id string, err error) {
	read := func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		if err == nil {
			id = strconv.FormatUint(cookie, 10)
			return nil
		}
		var st unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
			return os.NewSyscallError("stat", err)
		}
		id = fmt.Sprintf("inode %d", st.Ino)
		return nil
	}
	if ns == nil {
		err = read()
		return id, err
	}
	err = ns.Do(read)
	return id, err
}
