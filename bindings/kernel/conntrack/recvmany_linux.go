package conntrack

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver reads several datagrams by one recvmmsg into the caller's buffers.
// Its state is kept from call to call, so that it allocates nothing; one call
// at a time.
type receiver struct {
	hdrs []unix.Mmsghdr
	iovs []unix.Iovec
	ctrl []controlSpace // nil where no control messages are wanted
}

// controlSpace takes the one control message the kernel sends here, a cmsghdr
// and an int32, with room for a second.
type controlSpace [64]byte

// aim points the headers at the buffers. They stay as they are from call to
// call, but for what the kernel writes into them.
func (r *receiver) aim(msgs []Datagram) {
	if len(r.hdrs) < len(msgs) {
		r.hdrs = make([]unix.Mmsghdr, len(msgs))
		r.iovs = make([]unix.Iovec, len(msgs))
		if r.ctrl != nil {
			r.ctrl = make([]controlSpace, len(msgs))
		}
	}
	for i := range msgs {
		iov, hdr := &r.iovs[i], &r.hdrs[i].Hdr
		if base := unsafe.SliceData(msgs[i].Buf); iov.Base != base || hdr.Iov != iov {
			iov.Base = base
			hdr.Iov = iov
			hdr.SetIovlen(1)
		}
		iov.SetLen(len(msgs[i].Buf))
		if r.ctrl != nil {
			hdr.Control = &r.ctrl[i][0]
			hdr.SetControllen(len(r.ctrl[i]))
		}
	}
}

// receive reads up to n datagrams into what was aimed at, without blocking.
// The length of a datagram is told also where the buffer was too small for it.
func (r *receiver) receive(fd uintptr, n int) (int, syscall.Errno) {
	for {
		got, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(r.hdrs))),
			uintptr(n), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
		switch errno {
		case 0:
			return int(got), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// finish tells the datagrams how much they hold and where they are from.
func (r *receiver) finish(msgs []Datagram) {
	for i := range msgs {
		msgs[i].N = int(r.hdrs[i].Len)
		msgs[i].NSID = -1
		if r.ctrl != nil {
			msgs[i].NSID = r.ctrl[i].nsid(int(r.hdrs[i].Hdr.Controllen))
		}
	}
}

// nsid reads the NETLINK_LISTEN_ALL_NSID control message, which is missing
// for the socket's own namespace.
func (c *controlSpace) nsid(n int) int32 {
	b := c[:min(n, len(c))]
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		size := int(h.Len)
		if size < unix.SizeofCmsghdr || size > len(b) {
			break
		}
		if h.Level == unix.SOL_NETLINK && h.Type == unix.NETLINK_LISTEN_ALL_NSID && size >= unix.SizeofCmsghdr+4 {
			return *(*int32)(unsafe.Pointer(&b[unix.SizeofCmsghdr]))
		}
		b = b[min(unix.CmsgSpace(size-unix.SizeofCmsghdr), len(b)):]
	}
	return -1
}
