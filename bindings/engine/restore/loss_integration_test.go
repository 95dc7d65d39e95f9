package restore

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestGREEnds sends a packet of a restored GRE flow: it is the last one of it,
// unless packets do not move its timeout.
func TestGREEnds(t *testing.T) {
	ns, k := table(t, "")
	netnstest.Track(t, ns)
	for _, fixed := range []bool{false, true} {
		restoretest.Empty(t, k)
		c := restoretest.New(restoretest.Tuple(wire.ProtoGRE, "127.0.0.1", "127.0.0.2", 0, 0))
		if fixed {
			c.Entry.Status |= wire.StatusFixedTimeout
		}
		restoretest.Make(t, k, []*wire.Create{request(t, &c.Entry, Options{})})
		within(t, ns, func() error {
			sock, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_GRE)
			if err != nil {
				return err
			}
			defer unix.Close(sock)
			return unix.Sendto(sock, []byte{0, 0, 8, 0, 1, 2, 3, 4}, 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 2}})
		})
		there := slices.ContainsFunc(restoretest.Read(t, k), func(f restoretest.Flow) bool { return f.Entry.Timeout > 500 })
		lost := slices.ContainsFunc(Losses(&c.Entry, Options{}), func(l Loss) bool { return l.Field == "gre timeouts" })
		if there == lost {
			t.Errorf("fixed timeout %v: the flow is there: %v, and said to end: %v", fixed, there, lost)
		}
	}
}

// TestOneScale makes a connection again of which one direction scales its window:
// the kernel stores no scale then, which is said, and is no difference.
func TestOneScale(t *testing.T) {
	_, k := table(t, "")
	e := tcpFlow()
	e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 0}, Flags: [2]wire.TCPFlags{1, 0}})
	restoretest.Make(t, k, []*wire.Create{request(t, e, Options{})})
	is := restoretest.Read(t, k)[0].Entry
	if got := is.TCP(); got.WScale != [2]uint8{} || got.Flags != [2]wire.TCPFlags{1, 0} {
		t.Errorf("%+v", got)
	}
	if d := Differs(e, &is, Options{}); d != nil {
		t.Errorf("%q differ", d)
	}
	if !slices.ContainsFunc(Losses(e, Options{}), func(l Loss) bool { return l.Field == "wscale" }) {
		t.Error("it is not said that the scale is lost")
	}
}
