package netns

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// HasCap reports whether the calling thread holds the capability, such as
// unix.CAP_NET_ADMIN, effectively. It counts only in our user namespace and
// those below: the root of a user namespace holds every capability there and
// none over a network namespace that another user namespace owns.
func HasCap(capability uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil || capability >= 64 {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}

// InUserNS reports whether the program runs in a user namespace below the
// initial one. There SO_RCVBUFFORCE and the sysctls of the initial network
// namespace stay closed even to root. As the kernel offers no better test, a
// user namespace with the identity map of all ids passes for the initial one.
func InUserNS() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !bytes.Equal(bytes.Join(bytes.Fields(ids), []byte(" ")), []byte("0 0 4294967295"))
}
