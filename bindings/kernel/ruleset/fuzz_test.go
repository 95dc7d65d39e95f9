package ruleset

import (
	"errors"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Whatever comes in ends in a list, a refusal or errMalformed.
func FuzzDatagram(f *testing.F) {
	f.Add(datagram(timeout(unix.NFPROTO_INET, 17), end(netlink.Done, 0)))
	f.Add(datagram(object(unix.NFPROTO_IPV4, unix.NFT_OBJECT_QUOTA, make([]byte, 8)), timeout(unix.NFPROTO_IPV6, 6)))
	f.Add(datagram(end(netlink.Error, unix.EPERM)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := &found{}
		_, err := got.datagram(b, number)
		var no refusal
		if err != nil && !errors.As(err, &no) && !errors.Is(err, errMalformed) {
			t.Fatal(err)
		}
		list := got.list()
		for i := 1; i < len(list); i++ {
			a, b := list[i-1], list[i]
			if a.Family > b.Family || a.Family == b.Family && a.Proto >= b.Proto {
				t.Fatalf("not in order: %v %v", a, b)
			}
		}
	})
}
