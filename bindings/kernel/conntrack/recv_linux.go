package conntrack

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recv reads one datagram without blocking. With MSG_TRUNC the length is that
// of the datagram, even where it is more than len(b). quick uses a system
// call that does not tell the scheduler, which makes the loop as fast as one
// in C but keeps the processor if the call takes long.
func recv(fd uintptr, b []byte, quick bool) (int, error) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_TRUNC
	call := syscall.Syscall6
	if quick {
		call = syscall.RawSyscall6
	}
	for {
		n, _, errno := call(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}
