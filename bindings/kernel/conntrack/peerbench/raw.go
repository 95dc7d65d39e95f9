package main

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawDump is the limit: one socket, one buffer, and of each message only its
// length and type are looked at. It returns the number of messages.
func (w *world) rawDump() (n int, err error) {
	err = w.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Sendto(fd, dumpRequest(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		buf := make([]byte, 32<<10)
		for {
			size, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0, 0, 0)
			if errno != 0 {
				return errno
			}
			for b := buf[:size]; len(b) >= unix.NLMSG_HDRLEN; n++ {
				if binary.NativeEndian.Uint16(b[4:]) == unix.NLMSG_DONE {
					return nil
				}
				b = b[min(len(b), int(binary.NativeEndian.Uint32(b)+3)&^3):]
			}
		}
	})
	return n, err
}

// dumpRequest asks for all flows of both families.
func dumpRequest() []byte {
	const getFlows = 1<<8 | 1 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
	b := binary.NativeEndian.AppendUint32(nil, 20)
	b = binary.NativeEndian.AppendUint16(b, getFlows)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	return append(b, make([]byte, 12)...)
}
